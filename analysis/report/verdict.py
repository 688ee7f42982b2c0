"""The verdict: one sentence that a meeting can start with, and that never says more than the data does."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.report.shown import shown_share

SPARSE = 0.9  # below this share of the month the verdict says that it does not cover it
URGENT = ("critical", "high")
TITLES = {
    "login_anomalies": "Login anomalies",
    "cardinality_growth": "Cardinality growth",
    "threshold_drift": "Threshold drift",
    "monitoring_gaps": "Monitoring gaps",
    "daily_check": "Daily check",
    "weekly_review": "Weekly review",
    "fleet": "The fleet",
}
SUBJECTS = {
    "login_anomalies": "the login",
    "cardinality_growth": "cardinality",
    "threshold_drift": "alert rules",
    "monitoring_gaps": "gaps in the monitoring",
    "fleet": "the fleet",
}


def titled(report: str) -> str:
    """A report's name as a heading."""
    return TITLES.get(report, report.replace("_", " ").capitalize())


def verdict(reports: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]], period: str = "month") -> str:
    """One sentence: what needs a decision, what it is about, and what it does not cover.

    Args:
        reports: title, state and share of the window that had data, of each report.
        alarms: severity and report of each alarm that nobody muted.
        period: what the page covers: month, week or day.
    """
    failed = [report["title"] for report in reports if report["state"] != "done"]
    if len(failed) == len(reports):
        return f"Nothing could be judged: {', '.join(failed)} did not run through."
    shares = [report["share"] for report in reports if report["share"] is not None]
    if shares and not max(shares) and not alarms:
        clauses = [f"Nothing could be judged: no data of this {period} is held"]
    else:
        clauses = [_alarms(alarms), *_covered(reports, period)]
    clauses += [f"not judged: {', '.join(failed)}"] if failed else []
    return f"{'; '.join(clauses)}."


def _alarms(alarms: Sequence[Mapping[str, Any]]) -> str:
    urgent = [alarm for alarm in alarms if alarm["severity"] in URGENT]
    if not alarms:
        return "Nothing needs a decision"
    if not urgent:
        smaller = "one smaller alarm" if len(alarms) == 1 else f"{len(alarms)} smaller alarms"
        return f"Nothing is urgent; {smaller} to look at: {_subjects(alarms)}"
    if len(alarms) == 1:
        return f"One alarm, and it needs a decision: {_subjects(urgent)}"
    of = f"All {len(alarms)}" if len(urgent) == len(alarms) else f"{len(urgent)} of {len(alarms)}"
    return f"{of} alarms need{'s' if len(urgent) == 1 else ''} a decision: {_subjects(urgent)}"


def _subjects(alarms: Sequence[Mapping[str, Any]]) -> str:
    """What they are about, the most first; the number is left out where there is one subject."""
    counts = Counter(str(alarm["report"]) for alarm in alarms).most_common()
    named = [(SUBJECTS.get(report, report.replace("_", " ")), count) for report, count in counts]
    if len(named) == 1:
        return f"about {named[0][0]}"
    return ", ".join(f"{count} about {subject}" for subject, count in named)


def _covered(reports: Sequence[Mapping[str, Any]], period: str) -> list[str]:
    known = [report for report in reports if report["share"] is not None]
    short = [report for report in known if report["share"] < SPARSE]
    if short and len(short) == len(known):
        return [f"only {shown_share(min(report['share'] for report in short))} of the {period} is covered"]
    return [_short(report, period) for report in short]


def _short(report: Mapping[str, Any], period: str) -> str:
    share = report["share"]
    return f"{report['title']} had " + (f"data for {shown_share(share)} of the {period}" if share else "no data")
