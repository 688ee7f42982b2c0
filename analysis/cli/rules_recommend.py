"""``promreview rules recommend``: values that keep to the noise budget and miss no labelled incident."""

import sys
from typing import Annotated, Any

import typer

from analysis.cli.options import End, Environment, Format, OutputFormat, Start, Timeout, Url
from analysis.cli.printing import advance, print_rows
from analysis.cli.rules import Alerts, Interval, Rules, rules_app
from analysis.cli.rules_whatif import Parameters, settings_of

Budget = Annotated[float | None, typer.Option("--budget", help="pages per rule and week", min=0.01)]
History = Annotated[int | None, typer.Option("--history-months", help="months before the window to fit on", min=1)]


def register(_: typer.Typer) -> None:
    """Add the command to those of the rules."""
    rules_app.command("recommend")(recommend)


def recommend(
    start: Start = "-30d",
    end: End = "now",
    url: Url = None,
    environment: Environment = None,  # noqa: ARG001 - its callback does the work
    rules: Rules = None,
    alert: Alerts = None,
    budget: Budget = None,
    history_months: History = None,
    default_interval: Interval = "1m",
    params: Parameters = None,
    output_format: OutputFormat = Format.table,
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
) -> None:
    """Recommend thresholds and durations, fitted on the months before [start, end) and checked on it."""
    from tqdm.auto import tqdm

    from analysis.findings import document_json
    from analysis.prometheus import connect
    from analysis.thresholds import recommend as recommendations

    given: dict[str, Any] = {"start": start, "end": end, "alerts": alert or [], "default_interval": default_interval}
    given |= {"rule_files": [str(path) for path in rules or []]}
    given |= {"alerts_per_week": budget, "history_months": history_months}
    settings = settings_of(given, params)
    with connect(url) as prom, tqdm(desc="rules", file=sys.stderr, disable=None) as bar:
        document = recommendations(prom, settings, settings.window(), advance(bar))
    if output_format is Format.json:
        print(document_json(document))
    else:
        print_rows([_row(rule) for rule in document.rules], output_format, "no alerting rules")


def _row(rule: Any) -> dict[str, str]:
    expected = rule.expected.alerts_per_month
    between = expected.interval
    return {
        "alert": rule.alert,
        "verdict": rule.verdict,
        "today": rule.current.shown(),
        "recommended": rule.recommended.shown() if rule.recommended else "-",
        "alerts a month": _change(expected),
        "pages a month": _change(rule.expected.pages_per_month),
        "next month": f"{between[0]} to {between[1]} ({expected.level:.0%})" if between else "unknown",
        "reason": rule.reason,
    }


def _change(numbers: Any) -> str:
    texts = [f"{number:.3g}" for number in (numbers.current, numbers.recommended) if number is not None]
    return " to ".join(texts) or "unknown"
