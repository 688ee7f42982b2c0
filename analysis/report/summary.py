"""Tables over all reports of a month, from their files."""

import json
from pathlib import Path

import pandas as pd

from analysis.errors import InputError
from analysis.findings import SEVERITIES, FindingsDocument
from analysis.report.decisions import decided_in
from analysis.report.scorecard import scorecard
from analysis.report.shown import shown_share


def _documents(folder: str | Path) -> list[dict[str, object]]:
    path = Path(folder) / "findings.json"
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["reports"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot read {path}: {error}; run `promreview review` first") from None


def reports_table(folder: str | Path) -> pd.DataFrame:
    """One row per report: its findings by severity and the share of the month that had data."""
    rows = []
    for document in _documents(folder):
        findings = pd.DataFrame(document["findings"], columns=["severity"])
        counts = findings["severity"].value_counts()
        rows.append({"report": document["report"], "covered": shown_share(document["coverage"]["share"]), **counts})  # type: ignore[index]
    columns = ["report", "covered", *SEVERITIES]
    table = pd.DataFrame(rows).reindex(columns=columns).fillna(dict.fromkeys(SEVERITIES, 0))
    return table.astype(dict.fromkeys(SEVERITIES, int)).set_index("report")


def findings_table(folder: str | Path) -> pd.DataFrame:
    """One row per finding, in the order of the page: the gravest first, of these the highest score."""
    findings = [finding for document in _documents(folder) for finding in document["findings"]]  # type: ignore[attr-defined]
    table = pd.DataFrame(findings, columns=["severity", "report", "title", "start", "action", "score"])
    order = table["severity"].map(list(SEVERITIES).index)
    rank = -pd.to_numeric(table["score"]).fillna(0.0)
    by_rank = table.assign(order=order, rank=rank).sort_values(["order", "rank"], kind="stable")
    return by_rank.drop(columns=["order", "rank", "score"]).reset_index(drop=True)


def scorecard_table(folder: str | Path) -> pd.DataFrame:
    """One row per accepted decision: what was predicted, and what happened."""
    documents = {str(d["report"]): FindingsDocument.model_validate(d) for d in _documents(folder)}
    ends = [document.window.end for document in documents.values()]
    decided = decided_in(Path(folder)).values()
    rows = scorecard(decided, documents, max(ends)) if ends else []
    return pd.DataFrame(rows, columns=["title", "decided", "predicted", "happened", "outcome"])
