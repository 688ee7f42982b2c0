"""After the members: the document of the fleet, the page above, and what Prometheus is to know of them."""

from collections.abc import Sequence
from pathlib import Path

from analysis.findings import FindingsDocument
from analysis.report.archive_page import write_archive
from analysis.report.compare import previous_folder
from analysis.report.files import write_whole
from analysis.report.fleet.document import FILE, fleet_document
from analysis.report.fleet.members import Ended, Member
from analysis.report.fleet.page import read_fleet, write_fleet_page
from analysis.report.fleet.view import View
from analysis.report.metrics import write_fleet_metrics
from analysis.settings.review import MonthlyReviewSettings


def write_fleet(
    settings: MonthlyReviewSettings,
    reports: Sequence[str],
    members: Sequence[Member],
    ended: Sequence[Ended],
    view: View,
) -> FindingsDocument:
    """Write ``fleet.json``, the page above, and the metrics of a fleet whose members have been reviewed.

    Args:
        settings: of the review, with its month.
        reports: names of those that ran.
        members: of the fleet.
        ended: how the review of each ended.
        view: what the global view says of them, where there is one.
    """
    outputs, month = Path(settings.outputs), Path(settings.outputs, settings.month or "")
    earlier = read_fleet(previous_folder(month))
    document = fleet_document(month, settings.window(), reports, members, ended, view, earlier)
    write_whole(month / FILE, document.to_json())
    write_fleet_page(month, settings)
    write_archive(outputs, settings.title)
    write_fleet_metrics(Path(settings.metrics_directory or outputs), document)
    return document
