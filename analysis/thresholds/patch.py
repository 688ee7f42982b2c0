"""A unified diff of rule files, checked, with what is expected of it above."""

import difflib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.errors import InputError
from analysis.prometheus.programs import find_program
from analysis.thresholds.rule_text import Change, changed_text
from analysis.window import parse_duration

CHECK_SECONDS = 60.0


def changes_of(document: Mapping[str, Any]) -> list[tuple[str, Change]]:
    """File and change of each rule for which ``rules recommend`` recommends something.

    Args:
        document: as ``rules recommend --format json`` prints it.

    Raises:
        InputError: it is not such a document.
    """
    try:
        rules = [rule for rule in document["rules"] if rule["recommended"]]
        return [(rule["file"], _change(rule)) for rule in rules]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"not what `rules recommend --format json` prints: {type(error).__name__} {error}") from None


def _change(rule: Mapping[str, Any]) -> Change:
    now, new = rule["current"], rule["recommended"]
    numbers = [_as_list(values.get("threshold")) for values in (now, new)]
    thresholds = {place: float(b) for place, (a, b) in enumerate(zip(*numbers, strict=True)) if a != b}
    durations = [
        parse_duration(new[key]) if new.get(key) not in (None, now.get(key)) else None
        for key in ("for", "keep_firing_for")
    ]
    expected = (rule.get("expected") or {}).get("alerts_per_month") or {}
    why = f"alerts per month {expected['current']} -> {expected['recommended']}" if "recommended" in expected else ""
    place = rule.get("rule"), str(rule["file"])
    return Change(rule["alert"], rule["group"], thresholds, durations[0], durations[1], why, *place)


def possible(files: Sequence[Path], changes: Iterable[Change]) -> tuple[list[Change], list[str]]:
    """The changes that can be made, and why the others cannot: one of them does not stop the rest.

    Raises:
        InputError: none can be made.
    """
    made: list[Change] = []
    refused: list[InputError] = []
    for change in changes:
        try:
            patched(files, [change])
            made.append(change)
        except InputError as error:
            refused.append(error)
    if refused and not made:
        raise refused[0]
    return made, [str(error) for error in refused]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def patched(files: Sequence[Path], changes: Iterable[Change]) -> dict[Path, tuple[str, str]]:
    """Old and new text of every file that changes.

    Raises:
        InputError: a rule is in none of the files, or in several; a file cannot be read.
    """
    old = {path: _read(path) for path in files}
    new = dict(old)
    for change in changes:
        hits = {p: text for p in change.among(files) if (text := changed_text(new[p], str(p), change)) is not None}
        if len(hits) != 1:
            where = "none" if not hits else f"{len(hits)}"
            raise InputError(f"{change.alert!r} is in {where} of the rule files {', '.join(map(str, files))}")
        new |= hits
    return {path: (old[path], new[path]) for path in files if old[path] != new[path]}


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:  # line ends stay as they are
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the rule file {path}: {error}") from None


def diff(texts: Mapping[Path, tuple[str, str]], header: Iterable[str]) -> str:
    """A diff that ``patch -p1`` and ``git apply`` take; the header stands above it."""
    lines = [f"# {line}\n" for line in header]
    for path, (old, new) in texts.items():
        name = path.as_posix().lstrip("/")
        before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
        found = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
        lines += [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found]
    return "".join(lines)


def check(texts: Mapping[Path, tuple[str, str]]) -> str:
    """What ``promtool check rules`` finds wrong in the new texts; a note where promtool is not at hand.

    Raises:
        InputError: promtool refuses a new text that it took before.
    """
    if not shutil.which("promtool"):
        return "not checked: promtool is not installed"
    program = find_program("promtool")
    for path, (old, new) in texts.items():
        if "kind: PrometheusRule" in new:
            continue  # promtool knows plain rule files only
        if not _said(program, old) and (said := _said(program, new)):
            raise InputError(f"promtool check rules refuses the new {path}: {said}")
    return "checked with promtool check rules"


def _said(program: str, text: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        run = subprocess.run(
            [program, "check", "rules", file.name], capture_output=True, text=True, check=False, timeout=CHECK_SECONDS
        )
    return " ".join(run.stderr.split())[:300] if run.returncode else ""


def write(texts: Mapping[Path, tuple[str, str]]) -> None:
    """Change the files: each is whole at every moment, keeps its mode, and a link stays a link."""
    for path, (_, new) in texts.items():
        target = path.resolve()
        temporary = target.with_name(f".{target.name}.part")
        try:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                file.write(new)
            shutil.copymode(target, temporary)
            temporary.replace(target)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from None
        finally:
            temporary.unlink(missing_ok=True)
