"""Five thousand metrics: causes still add up, queries stay few, and the report still reads."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.cardinality import review
from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.drawing import svg_text
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.report.figures import cardinality as figures
from analysis.settings.cardinality import CardinalityGrowthSettings

METRICS, HOURS = 5_000, 2
END = datetime(2026, 11, 1, tzinfo=UTC)
NEW, GONE = 70, 30  # metrics that appear, and disappear, half-way


def frames():
    index = pd.date_range(END - timedelta(hours=HOURS), END, freq="2min", name="time")
    columns = pd.MultiIndex.from_tuples([("app", "host:9100")], names=["job", "instance"])
    made = {}
    for number in range(METRICS):
        values = np.ones((len(index), 1))
        if number < NEW:
            values[: len(index) // 2] = np.nan
        elif number < NEW + GONE:
            values[len(index) // 2 :] = np.nan
        made[f"app_metric_{number}_total"] = pd.DataFrame(values, index=index, columns=columns)
    return made


@pytest.fixture(scope="module")
def reviewed():
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        backfill(server.url, frames())
        settings = CardinalityGrowthSettings(start=(END - timedelta(hours=HOURS)).isoformat(), end=END.isoformat())
        with connect(server.url) as prom:
            yield review(prom, settings, settings.window())


def test_causes_add_up_to_the_last_series(reviewed):
    extra = reviewed.document.model_extra
    assert extra["series"] == {"start": METRICS - NEW, "end": METRICS - GONE}
    kinds = pd.DataFrame(extra["causes"]).groupby("kind")["delta"].sum()
    assert (kinds["new_metric"], kinds["removed_metric"]) == (NEW, -GONE)
    assert kinds.sum() == NEW - GONE
    assert len(extra["metrics"]) == METRICS
    assert {metric["owner"] for metric in extra["metrics"]} == {"app"}


def test_queries_do_not_grow_with_metrics(reviewed):
    assert len(reviewed.document.queries) < 60


def test_figures_show_what_matters_and_stay_small(reviewed):
    made = [figures.total(reviewed, "UTC"), figures.causes(reviewed), figures.metrics(reviewed, "UTC")]
    for text in map(svg_text, made):
        assert "<title>" in text
        assert len(text) < 400_000
