"""``promreview rules patch``: what a recommendation changes in the rule files, as a diff."""

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.cli.options import End, Environment, Start, Timeout, Url


class PatchFormat(StrEnum):
    """How a patch is printed."""

    diff = "diff"
    json = "json"


Rules = Annotated[list[Path], typer.Option("--rules", help="rule files to change; may be repeated")]
Parameters = Annotated[Path | None, typer.Option("--params", help="YAML file of further parameters, for the replay")]
Interval = Annotated[str, typer.Option("--default-interval", help="of groups that name none, for the replay")]
OutputFormat = Annotated[PatchFormat, typer.Option("--format", help="a unified diff, or JSON")]
NoReplay = Annotated[bool, typer.Option("--no-replay", help="ask no server; the header then has no before and after")]


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
    rule: Annotated[int | None, typer.Option("--rule", help="its place in the group, from 0", min=0)] = None,
    threshold: Annotated[list[float] | None, typer.Option("--threshold", help="one per comparison, in order")] = None,
    for_: Annotated[str, typer.Option("--for", help="new `for`, such as 10m")] = "",
    keep_firing_for: Annotated[str, typer.Option("--keep-firing-for", help="new `keep_firing_for`")] = "",
    write: Annotated[bool, typer.Option("--write", help="change the files; without it they are only read")] = False,
    url: Url = None,
    environment: Environment = None,
    start: Start = "-30d",
    end: End = "now",
    default_interval: Interval = "1m",
    params: Parameters = None,
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
    no_replay: NoReplay = False,
    output_format: OutputFormat = PatchFormat.diff,
) -> None:
    """Print a unified diff of the rule files; comments, order and quoting are kept.

    Where a server is named, the rules are replayed over [start, end) as they are and as they would be.
    """
    from analysis.errors import InputError
    from analysis.thresholds import patch as patching

    if bool(recommendation) == bool(alert):
        raise InputError("give either --from FILE or --alert NAME with what is to change")
    typed = (alert, group, rule, threshold, for_, keep_firing_for)
    wanted = _recommended(recommendation) if recommendation else [_typed(*typed)]
    changes, refused = patching.possible(rules, wanted)
    for reason in refused:
        typer.echo(f"promreview: not changed: {reason}", err=True)
    texts = patching.patched(rules, changes)
    given = {"start": start, "end": end, "default_interval": default_interval, "rule_files": [str(p) for p in rules]}
    is_named = bool(url or environment or os.environ.get("PROMETHEUS_URL")) and not no_replay
    replays = _replays(changes, given, params, url) if is_named and texts else [None] * len(changes)
    _print(texts, changes, replays, output_format, is_written=write)
    if write and texts:
        patching.write(texts)
        typer.echo(f"changed: {', '.join(map(str, texts))}", err=True)
    if refused:
        raise typer.Exit(4)  # done in part


def _print(
    texts: dict[Path, tuple[str, str]],
    changes: list[Any],
    replays: list[Any],
    output_format: PatchFormat,
    *,
    is_written: bool,
) -> None:
    from analysis.findings import document_json
    from analysis.thresholds import patch as patching
    from analysis.thresholds.documents import PatchChange, PatchDocument, PatchedFile

    if not texts:
        typer.echo("nothing changes", err=True)
    checked = patching.check(texts)
    if output_format is PatchFormat.diff:
        print(patching.diff(texts, [*_header(changes, replays), checked]) if texts else "", end="")
        return
    told = [
        PatchChange(group=change.group, alert=change.alert, why=change.why, replay=replay)
        for change, replay in zip(changes, replays, strict=True)
    ]
    files = [PatchedFile(file=str(path), diff=patching.diff({path: text}, [])) for path, text in texts.items()]
    print(document_json(PatchDocument(checked=checked, written=is_written, changes=told, files=files)))


def _header(changes: Iterable[Any], replays: Iterable[Any]) -> list[str]:
    lines = []
    for change, replay in zip(changes, replays, strict=True):
        name = f"{change.group + ': ' if change.group else ''}{change.alert}"
        lines += [f"{name}: {said}" for said in (change.why, replay.shown() if replay else "") if said]
        if replay is None:
            lines.append(f"{name}: not replayed; name a server with --url")
    return lines


def _replays(changes: Iterable[Any], given: dict[str, Any], params: Path | None, url: str | None) -> Any:
    from analysis.cli.rules_whatif import settings_of
    from analysis.prometheus import connect
    from analysis.thresholds.before_after import before_and_after

    settings = settings_of(given, params)
    with connect(url) as prom:
        return [before_and_after(prom, settings, settings.window(), change) for change in changes]


def _recommended(path: Path) -> list[Any]:
    import json

    from analysis.errors import InputError
    from analysis.thresholds.patch import changes_of

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    return [change for _, change in changes_of(document)]


def _typed(
    alert: str, group: str, rule: int | None, threshold: list[float] | None, for_: str, keep_firing_for: str
) -> Any:
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
        rule=rule,
    )
