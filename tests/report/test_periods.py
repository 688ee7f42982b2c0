"""Pages of days and weeks beside those of months: where they lie, what they are called, what they are compared with."""

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from analysis.cli import app
from analysis.report.periods import period_before, period_of, shown_period
from analysis.report.review import write_summary
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.settings.upkeep import DailyCheckSettings, WeeklyReviewSettings
from tests.report.handmade import document, finding, put


@pytest.mark.parametrize(
    ("name", "period", "before", "shown"),
    [
        ("2026-03", "month", "2026-02", "March 2026"),
        ("2026-03-01", "day", "2026-02-28", "Sunday 1 March 2026"),
        ("2026-W01", "week", "2025-W52", "Week 1 of 2026"),
        ("2026-W53", "week", "2026-W52", "Week 53 of 2026"),
        ("2025-W53", None, "2025-W53", "2025-W53"),  # 2025 has 52 weeks
        ("2026-13", None, "2026-13", "2026-13"),
        ("prod", None, "prod", "prod"),
    ],
)
def test_periods_are_told_from_their_names(name, period, before, shown):
    assert (period_of(name), period_before(name), shown_period(name)) == (period, before, shown)


def test_a_run_lies_where_its_page_looks_for_it():
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)  # belongs to the first ISO week
    folders = [moment.strftime(model.folder) for model in (DailyCheckSettings, WeeklyReviewSettings)]
    assert folders == ["2026-01-01", "2026-W01"]
    assert period_of(moment.strftime(ThresholdDriftSettings.folder)) == "day"


def page(outputs, name):
    return CliRunner().invoke(app, ["page", "--month", name, "--outputs", str(outputs)])


@pytest.mark.parametrize(
    ("report", "heading", "names", "shown", "word"),
    [
        ("daily_check", "Daily check", ("2026-11-30", "2026-12-01"), "Tuesday 1 December 2026", "day"),
        ("weekly_review", "Weekly review", ("2026-W47", "2026-W48"), "Week 48 of 2026", "week"),
    ],
)
def test_the_page_of_a_day_or_week_has_its_own_title_and_is_compared_with_the_one_before(
    tmp_path, report, heading, names, shown, word
):
    put(tmp_path / names[0], document(report, [finding(report, "same"), finding(report, "gone", title="No more")]))
    write_summary(tmp_path / names[0], [report])
    put(tmp_path / names[1], document(report, [finding(report, "same")]))
    made = page(tmp_path, names[1])
    assert made.exit_code == 0, made.output
    text = (tmp_path / names[1] / "index.html").read_text()
    assert f">{heading} · times in" in text
    assert f"<h1>{shown}</h1>" in text
    assert f'<h2 id="{report}">{heading}</h2>' in text
    assert f"Against the {word} before: 0 new, 0 worse, 1 the same, 1 resolved" in text
    assert "No more" in text
    assert "month" not in text.split("</style>")[1].replace("all months", "")


@pytest.mark.parametrize("name", ["2026-W60", "2026-11-31", "yesterday"])
def test_what_is_no_period_is_refused_in_one_line(tmp_path, name):
    made = page(tmp_path, name)
    assert made.exit_code == 2 or isinstance(made.exception, Exception)
    assert name in str(made.exception)
