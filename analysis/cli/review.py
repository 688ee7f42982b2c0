"""``promreview review``: all notebooks through Papermill, checked before they run, and the page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli.options import EachValueOf, Environment, EveryEnvironment, FailOn, FailOnOption, Format, Timeout, Url

if TYPE_CHECKING:
    from analysis.cli.members import Fleet
    from analysis.report.review import Plan
    from analysis.settings.review import MonthlyReviewSettings

Rehearse = Annotated[
    bool, typer.Option("--dry-run", help="check the parameters, ask what the queries will cost, and stop")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("review")(review)


def review(
    month: Annotated[
        str, typer.Option("--month", help="calendar month YYYY-MM; the last whole one when left out")
    ] = "",
    url: Url = None,
    environment: Environment = None,
    every_environment: EveryEnvironment = False,
    each_value_of: EachValueOf = "",
    only: Annotated[list[str] | None, typer.Option("--only", help="run this report alone; may be repeated")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="what is done is not done again")] = False,
    jobs: Annotated[int, typer.Option("--jobs", help="how many notebooks at once", min=1)] = 2,
    timezone: Annotated[str, typer.Option("--timezone", help="IANA time zone of the month")] = "",
    outputs: Annotated[str, typer.Option("--outputs", help="folder of all results")] = "",
    fail_on: FailOnOption = FailOn.never,
    dry_run: Rehearse = False,
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
    format: Annotated[Format, typer.Option("--format", help="of --dry-run: table or json")] = Format.table,  # noqa: A002
) -> None:
    """Run all notebooks of the monthly review and make the page."""
    from analysis.cli.members import fleet_of
    from analysis.report.review import plan_review
    from analysis.settings import ConnectionSettings

    settings = _settings({"month": month, "timezone": timezone, "outputs": outputs})
    fleet = fleet_of(
        settings.window(),
        url=url or "",
        environment=environment or "",
        each_value_of=each_value_of,
        every=every_environment,
    )
    if fleet:
        form = format if dry_run else None
        _review_fleet(fleet, settings, only or (), resume=resume, jobs=jobs, fail_on=fail_on, form=form)
        return
    plan = plan_review(settings, url=url or "", environment=ConnectionSettings().environment, only=only or ())
    if dry_run:
        _rehearse(plan, url or "", format, resume=resume)
    else:
        _review(plan, url, jobs, fail_on, resume=resume)


def _settings(given: dict[str, str]) -> "MonthlyReviewSettings":
    from datetime import UTC, datetime

    from analysis.settings.base import last_whole_month, load_settings
    from analysis.settings.review import MonthlyReviewSettings

    file = Path("params") / "monthly_review.yaml"
    settings = load_settings(MonthlyReviewSettings, file if file.exists() else None, given)
    if settings.month:
        return settings
    return settings.model_copy(update={"month": last_whole_month(datetime.now(UTC), settings.timezone)})


def _review(plan: "Plan", url: str | None, jobs: int, fail_on: FailOn, *, resume: bool) -> None:
    from analysis.errors import IncompleteError
    from analysis.report.deliver import check_addresses, deliver
    from analysis.report.review import is_done, run_review
    from analysis.report.status import Status

    check_addresses()
    if not (resume and all(is_done(job) for job in plan.jobs)):
        _ask(url, plan.folder)

    def told(status: Status) -> None:
        why = f": {status.reason}" if status.reason else ""
        whose = f"{plan.environment}: " if plan.environment else ""
        typer.echo(f"{whose}{status.report}: {status.state} in {status.seconds:.0f} s{why}", err=True)

    statuses = run_review(plan, workers=jobs, resume=resume, told=told)
    failed = [status.report for status in statuses if status.state == "failed"]
    if failed:
        _ask_again(url)
    typer.echo(str(plan.folder / "index.html"))
    records = deliver(plan.folder, statuses)
    _say_delivered(records)
    if plan.settings.grafana_url:
        _annotate(plan.folder, plan.settings.grafana_url)
    if failed:
        raise IncompleteError(f"failed: {', '.join(failed)}; see {plan.folder / 'index.html'}")
    if not all(record["arrived"] for record in records):
        raise IncompleteError(f"the review is done, and not everybody got it; see {plan.folder / 'delivery.json'}")
    leave_if_found(plan.folder, fail_on)


def _annotate(folder: Path, url: str) -> None:
    """Never in the way of a review: what fails is said and stands on record."""
    from analysis.errors import InputError
    from analysis.report.annotate import annotate

    try:
        record = annotate(folder, url)
    except InputError as error:
        record = {"arrived": False, "why": str(error)}
    sent = f"{record['made']} made, {record['changed']} changed" if record["arrived"] else f"NOT sent: {record['why']}"
    typer.echo(f"annotations in Grafana: {sent}", err=True)


def _review_fleet(
    fleet: "Fleet",
    settings: "MonthlyReviewSettings",
    only: Sequence[str],
    *,
    resume: bool,
    jobs: int,
    fail_on: FailOn,
    form: Format | None,
) -> None:
    """Each member by this same command; `form` is that of a rehearsal, None where it is the review itself."""
    from analysis.cli.fleet import rehearse_fleet, review_fleet

    given = {"--month": settings.month, "--timezone": settings.timezone, "--outputs": settings.outputs}
    arguments = ["review", *(word for name, value in given.items() if value for word in (name, value))]
    arguments += [word for name in only for word in ("--only", name)]
    arguments += ["--resume"] if resume else []
    if form:
        rehearse_fleet(fleet.members, [*arguments, "--format", form.value])
    else:
        review_fleet(fleet, arguments, settings, only or settings.reports, jobs, fail_on)


def _rehearse(plan: "Plan", url: str, form: Format, *, resume: bool) -> None:
    from analysis.cli.review_cost import print_cost, review_cost
    from analysis.errors import InputError

    if form is Format.csv:
        raise InputError("--format csv: the cost of a review is printed as table or json")
    typer.echo("the parameters of all reports are right; asking what the queries will cost", err=True)
    print_cost(plan.values["month"], review_cost(plan, url, resume=resume), form)


def _say_delivered(records: list[dict[str, Any]]) -> None:
    for record in records:
        how = "delivered" if record["arrived"] else "NOT delivered"
        typer.echo(f"{record['kind']}: {how} through {record['service']}", err=True)


def _ask(url: str | None, folder: Path) -> None:
    """Fail at once, and touch no result, where the server is dead and nothing stands in for it; tell who is to know."""
    from analysis.cli.fleet import note_unreachable
    from analysis.errors import SourceError, UnreachableError
    from analysis.prometheus import connect
    from analysis.report.deliver import deliver_failure

    with connect(url) as prom:
        try:
            prom.api.get("query", {"query": "vector(1)"})  # of the server itself, whatever an archive holds
        except SourceError as error:
            note_unreachable(str(error))
            if prom.recorder is None or not isinstance(error, UnreachableError):
                _say_delivered(deliver_failure(folder, str(error)))
                raise
            typer.echo(f"{error}\nthis review works from the archive alone", err=True)


def _ask_again(url: str | None) -> None:
    """Tell a fleet, too, of a server that went away in the middle of its review."""
    from analysis.cli.fleet import note_unreachable
    from analysis.errors import SourceError
    from analysis.prometheus import connect

    with connect(url) as prom:
        try:
            prom.api.get("query", {"query": "vector(1)"})
        except SourceError as error:
            note_unreachable(str(error))


def leave_if_found(folder: Path, fail_on: FailOn) -> None:
    """Exit with 1 where a finding is at or above the severity asked for."""
    import json

    from analysis.cli.printing import leave_for

    body = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    leave_for((finding["severity"] for document in body["reports"] for finding in document["findings"]), fail_on)
