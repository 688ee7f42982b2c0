"""What makes a rule the same rule next month, though its file lies elsewhere or another rule stands above it."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from analysis.thresholds.measure import Measured

Identity = tuple[str, str, str, int]


def identities(items: Sequence[Measured]) -> list[Identity]:
    """File, group, alert, and the place among the alerts of one name in one group, of each rule.

    A file is known by its own name, without its folder, as long as that tells it apart from all others: the folder
    is the server's own business and changes with a new mount, a new container or a new user.
    """
    names = short_names(item.group.file for item in items)
    return [(names[item.group.file], item.group.name, item.rule.name, _place(item)) for item in items]


def short_names(files: Iterable[str]) -> dict[str, str]:
    """As much of the end of each path as tells it apart from every other.

    Example:
        >>> short_names(["/etc/a/rules.yml", "/etc/b/rules.yml", "/etc/b/more.yml"])["/etc/a/rules.yml"]
        'a/rules.yml'
        >>> short_names(["/srv/rules.yml"])
        {'/srv/rules.yml': 'rules.yml'}
    """
    parts = {file: re.split(r"[\\/]", file) for file in files}
    names: dict[str, str] = {}
    depth = 1
    while len(names) < len(parts):
        ends = {file: "/".join(parts[file][-depth:]) for file in parts}
        seen = Counter(ends.values())
        names |= {
            file: end
            for file, end in ends.items()
            if file not in names and (seen[end] == 1 or depth >= len(parts[file]))
        }
        depth += 1
    return names


def _place(item: Measured) -> int:
    """How many alerts of this name stand before it in its group."""
    return sum(rule.name == item.rule.name and rule.index < item.rule.index for rule in item.group.alerts)
