"""The scorecard of the page: what came of every decision that was accepted, in whichever report."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from analysis.decisions import Decision
from analysis.findings import FindingsDocument
from analysis.report.shown import shown_number
from analysis.settings.review import MonthlyReviewSettings

NUMBERS_SHOWN = 4  # of a finding's evidence, then and now
WORDS = {
    "as_predicted": "as predicted",
    "more": "more than predicted",
    "fewer": "fewer than predicted",
    "not_applied": "not applied",
    "other_values": "other values",
    "too_early": "too early to tell",
    "not_predicted": "nothing was predicted",
    "unknown": "unknown",
}


def scorecard(
    decisions: Iterable[Decision], documents: Mapping[str, FindingsDocument | None], end: datetime
) -> list[dict[str, Any]]:
    """One row for each accepted decision.

    Args:
        decisions: those that count today.
        documents: each report's document of the month; None where it did not run through.
        end: end of the month.
    """
    told: dict[str, dict[str, Any]] = {}
    for document in documents.values():
        for entry in (document.model_extra or {}).get("scorecard", ()) if document else ():
            told[entry["id"]] = entry
    rows = []
    for decision in decisions:
        document = documents.get(decision.report)
        if not decision.is_due(end):
            continue
        entry = told.get(decision.id)
        head = {"id": decision.id, "title": decision.title or decision.id, "decided": decision.shown()}
        rows.append(head | (_of_threshold(entry) if entry else _of_finding(decision, document)))
    return rows


def end_of(documents: Mapping[str, FindingsDocument | None], settings: MonthlyReviewSettings) -> datetime:
    """The end of the month: that of the documents, of the settings where no report ran through."""
    ends = [document.window.end for document in documents.values() if document]
    return max(ends) if ends else settings.window().end


def _of_threshold(entry: Mapping[str, Any]) -> dict[str, str]:
    predicted, predicted_text = entry.get("predicted"), "nothing"
    if predicted:
        predicted_text = f"{shown_number(predicted['alerts_per_month'])} alerts a month"
        if predicted.get("interval"):
            low, high = predicted["interval"]
            predicted_text += f", {low} to {high} in these days"
    return {
        "predicted": predicted_text,
        "happened": entry["reason"],
        "outcome": WORDS.get(entry["outcome"], entry["outcome"]),
    }


def _of_finding(decision: Decision, document: FindingsDocument | None) -> dict[str, str]:
    """Of a finding without a prediction: whether it is still there, and its numbers then and now."""
    numbers = {key: value for key, value in decision.predicted.items() if _is_number(value)}
    then = ", ".join(f"{_name(key)} {shown_number(numbers[key])}" for key in list(numbers)[:NUMBERS_SHOWN])
    parts = [part for part in (decision.action, f"then {then}" if then else "") if part]
    row = {"predicted": "; ".join(parts) or "nothing"}
    if document is None:
        return row | {"happened": "the report did not run through", "outcome": WORDS["unknown"]}
    found = next((finding for finding in document.findings if finding.id == decision.id), None)
    if found is None:
        return row | {"happened": "it was not found any more", "outcome": "gone"}
    both = [key for key in numbers if _is_number(found.evidence.get(key))][:NUMBERS_SHOWN]
    now = ", ".join(f"{_name(key)} {shown_number(found.evidence[key])}" for key in both)
    happened = f"still found, as {found.severity}" + (f": {now}" if now else "")
    return row | {"happened": happened, "outcome": "still there"}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _name(key: str) -> str:
    return key.replace("_", " ")
