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
    timeout: Timeout = 120.0,
) -> None:
    """Recommend thresholds and durations, fitted on the months before [start, end) and checked on it."""
    import json

    from tqdm.auto import tqdm

    from analysis.prometheus import connect
    from analysis.settings import ConnectionSettings
    from analysis.thresholds import recommend as recommendations

    given: dict[str, Any] = {"start": start, "end": end, "alerts": alert or [], "default_interval": default_interval}
    given |= {"rule_files": [str(path) for path in rules or []]}
    given |= {"alerts_per_week": budget, "history_months": history_months}
    settings = settings_of(given, params)
    connection = ConnectionSettings().model_copy(update={"timeout_seconds": timeout})
    with connect(url, connection) as prom, tqdm(desc="rules", file=sys.stderr, disable=None) as bar:
        document = recommendations(prom, settings, settings.window(), advance(bar))
    if output_format is Format.json:
        print(json.dumps(document, allow_nan=False, ensure_ascii=False))
    else:
        print_rows([_row(entry) for entry in document["rules"]], output_format, "no alerting rules")


def _row(entry: dict[str, Any]) -> dict[str, str]:
    expected = entry["expected"]["alerts_per_month"]
    pages = entry["expected"]["pages_per_month"]
    between = expected["interval"]
    return {
        "alert": entry["alert"],
        "verdict": entry["verdict"],
        "today": _values(entry["current"]),
        "recommended": _values(entry["recommended"]) if entry["recommended"] else "-",
        "alerts a month": _change(expected),
        "pages a month": _change(pages),
        "next month": f"{between[0]} to {between[1]} ({expected['level']:.0%})" if between else "unknown",
        "reason": entry["reason"],
    }


def _values(values: dict[str, Any]) -> str:
    held = values["keep_firing_for"]
    text = f"{values['threshold']} for {values['for']}"
    return text if held == "0s" else f"{text}, kept {held}"


def _change(numbers: dict[str, Any]) -> str:
    texts = [f"{numbers[key]:.3g}" for key in ("current", "recommended") if numbers[key] is not None]
    return " to ".join(texts) or "unknown"
