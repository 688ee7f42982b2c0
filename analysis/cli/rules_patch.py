"""``promreview rules patch``: what a recommendation changes in the rule files, as a diff."""

from pathlib import Path
from typing import Annotated, Any

import typer

Rules = Annotated[list[Path], typer.Option("--rules", help="rule files to change; may be repeated")]


def register(app: typer.Typer) -> None:
    """Add the command to ``promreview rules``."""
    app.command("patch")(patch)


def patch(
    rules: Rules,
    recommendation: Annotated[
        Path | None, typer.Option("--from", help="what `rules recommend --format json` printed")
    ] = None,
    alert: Annotated[str, typer.Option("--alert", help="name of one rule, instead of --from")] = "",
    group: Annotated[str, typer.Option("--group", help="its group, where several have a rule of this name")] = "",
    threshold: Annotated[list[float] | None, typer.Option("--threshold", help="one per comparison, in order")] = None,
    for_: Annotated[str, typer.Option("--for", help="new `for`, such as 10m")] = "",
    keep_firing_for: Annotated[str, typer.Option("--keep-firing-for", help="new `keep_firing_for`")] = "",
    write: Annotated[bool, typer.Option("--write", help="change the files; without it they are only read")] = False,
) -> None:
    """Print a unified diff of the rule files; comments, order and quoting are kept."""
    from analysis.errors import InputError
    from analysis.thresholds import patch as patching

    if bool(recommendation) == bool(alert):
        raise InputError("give either --from FILE or --alert NAME with what is to change")
    changes = (
        _recommended(recommendation) if recommendation else [_typed(alert, group, threshold, for_, keep_firing_for)]
    )
    texts = patching.patched(rules, changes)
    if not texts:
        typer.echo("nothing changes", err=True)
        return
    header = [f"{c.group + ': ' if c.group else ''}{c.alert}: {c.why}" for c in changes if c.why]
    print(patching.diff(texts, [*header, patching.check(texts)]), end="")
    if write:
        patching.write(texts)
        typer.echo(f"changed: {', '.join(map(str, texts))}", err=True)


def _recommended(path: Path) -> list[Any]:
    import json

    from analysis.errors import InputError
    from analysis.thresholds.patch import changes_of

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    return [change for _, change in changes_of(document)]


def _typed(alert: str, group: str, threshold: list[float] | None, for_: str, keep_firing_for: str) -> Any:
    from analysis.errors import InputError
    from analysis.thresholds.rule_text import Change
    from analysis.window import parse_duration

    if not (threshold or for_ or keep_firing_for):
        raise InputError("say what is to change: --threshold, --for or --keep-firing-for")
    return Change(
        alert,
        group,
        dict(enumerate(threshold or [])),
        parse_duration(for_) if for_ else None,
        parse_duration(keep_firing_for) if keep_firing_for else None,
    )
