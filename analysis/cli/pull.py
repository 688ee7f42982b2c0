"""``promreview pull``: one range query, as long rows."""

from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.cli.options import End, Environment, Format, OutputFormat, Start, Timeout, Url


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pull")(pull)


def pull(
    expr: Annotated[str, typer.Argument(help="PromQL")],
    start: Start = "-1h",
    end: End = "now",
    step: Annotated[str, typer.Option("--step", help="distance of stamps, such as 30s or 5m")] = "1m",
    out: Annotated[Path | None, typer.Option("--out", help="write to FILE.parquet or FILE.csv instead")] = None,
    url: Url = None,
    environment: Environment = None,  # noqa: ARG001 - its callback does the work
    format: OutputFormat = Format.table,  # noqa: A002 - the option is called --format
    timeout: Timeout = 120.0,
) -> None:
    """Pull one range query over the half-open window [start, end): one row per sample."""
    from analysis.errors import InputError
    from analysis.prometheus import connect
    from analysis.prometheus.rows import long_rows
    from analysis.settings import ConnectionSettings

    if out and out.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out {out}: the name must end in .parquet or .csv")
    if out and not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}")
    with connect(url, ConnectionSettings(timeout_seconds=timeout)) as prom:
        rows = long_rows(prom.decoded(expr, start, end, step))
        for warning in prom.queries[-1].warnings:
            typer.echo(f"warning: {warning}", err=True)
    _write(rows, out) if out else _print(rows, format)
    series = len(rows.columns) - 2
    typer.echo(f"{len(rows)} samples with {series} labels" if len(rows) else "no sample in this window", err=True)


def _write(rows: Any, out: Path) -> None:
    """Under a temporary name first: a file under its final name is whole."""
    temporary = out.with_name(f".{out.name}.part")
    try:
        if out.suffix == ".parquet":
            rows.to_parquet(temporary, compression="zstd", index=False)
        else:
            guarded(rows).to_csv(temporary, index=False)
        temporary.replace(out)
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
        print(rows.to_string(index=False) if len(rows) else "no sample in this window")


def guarded(rows: Any) -> Any:
    """Rows whose label values no spreadsheet takes for a formula, and whose times are RFC 3339."""
    from analysis.cli.printing import safe_cell
    from analysis.window import format_time

    shown = rows.copy()
    for name in shown.columns[1:-1]:
        shown[name] = shown[name].map(safe_cell)
    shown["time"] = shown["time"].map(format_time)
    return shown
