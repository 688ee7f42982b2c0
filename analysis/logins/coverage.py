"""What could not be judged, for whom, from when to when, and why."""

from collections.abc import Sequence

from analysis.findings import Coverage, Gap
from analysis.logins.detect import Detection
from analysis.series.validity import stretches
from analysis.window import Window

DISTRUSTED = "lost scrape, restart or partial bucket: cannot judge"
NO_PAST = "too little history before it to compare with: cannot judge"
OUT_OF_SIGHT = "too little of the service in view: cannot judge"


def coverage(detection: Detection, window: Window, missing: Sequence[tuple[str, str]]) -> Coverage:
    """Share of the window that was judged, and its gaps.

    Args:
        detection: what was judged.
        window: the window of the report.
        missing: metrics that the server does not have, each with what was looked for.
    """
    index = detection.valid.index
    inside = (index > window.start) & (index <= window.end)
    gaps = [
        _gap(gap, window, str(name), DISTRUSTED)
        for name in detection.instances.columns
        for gap in stretches(~detection.instances[name][inside], detection.step)
    ]
    gaps += [Gap(start=window.start, end=window.end, scope=name, reason=why) for name, why in missing]
    seen = detection.shown.judged
    known = detection.valid | ~seen
    gaps += [_gap(gap, window, "login", NO_PAST) for gap in stretches(~known[inside], detection.step)]
    gaps += [_gap(gap, window, "login", OUT_OF_SIGHT) for gap in stretches(~seen[inside], detection.step)]
    steps = max(1.0, window.duration / detection.step)
    share = min(1.0, float(detection.valid[inside].sum() / steps))
    return Coverage(share=share, gaps=sorted(gaps, key=lambda gap: (gap.start, gap.scope)))


def _gap(found: Window, window: Window, scope: str, reason: str) -> Gap:
    return Gap(start=max(found.start, window.start), end=min(found.end, window.end), scope=scope, reason=reason)
