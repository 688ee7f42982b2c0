"""The monthly look at the monitoring itself: what no alert watches, and what nobody has written down."""

from collections.abc import Iterator
from itertools import chain

from analysis.findings import Coverage, Finding, FindingsDocument, Gap, ReportResult, TimeSpan, sort_findings
from analysis.prometheus import Prometheus
from analysis.prometheus.rehearsal import Rehearsal
from analysis.prometheus.rule_files import groups_of_files
from analysis.prometheus.rules import shown_groups
from analysis.settings.upkeep import MonitoringGapsSettings
from analysis.upkeep.daily import coverage
from analysis.upkeep.explained import explanations, unexplained
from analysis.upkeep.fired import shares_up
from analysis.upkeep.inventory import Inventory, take_inventory
from analysis.upkeep.requirements import metrics_table, unwatched
from analysis.upkeep.standing import MONTHLY, listed, standing
from analysis.upkeep.written import guide_table, unwritten
from analysis.window import Window


def review(prom: Prometheus, settings: MonitoringGapsSettings, window: Window) -> ReportResult:
    """Look for what a team has to add to its alerts, its runbooks, and its pages.

    Args:
        prom: the server.
        settings: what counts as a failure, and where the pages are.
        window: the month.

    Returns:
        Findings, and the tables ``metrics`` (every metric of every job, with the alerts that read it),
        ``alerts`` (what explains each), ``guide`` (what accounts for each of its sections).

    Raises:
        SourceError: the server failed.
        InputError: a page or folder that the settings name cannot be read.
    """
    groups, unseen = (groups_of_files(settings.rules), "") if settings.rules else shown_groups(prom)
    there = take_inventory(prom, window)
    metrics, left_out = metrics_table(prom, settings, window, groups, there)
    alerts, guide = explanations(groups, settings.runbooks), guide_table(settings)
    findings = chain(
        _nothing(window) if not there.series else _unseen(unseen, window) if unseen else unwatched(metrics, window),
        unexplained(alerts, settings.runbooks, window),
        unwritten(guide, there, settings, window),
    )
    document = FindingsDocument(
        report=MONTHLY,
        window=TimeSpan.of(window),
        source=prom.source(),
        queries=prom.queries,
        coverage=_coverage(prom, settings, window, there, left_out, unseen),
        findings=sort_findings(list(findings)),
    )
    return ReportResult(document, {"metrics": metrics, "alerts": alerts, "guide": guide}, {})


def rehearse(prom: Rehearsal, settings: MonitoringGapsSettings, window: Window) -> None:
    """Go through the review's questions, which depend on counts alone; `prom` keeps what they cost."""
    review(prom, settings, window)


def _nothing(window: Window) -> Iterator[Finding]:
    title = "What is watched could not be judged: nothing was stored at the end of the window"
    yield standing(MONTHLY, "nothing_stored", "unknown", title, "promreview doctor says why.", window, {}, {})


def _unseen(why: str, window: Window) -> Iterator[Finding]:
    """Nothing is called unwatched by alerts that nobody can see."""
    title = f"What is watched could not be judged: {why}"
    action = "Name the files of the rules that others evaluate (vmalert, a ruler) as `rules`."
    yield standing(MONTHLY, "rules_not_shown", "unknown", title, action, window, {}, {})


def _coverage(
    prom: Prometheus,
    settings: MonitoringGapsSettings,
    window: Window,
    there: Inventory,
    left_out: list[str],
    unseen: str,
) -> Coverage:
    covered = coverage(shares_up(prom, window, settings.step), window)
    whole = TimeSpan.of(window).model_dump()
    if there.series and there.started is None:
        covered.gaps.append(Gap(**whole, scope="new metrics", reason="nothing was stored at the window's start"))
    if unseen:
        covered.gaps.append(Gap(**whole, scope="alert rules", reason=unseen))
    if left_out:
        reason = "rise not read: beyond series_budget; raise it to include them"
        covered.gaps.append(Gap(**whole, scope=listed(left_out), reason=reason))
    return covered
