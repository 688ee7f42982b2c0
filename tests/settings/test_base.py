from datetime import UTC, datetime

import pytest

from analysis.errors import ParameterError
from analysis.settings import ReportSettings, load_settings
from analysis.settings.base import last_whole_month
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.window import month_window

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_month_that_is_over_is_whole():
    assert ReportSettings(month="2026-10").window(NOW) == month_window("2026-10")


def test_a_month_under_way_ends_now():
    window = ReportSettings(month="2026-11").window(NOW)
    assert (window.start, window.end) == (month_window("2026-11").start, NOW)


def test_without_a_window_the_last_whole_month_is_taken():
    assert ReportSettings().window(NOW) == month_window("2026-10")
    assert last_whole_month(datetime(2026, 1, 1, tzinfo=UTC), "UTC") == "2025-12"
    assert last_whole_month(datetime(2026, 1, 1, tzinfo=UTC), "America/New_York") == "2025-11"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"month": "2026-13"}, "'month'.*YYYY-MM"),
        ({"start": "yesterday"}, "'start'.*RFC 3339"),
        ({"start": "-1d", "end": "x"}, "'end'.*RFC 3339"),
        ({"end": "2026-10-05T00:00:00Z"}, "'end'.*give start"),
        ({"start": "-999999d"}, "'start'.*before all calendars"),
        ({"start": "0001-01-01T00:00:00+05:00"}, "'start'.*too far"),
        ({"flap_gap": f"{'9' * 20}d"}, "'flap_gap'.*longer than any window"),
        ({"flap_gap": f"{'9' * 5000}d"}, "'flap_gap'.*longer than any window"),
        ({"month": "2999-01"}, "future"),
        ({"month": "2026-10", "start": "-1d"}, "either"),
        ({"start": "-1d", "end": "-2d"}, "empty"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"alerts_per_week": "many"}, "alerts_per_week"),
        ({"flap_gap": "5parsecs"}, "flap_gap.*5parsecs.*30s, 5m"),
        ({"default_interval": 0}, "default_interval.*longer than 0"),
        ({"default_interval": 30}, "default_interval.*'30' is not a duration"),
        ({"alerts_per_week": -1}, "greater than 0"),
        ({"alerts_pre_week": 1}, "allowed: .*alerts_per_week"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(values, words):
    with pytest.raises(ParameterError, match=words):
        load_settings(ThresholdDriftSettings, overrides=values)


def test_a_file_is_named_in_its_errors(tmp_path):
    path = tmp_path / "x.yaml"
    with pytest.raises(ParameterError, match="cannot read"):
        load_settings(ReportSettings, path)
    path.write_text("timezone: [unclosed")
    with pytest.raises(ParameterError, match="not YAML"):
        load_settings(ReportSettings, path)
    path.write_text("holidays: [2026-13-01]")
    with pytest.raises(ParameterError, match="not YAML"):
        load_settings(ReportSettings, path)
    path.write_text("- a list")
    with pytest.raises(ParameterError, match="mapping"):
        load_settings(ReportSettings, path)
    path.write_text("nonsense: 1")
    with pytest.raises(ParameterError, match=r"x\.yaml.*unknown parameter 'nonsense'"):
        load_settings(ReportSettings, path)


def test_what_is_given_wins_over_the_file(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("timezone: Europe/Berlin\nmonth: '2026-09'")
    settings = load_settings(ReportSettings, path, {"month": "2026-10", "start": ""})
    assert (settings.timezone, settings.month) == ("Europe/Berlin", "2026-10")
