"""Whether the team's pages still say what is: sections of the guide without a part, names that are gone."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.findings import Finding
from analysis.settings.upkeep import MonitoringGapsSettings
from analysis.upkeep.documentation import metrics_named, parts, read_page, section_states, unmentioned
from analysis.upkeep.inventory import Inventory
from analysis.upkeep.standing import MONTHLY, listed, standing
from analysis.upkeep.watching import family
from analysis.window import Window
from analysis.words import counted

COLUMNS = ["section", "lacks"]


def guide_table(settings: MonitoringGapsSettings) -> pd.DataFrame:
    """Every section of the guide, and what is wrong with what accounts for it; empty where no guide is named.

    Raises:
        InputError: a page cannot be read.
    """
    if not settings.guide:
        return pd.DataFrame(columns=COLUMNS)
    accounted = parts(read_page(settings.accounted)) if settings.accounted else []
    states = section_states(read_page(settings.guide), accounted, Path())
    return pd.DataFrame(list(states.items()), columns=COLUMNS)


def unwritten(
    guide: pd.DataFrame, there: Inventory, settings: MonitoringGapsSettings, window: Window
) -> Iterator[Finding]:
    """Findings: sections without a part, metrics that are written about and gone, jobs that no page names."""
    lacking = guide[guide["lacks"].ne("")]
    for row in lacking.to_dict("records"):
        title = f"The guide's section {row['section']} has {row['lacks'].replace('no part', 'no part yet', 1)}"
        action = f"Build it, or say in {settings.accounted or 'the page named by `accounted`'} where it is."
        labels = {"section": str(row["section"])}
        yield standing(MONTHLY, "guide_section", "low", title, action, window, labels, {})
    pages = [read_page(path) for path in settings.documentation]
    if pages and there.series:
        yield from _gone(pages, there, window)
        yield from _undocumented(pages, there, window)


def _gone(pages: list[str], there: Inventory, window: Window) -> Iterator[Finding]:
    known = frozenset(there.jobs)
    gone = sorted(metrics_named(pages) - known - {family(name, known) for name in known})
    if gone:
        are = "is" if len(gone) == 1 else "are"
        title = f"{counted(len(gone), 'metric')} that the documentation names {are} not there: {listed(gone)}"
        action = "Update the page, or find out who stopped exposing them."
        yield standing(MONTHLY, "documented_but_gone", "low", title, action, window, {}, {"metrics": len(gone)})


def _undocumented(pages: list[str], there: Inventory, window: Window) -> Iterator[Finding]:
    jobs = unmentioned(sorted({job for _, job in there.series if job}), pages)
    if jobs:
        title = f"{len(jobs)} jobs stand in no page of the documentation: {listed(jobs)}"
        action = "Say what each is, and who owns it."
        yield standing(MONTHLY, "undocumented_jobs", "low", title, action, window, {}, {"jobs": len(jobs)})
