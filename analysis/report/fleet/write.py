"""After the members: the document of the fleet, the page above, and what Prometheus is to know of them."""

from collections.abc import Sequence
from pathlib import Path

from analysis.findings import FindingsDocument
from analysis.report.archive_page import write_archive
from analysis.report.files import write_whole
from analysis.report.fleet.document import FILE, fleet_document
from analysis.report.fleet.members import Ended, Member
from analysis.report.fleet.page import write_fleet_page
from analysis.report.metrics import write_fleet_metrics
from analysis.settings.review import MonthlyReviewSettings


def write_fleet(settings: MonthlyReviewSettings, members: Sequence[Member], ended: Sequence[Ended]) -> FindingsDocument:
    """Write ``fleet.json``, the page above, and the metrics of a fleet whose members have been reviewed.

    Args:
        settings: of the review, with its month.
        members: of the fleet.
        ended: how the review of each ended.
    """
    outputs, month = Path(settings.outputs), Path(settings.outputs, settings.month or "")
    document = fleet_document(month, settings.window(), settings.reports, members, ended)
    write_whole(month / FILE, document.to_json())
    write_fleet_page(month, settings)
    write_archive(outputs, settings.title)
    write_fleet_metrics(Path(settings.metrics_directory or outputs), document)
    return document
