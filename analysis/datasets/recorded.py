"""The past of recording rules: what they would have recorded, had the server been there."""

from datetime import timedelta

from analysis.datasets.backfill import backfill
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import RuleGroup
from analysis.window import Window

STEP = timedelta(minutes=4)  # a lookback of five minutes bridges it, and every step costs a query over hours


def backfill_recordings(prom: Prometheus, groups: list[RuleGroup], window: Window) -> int:
    """Evaluate every recording rule over the window and write the results; returns the number of samples."""
    written = 0
    for group in groups:
        for rule in group.rules:
            if rule.kind != "recording":
                continue
            frame = prom.range(rule.expr, window.start, window.end, STEP)
            if frame.shape[1]:
                written += backfill(prom.api.url, {rule.name: frame})
    return written
