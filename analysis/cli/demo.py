"""``promreview demo``: the whole monthly review on a private Prometheus with labelled data."""

from pathlib import Path
from typing import Annotated, Any

import typer

RULES = Path("monitoring/prometheus")
SERVER_CONFIG = "global: {evaluation_interval: 1m}\nrule_files: ['*-rules.yml', '*-alerts.yml']\n"
DEMO_SEED = 20260901


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    outputs: Annotated[str, typer.Option("--outputs", help="folder of its results")] = "outputs/demo",
    seed: Annotated[int, typer.Option("--seed", help="another seed gives other data")] = DEMO_SEED,
    days: Annotated[int, typer.Option("--days", help="days of data, up to the end of the month", min=2)] = 61,
    jobs: Annotated[int, typer.Option("--jobs", help="how many notebooks at once", min=1)] = 2,
) -> None:
    """Make two months of labelled data, and review the last one: a private Prometheus that leaves nothing behind."""
    from tqdm.auto import tqdm

    from analysis.errors import IncompleteError

    with tqdm(total=100, desc="making labelled data", bar_format="{l_bar}{bar}| {elapsed}") as bar:
        from analysis.datasets.demo import demo_month

        platform, window, month = demo_month(days, seed)
        bar.update(100)
    with _server() as server:
        _fill(server, platform, window)
        folder, failed = _review(server.url, month, outputs, jobs)
    _say(folder)
    if failed:
        raise IncompleteError(f"failed: {', '.join(failed)}; see {folder / 'index.html'}")


def _server() -> Any:
    from analysis.datasets.backfill import SERVER_ARGUMENTS
    from analysis.prometheus.private_server import PrivatePrometheus

    return PrivatePrometheus(arguments=SERVER_ARGUMENTS)


def _fill(server: Any, platform: Any, window: Any) -> None:
    from tqdm.auto import tqdm

    from analysis.datasets.backfill import backfill
    from analysis.datasets.recorded import backfill_recordings
    from analysis.prometheus import connect
    from analysis.prometheus.rule_files import groups_of_files

    with tqdm(total=100, desc="writing it into Prometheus", bar_format="{l_bar}{bar}| {elapsed}") as bar:
        backfill(server.url, platform.samples, lambda share: bar.update(round(100 * share) - bar.n))
    files = sorted(RULES.glob("*.yml"))
    with tqdm(total=1, desc="evaluating recording rules", bar_format="{l_bar}{bar}| {elapsed}") as bar:
        rules = [path for path in files if path.name.startswith("recording")]
        with connect(server.url) as prom:
            backfill_recordings(prom, groups_of_files(rules), window)
        bar.update(1)
    shipped = {path.name: path.read_text(encoding="utf-8") for path in files if path.name != "prometheus.yml"}
    server.reload({**shipped, "prometheus.yml": SERVER_CONFIG})


def _review(url: str, month: str, outputs: str, jobs: int) -> tuple[Path, list[str]]:
    from tqdm.auto import tqdm

    from analysis.report.review import plan_review, run_review
    from analysis.settings import load_settings
    from analysis.settings.review import MonthlyReviewSettings

    file = Path("params/monthly_review.yaml")
    given = {"month": month, "outputs": outputs, "timezone": "UTC"}
    settings = load_settings(MonthlyReviewSettings, file if file.exists() else None, given)
    plan = plan_review(settings, url=url)
    total = len(plan.jobs) + 1
    with tqdm(total=total, desc="reviewing the month", bar_format="{l_bar}{bar}| {n}/{total} {elapsed}") as bar:
        statuses = run_review(plan, workers=jobs, told=lambda _status: bar.update(1))
    failed = [status for status in statuses if status.state == "failed"]
    for status in failed:
        typer.echo(f"{status.report} failed: {status.reason}", err=True)
    return plan.folder, [status.report for status in failed]


def _say(folder: Path) -> None:
    """The path of the page and the three most important findings."""
    from analysis.report.summary import findings_table

    typer.echo("\nThe three most important findings:")
    for row in findings_table(folder).head(3).itertuples():
        typer.echo(f"  {row.severity}: {row.title}")
    typer.echo(f"\nThe page: {(folder / 'index.html').resolve()}")
