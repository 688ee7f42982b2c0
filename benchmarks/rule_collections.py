"""How much of a folder of rule files can be replayed: every alert that promtool accepts, on data made up for it.

Each selector of the rules gets two series that satisfy its matchers, in random walks around the numbers that the
rules compare with, so that label sets come and go. Nothing of a collection is kept in this repository.

Run: python benchmarks/rule_collections.py [FOLDER]   (default: the rules of monitoring/prometheus)
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.errors import InputError
from analysis.prometheus import connect
from analysis.prometheus.patterns import is_match
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.programs import find_program
from analysis.prometheus.promql import comparisons, labels_used, parse, selectors
from analysis.prometheus.rule_files import groups_of_files
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.thresholds.replay_document import replay_document
from analysis.window import Window

END = datetime(2026, 11, 1, tzinfo=UTC)
HISTORY = timedelta(hours=26)  # the longest range of most rules is a day
REPLAYED = timedelta(hours=2)
STEP = timedelta(minutes=1)
CANDIDATES = ("x", "1", "500", "5xx", "0.5", "true", "eth0", "sda", "Running", "a-1")
BOUNDS = {False: [{}], True: [{"le": le} for le in ("0.1", "1", "10", "+Inf")]}
OWN_RULES = Path(__file__).parent.parent / "monitoring" / "prometheus"


def accepted(file: Path) -> bool:
    """Whether promtool takes it: as it stands, or, for a resource of Kubernetes, what stands under `spec`."""
    text = file.read_text(encoding="utf-8", errors="replace")
    spec = re.search(r"^spec:\s*\n((?:[ ]+.*\n|\s*\n)+)", text, re.MULTILINE)
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as plain:
        plain.write(spec[1] if spec else text)
        plain.flush()
        command = [find_program("promtool"), "check", "rules", plain.name]
        run = subprocess.run(command, capture_output=True, check=False)
    return run.returncode in (0, 3) and ("rules" in text)


def loaded(folder: Path) -> tuple[list[RuleGroup], list[str]]:
    """The groups of every file that promtool takes, and what was refused here of those."""
    groups, refused = [], []
    for file in sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml")]):
        if accepted(file):
            try:
                groups += groups_of_files([file])
            except InputError as error:
                refused.append(str(error))
    return groups, refused


def value_for(pattern: str) -> str:
    """Some text that a regular expression matches, the empty one where none is found."""
    pieces = [re.sub(r"[()^$?:\\]|\.[*+]", "", piece) for piece in re.split(r"[|]", pattern)]
    return next((text for text in (*pieces, *CANDIDATES) if text and is_match("=~", pattern, text)), "")


def series_of(rules: list[Rule]) -> dict[str, list[dict[str, str]]]:
    """Label sets of every metric: each has all labels that any rule reads of it, and two instances where nothing joins.

    Joined metrics get one instance: two would make many-to-many matches, which fail in Prometheus, too.
    """
    read: dict[str, set[str]] = {}
    wanted: dict[str, dict[tuple[tuple[str, str], ...], None]] = {}
    joined: set[str] = set()
    for rule in rules:
        tree = parse(rule.expr)
        used = labels_used(tree)
        for selector in selectors(tree):
            values = {label: value for label, op, value in selector.matchers if op == "="}
            values |= {label: value_for(value) for label, op, value in selector.matchers if op == "=~"}
            read.setdefault(selector.name, set()).update(set(used) - {"le", "__name__", "instance"})
            wanted.setdefault(selector.name, {})[tuple(sorted(values.items()))] = None
            joined |= {selector.name} if any("joined" in uses for uses in used.values()) else set()
    return {
        name: [
            dict.fromkeys(read[name], "x") | {"instance": instance} | dict(values) | bound
            for values in some
            for instance in ("a", "b")[: 1 if name in joined else 2]
            for bound in BOUNDS[name.endswith("_bucket")]
        ]
        for name, some in wanted.items()
        if name
    }


def frames(rules: list[Rule]) -> Iterator[dict[str, pd.DataFrame]]:
    """Random walks for every series that the rules read, metric by metric."""
    index = pd.date_range(END - HISTORY, END, freq=STEP, inclusive="left", name="time")
    random = np.random.default_rng(4)
    trees = [parse(rule.expr) for rule in rules]
    compared = {
        selector.name: [c.threshold for c in comparisons(tree)] for tree in trees for selector in selectors(tree)
    }
    for name, series in series_of(rules).items():
        steps = random.normal(0, 1, (len(index), len(series)))
        if name.endswith(("_total", "_count", "_bucket", "_sum")):
            values = np.cumsum(np.abs(steps), axis=0)
        else:
            walks = np.cumsum(steps, axis=0)
            values = (abs(random.choice(compared[name] or [1.0])) or 1.0) * (1 + walks / (3 * walks.std()))
        levels = sorted({label for labels in series for label in labels})
        keys = list(dict.fromkeys(tuple(labels.get(level, "") for level in levels) for labels in series))
        yield {name: pd.DataFrame(values[:, : len(keys)], index, pd.MultiIndex.from_tuples(keys, names=levels))}


def place(entry: dict[str, object]) -> tuple[object, ...]:
    """Which rule an entry of the document belongs to."""
    return entry["file"], entry["group"], entry["rule"]


def main(folder: str = str(OWN_RULES)) -> None:
    groups, refused = loaded(Path(folder))
    rules = [(group, rule) for group in groups for rule in group.alerts]
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server, connect(server.url) as prom:
        for frame in frames([rule for _, rule in rules]):
            backfill(server.url, frame)
        with tqdm(total=len(rules), desc="replaying rules", unit="rule", disable=None) as bar:
            document = replay_document(prom, rules, Window(END - REPLAYED, END), STEP, bar.update)
    alerted = {place(entry) for entry in document["alerts"]}
    approximate = {place(entry): entry["approximate"]["reason"] for entry in document["alerts"] if entry["approximate"]}
    skipped = [entry["reason"] for entry in document["skipped"]]
    reasons = Counter([*skipped, *approximate.values()])
    inexact = (len(skipped) + len(approximate)) / max(len(rules), 1)
    print(f"{len(rules)} alerts of {len({g.file for g in groups})} files that promtool accepts; {len(refused)} refused")
    print(f"{len(alerted)} of them alerted in {REPLAYED}")
    print(f"skipped {len(skipped)}, approximate {len(approximate)}: together {inexact:.1%}; the goal is at most 1 %")
    for reason, count in reasons.most_common():
        print(f"  {count:4} {reason}")
    for refusal in refused:
        print(f"  refused: {refusal}")


if __name__ == "__main__":
    main(*sys.argv[1:])
