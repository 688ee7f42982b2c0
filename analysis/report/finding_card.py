"""A finding as the page shows it: evidence in words and units, the owner, links that lead outside only over HTTP."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from analysis import markup
from analysis.decisions import Decision
from analysis.errors import PromreviewError
from analysis.report.shown import shown_length, shown_number, shown_span, shown_time
from analysis.window import parse_time
from analysis.words import short

OWNER_LABELS = ("owner", "team")
LONG = 40  # characters from which a text is a sentence and not a value
# How something was judged, not what was found: folded away, for who doubts it.
METHOD = (
    "daily_correlation",
    "detector_step_seconds",
    "false_alarms_per_month_promised",
    "p_adjusted",
    "p_value",
    "peak_standard_deviations",
    "smallest_detectable_shift",
)
SECONDS = {"_seconds": 1.0, "_minutes": 60.0}  # endings of names that say a unit of time
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def card(finding: Mapping[str, Any], zone: ZoneInfo, decision: Decision | None, owner: str) -> dict[str, Any]:
    """Everything the template shows of one finding.

    Args:
        finding: as the findings document has it.
        zone: the reader's.
        decision: what was decided about it, if anything was.
        owner: who looks after the report, where the finding names nobody.
    """
    evidence = {name: v for name, v in finding["evidence"].items() if v is not None and not isinstance(v, list | dict)}
    named = evidence.pop("owner", "") or next((v for n in OWNER_LABELS if (v := finding["labels"].get(n))), "")
    method = dict(_shown(name, evidence.pop(name), zone) for name in METHOD if name in evidence)
    shown = dict(_shown(name, value, zone) for name, value in _with_ranges(evidence).items())
    return {
        **finding,
        "when": shown_span(finding["start"], finding["end"], zone),
        "labels": {n: _label(n, short(v)) for n, v in finding["labels"].items() if short(v) not in finding["title"]},
        "evidence": {name: text for name, text in shown.items() if len(text) <= LONG},
        "method": method,
        "notes": {name.capitalize(): text for name, text in shown.items() if len(text) > LONG},
        "owner": named or owner,
        "action": with_code(finding["action"]),
        "links": {n: link for n, link in finding["links"].items() if str(link).startswith(("http://", "https://"))},
        "decision": decision.shown() if decision else "",
    }


def _with_ranges(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """``NAME_low`` and ``NAME_high`` as the range of the number that they belong to: ``97.3 (9 to 305)``."""
    joined = dict(evidence)
    for low in [name for name in evidence if name.endswith("_low")]:
        stem = low.removesuffix("_low")
        number = next((n for n in evidence if n.startswith(f"{stem}_") and n not in (low, f"{stem}_high")), None)
        if number and f"{stem}_high" in evidence:
            edges = [shown_number(joined.pop(name)) for name in (low, f"{stem}_high")]
            joined[number] = f"{shown_number(evidence[number])} ({' to '.join(edges)})"
    return joined


def with_code(text: str) -> Markup:
    """A text with what stands between backticks as code; all of it is escaped."""
    return Markup(markup.with_code(text))  # noqa: S704 - escaped there


def _shown(name: str, value: Any, zone: ZoneInfo) -> tuple[str, str]:
    for ending, seconds in SECONDS.items():
        if name.endswith(ending) and isinstance(value, int | float):
            return name.removesuffix(ending).replace("_", " "), shown_length(value * seconds)
    if isinstance(value, str) and _STAMP.fullmatch(value):
        try:
            value = shown_time(parse_time(value), zone)
        except PromreviewError:
            return name.replace("_", " "), value
    return name.replace("_", " "), shown_number(value)


def _label(name: str, value: str) -> str:
    """Of a file its name: the folder is the server's own."""
    return PurePosixPath(value).name if name == "file" else value
