"""What a change of a rule would have done: the rule as it is and as it would be, replayed over one window."""

from dataclasses import replace
from pathlib import Path

from analysis.errors import InputError
from analysis.findings import TimeSpan
from analysis.prometheus import Prometheus
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.collect import grid_of, reviewed_rules, rule_groups
from analysis.thresholds.documents import Outcome, PatchReplay
from analysis.thresholds.rule_text import Change
from analysis.thresholds.subjects import Choice, subject_of
from analysis.thresholds.surroundings import context_of
from analysis.thresholds.whatif import whatif
from analysis.window import Window, parse_duration


def before_and_after(prom: Prometheus, settings: ThresholdDriftSettings, window: Window, change: Change) -> PatchReplay:
    """Replay one rule with its values and with those of a change.

    Args:
        prom: the server.
        settings: the rule files, and what alerts are judged by.
        window: alerts that begin to fire in it count.
        change: what becomes of the rule.

    Raises:
        InputError: the rule is not in the files, or cannot be replayed.
        SourceError: the server failed.
    """
    mine = settings.model_copy(update={"alerts": [change.alert]})
    named = reviewed_rules(rule_groups(prom, mine), mine)
    files = set(change.among([Path(group.file) for group, _ in named]))
    named = [pair for pair in named if Path(pair[0].file) in files]
    rules = [pair for pair in named if change.means(pair[0].name, pair[1].index, pair[1].name)]
    if len(rules) != 1:
        raise InputError(f"{len(rules)} rules are named {change.alert!r}; name its group with --group")
    [(group, rule)] = rules
    grid = grid_of(prom, group, window, parse_duration(settings.default_interval), prom.source().version)
    subject = subject_of(group, rule, grid, settings, context_of(settings))
    changed = changed_choice(subject.today, change)
    made = whatif(prom, subject, list(dict.fromkeys([subject.today, changed])), window)
    table = made.table().to_dict(orient="records")
    before, after = (Outcome.model_validate(table[made.choices.index(one)]) for one in (subject.today, changed))
    return PatchReplay(window=TimeSpan.of(window), days_of_data=made.days(), before=before, after=after)


def changed_choice(today: Choice, change: Change) -> Choice:
    """The values of a rule after a change.

    Raises:
        InputError: it changes a number that the rule does not have.
    """
    numbers = list(today.thresholds)
    if set(change.thresholds) - set(range(len(numbers))):
        raise InputError(f"{change.alert!r} compares with {len(numbers)} numbers, not with {len(change.thresholds)}")
    for place, value in change.thresholds.items():
        numbers[place] = value
    kept = {name: value for name in ("for_duration", "keep_firing_for") if (value := getattr(change, name)) is not None}
    return replace(today, thresholds=tuple(numbers), **kept)
