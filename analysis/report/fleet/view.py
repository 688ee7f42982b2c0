"""What a global view says of the clusters behind it, asked once for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.errors import SourceError
from analysis.findings import QueryRecord, Source
from analysis.prometheus import Prometheus
from analysis.report.fleet.fleet_finding import REPORT
from analysis.report.fleet.members import Member
from analysis.report.fleet.presence import Seen, presence, seen
from analysis.window import Window


@dataclass(frozen=True)
class View:
    """What was learnt of the members of a fleet, beside their own results.

    Attributes:
        label: that tells them apart; empty where each has a server of its own.
        times: when each was there, by name.
        source: who was asked.
        queries: what was asked.
        failure: why this could not be learnt.
    """

    label: str = ""
    times: Mapping[str, Seen] = field(default_factory=dict)
    source: Source = field(default_factory=lambda: Source(url="", kind=REPORT))
    queries: Sequence[QueryRecord] = ()
    failure: str = ""

    def seen(self, member: Member) -> Seen | None:
        """When a member was there; None where the view does not know it."""
        return self.times.get(member.name) if member.label else None


def look_at(prom: Prometheus, label: str, members: Sequence[Member], window: Window) -> View:
    """Ask a global view when each of its clusters was there; where it fails, the review goes on without."""
    names = [member.name for member in members if member.label == label]
    try:
        times = seen(presence(prom, label, window), names)
        source = Source.model_validate(prom.source())
    except SourceError as error:
        return View(label, failure=str(error))
    return View(label, times, source, [QueryRecord.model_validate(query) for query in prom.queries])
