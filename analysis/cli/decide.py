"""``promreview decide``: what the meeting decided about a finding."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Identity = Annotated[str, typer.Argument(metavar="ID", help="id of a finding, as page and findings.json have it")]
Accept = Annotated[bool, typer.Option("--accept", help="it will be done; next month's review looks at the outcome")]
Reject = Annotated[bool, typer.Option("--reject", help="it will not be done")]
Whose = Annotated[
    str, typer.Option("--environment", metavar="NAME", help="of this environment alone; of every one when left out")
]
Mute = Annotated[str, typer.Option("--mute", metavar="UNTIL", help="it is no alarm until this day, YYYY-MM-DD")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("decide")(decide)


def decide(
    finding: Identity,
    why: Annotated[str, typer.Option("--why", help="reason, in a sentence")],
    accept: Accept = False,
    reject: Reject = False,
    mute: Mute = "",
    environment: Whose = "",
    outputs: Annotated[str, typer.Option("--outputs", help="folder of all results")] = "outputs",
) -> None:
    """Keep a decision in params/decisions.yaml; the next reviews show it beside the finding."""
    from datetime import UTC, date, datetime

    from analysis.decisions import FILE
    from analysis.errors import InputError
    from analysis.report.decisions import add_decision, decision_on, find_finding

    if accept + reject + bool(mute) != 1:
        raise InputError("say one of --accept, --reject and --mute UNTIL")
    try:
        until = date.fromisoformat(mute) if mute else None
    except ValueError:
        raise InputError(f"--mute {mute}: write a day as YYYY-MM-DD") from None
    if until and until <= datetime.now(UTC).date():
        raise InputError(f"--mute {mute}: that day is over; write one to come")
    if not why.strip():
        raise InputError("--why is empty; next month somebody will ask")
    found = find_finding(finding, Path(outputs), environment)
    what: Literal["accepted", "rejected", "muted"] = "accepted" if accept else "rejected" if reject else "muted"
    decision = decision_on(found, what, until, why.strip(), environment)
    add_decision(decision)
    typer.echo(f"{decision.title}: {decision.shown()}; kept in {FILE}", err=True)
