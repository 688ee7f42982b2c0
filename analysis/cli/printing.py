"""Results on standard output: a table for people, JSON or CSV for programs."""

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from analysis.cli.options import FailOn, Format
from analysis.window import format_time

if TYPE_CHECKING:
    from analysis.findings import FindingsDocument

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: object) -> str:
    """A CSV cell that no spreadsheet takes for a formula; numbers stay as they are."""
    text = "" if value is None else str(value)
    if not text.startswith(FORMULA_STARTS) or isinstance(value, int | float):
        return text
    return f"'{text}"


def advance(bar: Any) -> Callable[[int, int], None]:
    """What a review calls with the number of things done and of all, to move a tqdm bar."""

    def show(done: int, count: int) -> None:
        bar.total = count
        bar.update(done - bar.n)

    return show


def print_rows(rows: Sequence[Mapping[str, object]], form: Format, nothing: str) -> None:
    """Rows of equal keys as a table, or as CSV.

    Args:
        rows: what to print.
        form: a table where it is not CSV.
        nothing: heading where there are no rows.
    """
    names = list(rows[0]) if rows else [nothing]
    if form is Format.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(names if rows else [])
        writer.writerows([[safe_cell(cell) for cell in row.values()] for row in rows])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row.values()))
    Console(width=None if sys.stdout.isatty() else 220).print(table)


def print_result(document: "FindingsDocument", form: Format) -> None:
    """Print a findings document in the form asked for."""
    if form is Format.json:
        print(document.to_json())
    elif form is Format.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(["severity", "kind", "title", "start", "end", "id"])
        for f in document.findings:
            end = format_time(f.end) if f.end else None
            cells = [f.severity, f.kind, f.title, format_time(f.start), end, f.id]
            writer.writerow([safe_cell(cell) for cell in cells])
    else:
        _print_table(document)


def _print_table(document: "FindingsDocument") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("severity", "kind", "since", "finding"):
        table.add_column(name)
    for f in document.findings:
        table.add_row(*(Text(cell) for cell in (f.severity, f.kind, format_time(f.start), f.title)))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table if document.findings else "nothing found")
    print(document.headline, file=sys.stderr)


def leave(document: "FindingsDocument", fail_on: FailOn) -> None:
    """Exit with 1 where a finding is at or above the severity asked for; unknown counts only when named."""
    leave_for((finding.severity for finding in document.findings), fail_on)


def leave_for(severities: Iterable[str], fail_on: FailOn) -> None:
    """Exit with 1 where one of the severities is at or above the one asked for; unknown counts only when named."""
    if fail_on is FailOn.never:
        return
    worst_first = [str(each) for each in FailOn if each not in (FailOn.never, FailOn.unknown)]
    watched = ["unknown"] if fail_on is FailOn.unknown else worst_first[: worst_first.index(fail_on.value) + 1]
    if any(severity in watched for severity in severities):
        raise typer.Exit(1)
