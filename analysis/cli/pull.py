"""``promreview pull``: one range query, as long rows."""

from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.cli.options import End, Environment, Format, OutputFormat, Start, Timeout, Url
from analysis.words import counted

NOTHING = "no sample in this window"
_SUMMARY = "one row per series instead: its samples, first and last, minimum, median, mean, maximum, drops; any number \
of series, a block at a time, on a cluster's workers with --backend"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pull")(pull)


def pull(
    expr: Annotated[str, typer.Argument(help="PromQL")],
    start: Start = "-1h",
    end: End = "now",
    step: Annotated[str, typer.Option("--step", help="distance of stamps, such as 30s or 5m")] = "1m",
    summary: Annotated[bool, typer.Option("--summary", help=_SUMMARY)] = False,
    out: Annotated[Path | None, typer.Option("--out", help="write to FILE.parquet or FILE.csv instead")] = None,
    url: Url = None,
    environment: Environment = None,  # noqa: ARG001 - its callback does the work
    format: OutputFormat = Format.table,  # noqa: A002 - the option is called --format
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
) -> None:
    """Pull one range query over the half-open window [start, end): one row per sample."""
    from analysis.errors import InputError
    from analysis.prometheus import connect
    from analysis.prometheus.rows import long_rows

    if out and out.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out {out}: the name must end in .parquet or .csv")
    if out and not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}")
    with connect(url) as prom:
        rows = _overview(prom, expr, (start, end, step)) if summary else long_rows(prom.decoded(expr, start, end, step))
        for warning in dict.fromkeys(text for query in prom.queries for text in query.warnings):
            typer.echo(f"warning: {warning}", err=True)
    _write(rows, out) if out else _print(rows, format)
    said = (
        f"{len(rows)} series"
        if summary
        else f"{counted(len(rows), 'sample')} with {counted(len(rows.columns) - 2, 'label')}"
    )
    if len(rows) or out or format is not Format.table:  # a table has said so itself
        typer.echo(said if len(rows) else NOTHING, err=True)


def _overview(prom: Any, expr: str, asked: tuple[str, str, str]) -> Any:
    """One row per series, whose blocks are pulled and let go of one after the other."""
    from tqdm.auto import tqdm

    from analysis.cli.printing import advance
    from analysis.prometheus.blocks import reduced
    from analysis.series.overview import overview, together
    from analysis.window import Window, parse_duration, parse_time

    start, end, step = asked
    window = Window(parse_time(start), parse_time(end))
    with tqdm(desc="pulling", unit="block", disable=None) as bar:
        return together(reduced(prom, expr, window, parse_duration(step), overview, told=advance(bar)))


def _write(rows: Any, out: Path) -> None:
    """Under a temporary name first: a file under its final name is whole."""
    from analysis.errors import IncompleteError

    temporary = out.with_name(f".{out.name}.part")
    try:
        if out.suffix == ".parquet":
            rows.to_parquet(temporary, compression="zstd", index=False)
        else:
            guarded(rows).to_csv(temporary, index=False)
        temporary.replace(out)
    except OSError as error:
        raise IncompleteError(f"--out {out} cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _print(rows: Any, form: Format) -> None:
    import sys

    if form is Format.json:
        from analysis.findings import table_json

        print(table_json(rows))
    elif form is Format.csv:
        guarded(rows).to_csv(sys.stdout, index=False)
    else:
        print(rows.to_string(index=False) if len(rows) else NOTHING)


def guarded(rows: Any) -> Any:
    """Rows whose label values no spreadsheet takes for a formula, and whose times are RFC 3339."""
    from analysis.cli.printing import safe_cell
    from analysis.window import format_time

    shown = rows.copy()
    for name in shown.columns:
        if shown[name].dtype.kind == "M":
            shown[name] = shown[name].map(format_time)
        elif shown[name].dtype.kind not in "fiu":
            shown[name] = shown[name].map(safe_cell)
    return shown
