"""``promreview review`` and ``promreview run``: notebooks through Papermill, checked before they run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli.options import Environment, FailOn, FailOnOption, Format, Url

if TYPE_CHECKING:
    from analysis.report.review import Plan

Parameter = Annotated[
    list[str] | None, typer.Option("-p", "--parameter", help="NAME VALUE (or NAME=VALUE); may be repeated")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="check the parameters and stop")]
Rehearse = Annotated[
    bool, typer.Option("--dry-run", help="check the parameters, ask what the queries will cost, and stop")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("review")(review)
    app.command("page")(page)
    app.command("run")(run)


def run(
    notebook: Annotated[str, typer.Argument(help="name of a notebook in notebooks/, or its path")],
    parameter: Parameter = None,
    url: Url = None,
    environment: Environment = None,  # noqa: ARG001 - its callback does the work
    output: Annotated[str, typer.Option("--output", help="folder of the results")] = "",
    dry_run: DryRun = False,
) -> None:
    """Run one notebook through Papermill; parameters are checked before anything runs."""
    from datetime import UTC, datetime

    from analysis.errors import IncompleteError
    from analysis.report.review import run_alone
    from analysis.report.runner import open_notebook, prepare

    book = open_notebook(notebook)
    values = dict(pair.split("=", 1) for pair in parameter or []) | ({"url": url} if url else {})
    day = datetime.now(UTC).strftime(getattr(book.model, "folder", "%Y-%m-%d"))
    file = Path("params") / f"{book.name}.yaml"
    directory = Path(output or Path("outputs", values.get("month") or day, book.name))
    job = prepare(book, values, directory, file if file.exists() else None)
    if dry_run:
        typer.echo(f"{book.name}: the parameters are right; nothing was run", err=True)
        return
    status = run_alone(job, file if file.exists() else None)
    if status.state != "done":
        raise IncompleteError(status.reason)
    typer.echo(str(directory / f"{book.name}.html"))


def review(
    month: Annotated[
        str, typer.Option("--month", help="calendar month YYYY-MM; the last whole one when left out")
    ] = "",
    url: Url = None,
    environment: Environment = None,
    every_environment: Annotated[
        bool, typer.Option("--every-environment", help="review each of params/environments, one after the other")
    ] = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="run this report alone; may be repeated")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="what is done is not done again")] = False,
    jobs: Annotated[int, typer.Option("--jobs", help="how many notebooks at once", min=1)] = 2,
    timezone: Annotated[str, typer.Option("--timezone", help="IANA time zone of the month")] = "",
    outputs: Annotated[str, typer.Option("--outputs", help="folder of all results")] = "",
    fail_on: FailOnOption = FailOn.never,
    dry_run: Rehearse = False,
    format: Annotated[Format, typer.Option("--format", help="of --dry-run: table or json")] = Format.table,  # noqa: A002
) -> None:
    """Run all notebooks of the monthly review and make the page."""
    from datetime import UTC, datetime

    from analysis.errors import IncompleteError
    from analysis.report.deliver import deliver
    from analysis.report.review import plan_review, run_review
    from analysis.report.status import Status
    from analysis.settings.base import last_whole_month, load_settings
    from analysis.settings.review import MonthlyReviewSettings

    if every_environment:
        _review_every(url or environment)
        return
    file = Path("params") / "monthly_review.yaml"
    given = {"month": month, "timezone": timezone, "outputs": outputs}
    settings = load_settings(MonthlyReviewSettings, file if file.exists() else None, given)
    if not settings.month:
        settings = settings.model_copy(update={"month": last_whole_month(datetime.now(UTC), settings.timezone)})
    plan = plan_review(settings, url=url or "", environment=environment or "", only=only or ())
    if dry_run:
        _rehearse(plan, url or "", format, resume=resume)
        return
    if not resume:
        _ask(url, plan.folder)

    def told(status: Status) -> None:
        typer.echo(f"{status.report}: {status.state} in {status.seconds:.0f} s {status.reason}".rstrip(), err=True)

    statuses = run_review(plan, workers=jobs, resume=resume, told=told)
    typer.echo(str(plan.folder / "index.html"))
    _say_delivered(deliver(plan.folder, statuses))
    if settings.grafana_url:
        _annotate(plan.folder, settings.grafana_url)
    failed = [status.report for status in statuses if status.state == "failed"]
    if failed:
        raise IncompleteError(f"failed: {', '.join(failed)}; see {plan.folder / 'index.html'}")
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


def _review_every(one: str | None) -> None:
    import sys

    from analysis.cli.environments import FLAG, review_every
    from analysis.errors import InputError

    if one:
        raise InputError(f"{FLAG} goes with neither --url nor --environment")
    review_every(sys.argv[1:])


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
    from analysis.errors import SourceError, UnreachableError
    from analysis.prometheus import connect
    from analysis.report.deliver import deliver_failure

    with connect(url) as prom:
        try:
            prom.instant("vector(1)")
        except SourceError as error:
            if prom.recorder is None or not isinstance(error, UnreachableError):
                _say_delivered(deliver_failure(folder, str(error)))
                raise
            typer.echo(f"{error}\nthis review works from the archive alone", err=True)


def page(
    month: Annotated[str, typer.Option("--month", help="calendar month YYYY-MM, ISO week YYYY-Www, or day YYYY-MM-DD")],
    environment: Environment = None,
    outputs: Annotated[str, typer.Option("--outputs", help="folder of all results")] = "",
) -> None:
    """Make the page of a month, a week or a day from its files, also where something else ran the notebooks."""
    from analysis.errors import InputError
    from analysis.report.periods import TITLES, period_of
    from analysis.report.review import remake_page
    from analysis.settings import load_settings
    from analysis.settings.review import MonthlyReviewSettings

    file, period = Path("params") / "monthly_review.yaml", period_of(month)
    if period is None:
        raise InputError(f"--month {month}: write a month (2026-11), an ISO week (2026-W48) or a day (2026-11-24)")
    given = {"month": month if period == "month" else "", "outputs": outputs}
    settings = load_settings(MonthlyReviewSettings, file if file.exists() else None, given)
    folder = Path(settings.outputs, month, *([environment] if environment else []))
    if not folder.is_dir():
        first = f"review --month {month}" if period == "month" else "run NOTEBOOK"
        raise InputError(f"there are no results in {folder}; run promreview {first} first")
    if period != "month":
        reports = sorted(path.parent.name for path in folder.glob("*/findings.json"))
        settings = settings.model_copy(update={"title": TITLES[period], "reports": reports or settings.reports})
    typer.echo(str(remake_page(folder, settings)))


def leave_if_found(folder: Path, fail_on: FailOn) -> None:
    """Exit with 1 where a finding is at or above the severity asked for."""
    import json

    if fail_on is FailOn.never:
        return
    body = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    found = {finding["severity"] for document in body["reports"] for finding in document["findings"]}
    worst_first = ["critical", "high", "medium", "low", "info"]
    watched = ["unknown"] if fail_on is FailOn.unknown else worst_first[: worst_first.index(fail_on.value) + 1]
    if found & set(watched):
        raise typer.Exit(1)
