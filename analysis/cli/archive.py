"""``promreview archive``: what was pulled and is kept when the server forgets it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.cli.options import EachValueOf, Environment, EveryEnvironment, Format, OutputFormat, Timeout, Url
from analysis.words import counted

Folder = Annotated[
    str, typer.Option("--archive", help="its folder or s3://BUCKET/FOLDER; else PROMETHEUS_ARCHIVE, else archive/")
]

Queries = Annotated[
    list[str] | None, typer.Option("--query", help="of this query only, as `list` shows it; several may be named")
]

archive_app = typer.Typer(no_args_is_help=True, help="The archive of what was pulled.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(archive_app, name="archive")


@archive_app.callback()
def _archive() -> None:
    """The archive of what was pulled: the daily sync, what is held, whether it is whole."""


def _opened(folder: str) -> Any:
    from analysis.errors import InputError
    from analysis.prometheus.archive import Archive
    from analysis.settings import ConnectionSettings
    from analysis.settings.connection import DEFAULT_ARCHIVE

    given: dict[str, Any] = {"archive": folder} if folder else {}
    opened = Archive(ConnectionSettings(**given).archive_folder() or DEFAULT_ARCHIVE)
    root = opened.store.root
    if not (root.is_dir() if isinstance(root, Path) else opened.store.names(".")):
        raise InputError(f"there is no archive in {root}; `promreview archive sync` makes one")
    return opened


@archive_app.command("sync")
def sync(
    days: Annotated[int, typer.Option("--days", help="days up to last midnight UTC", min=1, max=400)] = 14,
    url: Url = None,
    environment: Environment = None,
    every_environment: EveryEnvironment = False,
    each_value_of: EachValueOf = "",
    archive: Folder = "",
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
) -> None:
    """Pull what all reports need of the last days into the archive: the daily job; what is held is not asked again."""
    from analysis.cli.fleet import sync_each
    from analysis.cli.members import fleet_of
    from analysis.cli.syncing import last_days, sync_reports
    from analysis.errors import IncompleteError
    from analysis.prometheus import connect
    from analysis.settings import ConnectionSettings
    from analysis.settings.connection import DEFAULT_ARCHIVE

    arguments = ["--days", str(days), *(["--archive", archive] if archive else [])]
    if fleet := fleet_of(
        last_days(days),
        url=url or "",
        environment=environment or "",
        each_value_of=each_value_of,
        every=every_environment,
    ):
        sync_each(fleet.members, arguments)
        return
    settings = ConnectionSettings(**({"archive": archive} if archive else {}))
    if settings.archive_folder() is None:
        settings = settings.model_copy(update={"archive": str(DEFAULT_ARCHIVE)})
    with connect(url, settings) as prom:
        prom.api.get("query", {"query": "vector(1)"})  # a dead server is an error here, whatever the archive holds
        failed = sync_reports(prom, days)
    print_held(_opened(str(settings.archive_folder())), Format.table)
    if failed:
        raise IncompleteError("; ".join(failed))
    _leave_metrics(settings.environment)


def _leave_metrics(environment: str) -> None:
    from analysis.report.metrics import write_sync
    from analysis.settings import load_settings
    from analysis.settings.review import MonthlyReviewSettings

    file = Path("params/monthly_review.yaml")
    settings = load_settings(MonthlyReviewSettings, file if file.exists() else None)
    write_sync(Path(settings.metrics_directory or settings.outputs), environment)


@archive_app.command("list")
def list_(
    archive: Folder = "",
    format: OutputFormat = Format.table,  # noqa: A002 - the option is called --format
) -> None:
    """What is held and what is missing, per query."""
    print_held(_opened(archive), format)


@archive_app.command("verify")
def verify(archive: Folder = "") -> None:
    """Read every file and check it against its checksum; 4 = damage found."""
    from analysis.errors import IncompleteError

    problems = list(_opened(archive).problems())
    for problem in problems:
        print(problem)
    if problems:
        raise IncompleteError(
            f"damaged: {counted(len(problems), 'file')}; the next pull asks the server for those days again"
        )
    typer.echo("every file is whole", err=True)


@archive_app.command("prune")
def prune(
    keep: Annotated[str, typer.Option("--keep", help="how much is kept, such as 400d")],
    query: Queries = None,
    archive: Folder = "",
) -> None:
    """Remove days that are older, and what killed writers left behind."""
    from datetime import UTC, datetime

    from analysis.window import parse_duration

    before = (datetime.now(UTC) - parse_duration(keep)).date()
    removed = sum(dataset.forget(before) for dataset in _chosen(_opened(archive), query))
    typer.echo(f"removed: {counted(removed, 'day')} before {before}", err=True)


@archive_app.command("compact")
def compact(query: Queries = None, archive: Folder = "") -> None:
    """Bring the manifests of each month that is over together in one: quicker to list, above all in an object store."""
    from datetime import UTC, datetime

    today = datetime.now(UTC).date()
    fewer = sum(dataset.compact(today) for dataset in _chosen(_opened(archive), query))
    typer.echo(f"{counted(fewer, 'file')} fewer", err=True)


def _chosen(archive: Any, queries: list[str] | None) -> list[Any]:
    """The datasets of some queries, however they are written; all where none is named."""
    from analysis.errors import InputError
    from analysis.prometheus.promql import parse

    wanted = {str(parse(query)) for query in queries or ()}
    found = [dataset for dataset in archive.datasets() if not wanted or dataset.key["expr"] in wanted]
    unknown = sorted(wanted - {dataset.key["expr"] for dataset in found})
    if unknown:
        raise InputError(f"the archive does not hold {unknown[0]}; `promreview archive list` shows what it holds")
    return found


def print_held(archive: Any, form: Format) -> None:
    """One row per query: its days, samples, bytes, and the days missing between the first and the last."""
    import csv
    import json
    import sys

    from analysis.cli.printing import safe_cell

    rows = [held_row(dataset) for dataset in archive.datasets()]
    if form is Format.json:
        print(json.dumps({"schema_version": 1, "archive": str(archive.store.root), "datasets": rows}, indent=1))
    elif form is Format.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(rows[0] if rows else [])
        for row in rows:
            writer.writerow([safe_cell(" ".join(v) if isinstance(v, list) else v) for v in row.values()])
    else:
        for row in rows:
            lacks = f", {len(row['missing'])} missing" if row["missing"] else ""
            each = f"{row['bytes'] / row['samples']:.1f} bytes each" if row["samples"] else "no samples"
            span = f"{row['first']} to {row['last']}" if row["days"] else "nothing"
            print(
                f"{counted(row['days'], 'day'):>8}{lacks} ({span}), {row['samples']:,} samples, {each}: {row['expr']}"
            )
        typer.echo(f"{counted(len(rows), 'query', 'queries')} in {archive.store.root}", err=True)


def held_row(dataset: Any) -> dict[str, Any]:
    """What a dataset holds; days are UTC dates."""
    from datetime import timedelta

    days = sorted(dataset.held)
    every = [days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days + 1)] if days else []
    return {
        "source": dataset.source,
        "expr": dataset.key["expr"],
        "step": dataset.step_ms / 1000,
        "phase": dataset.phase_ms / 1000,
        "days": len(days),
        "first": days[0].isoformat() if days else None,
        "last": days[-1].isoformat() if days else None,
        "missing": [day.isoformat() for day in every if day not in dataset.held],
        "samples": sum(day.samples for day in dataset.held.values()),
        "bytes": sum(day.size for day in dataset.held.values()),
    }
