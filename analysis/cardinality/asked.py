"""What rules, dashboards and people ask for, what of it is nowhere to be had, and which sources could not be read."""

from dataclasses import dataclass

from analysis.cardinality import remote
from analysis.cardinality.dashboards import folder_queries
from analysis.cardinality.grafana import api_queries
from analysis.cardinality.model import Collected
from analysis.cardinality.queries import Query, rule_queries
from analysis.cardinality.query_log import log_queries
from analysis.cardinality.tables import jobs_of, label_names
from analysis.cardinality.usage import Usage, usage
from analysis.errors import LACKING, SourceError
from analysis.findings import Gap
from analysis.prometheus import Prometheus
from analysis.prometheus.patterns import one_of
from analysis.prometheus.rule_files import groups_of_files
from analysis.prometheus.rules import shown_groups
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import Window

FEDERATED = "federated {} times; name the selectors in remote_match: what leaves here cannot be seen to be used"
GIVE = "where others evaluate them (vmalert, a ruler), name their files as rules"
SHOWN = 300  # characters of why a source could not be read


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes:
        queries: every expression that was found, with where it stands.
        used: which metrics and labels they use.
        missing: metrics that were never there in the window, and who asks for them.
        gaps: the sources that could not be read.
    """

    queries: list[Query]
    used: Usage
    missing: dict[str, set[str]]
    gaps: list[Gap]

    @property
    def recorded(self) -> set[str]:
        """Names that recording rules give their results."""
        return {query.record for query in self.queries if query.record}

    @property
    def sources(self) -> dict[str, int]:
        """How many expressions came from where."""
        kinds = [query.kind for query in self.queries]
        return {kind: kinds.count(kind) for kind in ("rule", "dashboard", "indirect", "query_log")}


def asked_for(prom: Prometheus, settings: CardinalityGrowthSettings, window: Window, collected: Collected) -> Asked:
    """Read every source, and grade the use of what was collected.

    Raises:
        InputError: a rule file that was named cannot be read.
    """
    queries, gaps = _queries(prom, settings, window)
    used = usage(queries, jobs_of(collected), label_names(collected), remote.consumer(prom, settings))
    gaps += [gap_of(window, where, f"not read: {why}"[:SHOWN]) for where, why in used.unread]
    if not settings.remote_match and (asked := remote.federations(prom, window)) >= 1:
        gaps.append(gap_of(window, "usage by federation", FEDERATED.format(round(asked))))
    try:
        missing = _missing(prom, used, window)
    except LACKING as error:  # nothing is called missing that the server will not list
        missing = {}
        gaps.append(gap_of(window, "metrics that are asked for and missing", str(error)))
    return Asked(queries, used, missing, gaps)


def gap_of(window: Window, scope: str, reason: str) -> Gap:
    """What could not be judged in the whole window."""
    return Gap(start=window.start, end=window.end, scope=scope, reason=reason)


def _queries(prom: Prometheus, settings: CardinalityGrowthSettings, window: Window) -> tuple[list[Query], list[Gap]]:
    """Everything that is asked, and the sources that could not be read."""
    gaps: list[Gap] = []
    try:
        groups, unseen = (groups_of_files(settings.rules), "") if settings.rules else shown_groups(prom)
    except SourceError as error:
        groups, unseen = [], f"the server does not show its rules: {error}"
    if not groups:
        gaps.append(gap_of(window, "usage by rules", f"{unseen or 'the server shows no rule at all'}; {GIVE}"))
    found = list(rule_queries(groups))
    if settings.dashboards:
        skipped: list[tuple[str, str]] = []
        found += folder_queries(settings.dashboards, skipped)
        gaps += [gap_of(window, f"usage by dashboards: {file}", f"skipped: {why}"[:SHOWN]) for file, why in skipped]
    if settings.grafana_url:
        try:
            found += api_queries(settings.grafana_url)
        except SourceError as error:
            gaps.append(gap_of(window, "usage by dashboards", str(error)))
    elif not settings.dashboards:
        gaps.append(gap_of(window, "usage by dashboards", "no dashboards given; unused means: by no rule"))
    return [*found, *log_queries(settings.query_log)], gaps


def _missing(prom: Prometheus, used: Usage, window: Window) -> dict[str, set[str]]:
    """Of what is absent at both edges, that which was not there in between either."""
    if not used.missing:
        return {}
    names, seen = sorted(used.missing), set()
    for at in range(0, len(names), 200):
        for labels in prom.series([f"{{__name__=~{one_of(names[at : at + 200])}}}"], window):
            seen.add(labels["__name__"])
    return {name: used.missing[name] for name in names if name not in seen}
