"""``promreview page``: the page of a month, a week or a day again, from its files."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.cli.options import Environment


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("page")(page)


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
