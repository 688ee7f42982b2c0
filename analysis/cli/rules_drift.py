"""``promreview rules drift``: which rules no longer fit what they watch, month by month."""

import sys
from typing import Annotated, Any

import typer

from analysis.cli.options import End, Environment, FailOn, FailOnOption, Format, OutputFormat, Start, Timeout, Url
from analysis.cli.printing import advance, leave_for, print_rows
from analysis.cli.rules import Alerts, Interval, Rules, rules_app
from analysis.cli.rules_whatif import Parameters, settings_of

History = Annotated[
    int | None, typer.Option("--history-months", help="months before the window that it is compared with", min=1)
]


def register(_: typer.Typer) -> None:
    """Add the command to those of the rules."""
    rules_app.command("drift")(drift)


def drift(
    start: Start = "-30d",
    end: End = "now",
    url: Url = None,
    environment: Environment = None,  # noqa: ARG001 - its callback does the work
    rules: Rules = None,
    alert: Alerts = None,
    history_months: History = None,
    default_interval: Interval = "1m",
    params: Parameters = None,
    output_format: OutputFormat = Format.table,
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
    fail_on: FailOnOption = FailOn.never,
) -> None:
    """Compare each rule's distance from its threshold over [start, end) with the months before, and judge it."""
    from tqdm.auto import tqdm

    from analysis.findings import document_json
    from analysis.prometheus import connect
    from analysis.thresholds import drift as judged

    given: dict[str, Any] = {"start": start, "end": end, "alerts": alert or [], "default_interval": default_interval}
    given |= {"rule_files": [str(path) for path in rules or []], "history_months": history_months}
    settings = settings_of(given, params)
    with connect(url) as prom, tqdm(desc="rules", file=sys.stderr, disable=None) as bar:
        document = judged(prom, settings, settings.window(), advance(bar))
    if output_format is Format.json:
        print(document_json(document))
    else:
        print_rows([row_of(rule) for rule in document.rules], output_format, "no alerting rules")
    leave_for((verdict.severity for rule in document.rules for verdict in rule.verdicts), fail_on)


def row_of(rule: Any) -> dict[str, str]:
    """One rule for people: what stands in `DriftRule`, shortened."""
    return {
        "alert": rule.alert,
        "verdict": ", ".join(verdict.verdict for verdict in rule.verdicts),
        "days": f"{rule.days_of_data:.1f}",
        "exceeded": _by_month(rule, lambda month: _share(month.exceedance_share)),
        "headroom in spreads": _by_month(rule, lambda month: _number(month.headroom_in_spreads)),
        "changed on": ", ".join(f"{change.at:%Y-%m-%d}" for change in rule.change_points) or "-",
        "p": _number(rule.test.p_value) if rule.test else "-",
        "smallest visible shift": _number(rule.test.smallest_detectable) if rule.test else "-",
        "why": "; ".join(verdict.reason for verdict in rule.verdicts),
    }


def _by_month(rule: Any, shown: Any) -> str:
    return ", ".join(f"{month.month} {shown(month)}" for month in rule.months) or "-"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
