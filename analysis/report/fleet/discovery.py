"""The clusters behind one global view, told apart by an external label: the server itself says which there are."""

import json
import re
from collections.abc import Mapping, Sequence

from analysis.errors import InputError
from analysis.prometheus import Prometheus
from analysis.report.fleet.members import Member, folder_name
from analysis.window import Window

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")  # it stands in the address of what is asked
MOST_MEMBERS = 500  # each costs a review; a label with more values tells no clusters apart


def discover(
    prom: Prometheus, label: str, window: Window, variables: Mapping[str, str], view: str = ""
) -> list[Member]:
    """A member for each value that a label had in a window.

    Args:
        prom: the global view.
        label: external label that tells the clusters apart.
        window: of the review.
        variables: of a process that talks to the view.
        view: name of the view's environment, before the names of the folders; empty where it has none.

    Raises:
        InputError: this is no label of it, or one of too many values.
        SourceError: the server failed.
    """
    if not _LABEL.fullmatch(label):
        raise InputError(f"{label!r} is not a label name")
    values = sorted(value for value in set(prom.label_values(label, window=window)) if value)
    if not values:
        raise InputError(f"no series of {prom.api.shown_url} has a label {label!r} in this window")
    if len(values) > MOST_MEMBERS:
        raise InputError(f"the label {label!r} has {len(values):,} values; one that tells clusters apart has few")
    matchers = prom.settings.series_matchers()
    return [_member(label, value, matchers, variables, view) for value in values]


def _member(label: str, value: str, matchers: Mapping[str, str], variables: Mapping[str, str], view: str) -> Member:
    folder = f"{view}-{folder_name(value)}" if view else folder_name(value)
    own = {"PROMETHEUS_MATCHERS": json.dumps({**matchers, label: value}), "PROMETHEUS_ENVIRONMENT": folder}
    return Member(value, folder, label, view, variables={**variables, **own})


def checked(members: Sequence[Member]) -> list[Member]:
    """The members, no two of which share a folder.

    Raises:
        InputError: two do; names them.
    """
    taken: dict[str, Member] = {}
    for member in members:
        if (other := taken.setdefault(member.folder, member)) is not member:
            raise InputError(f"{other.title} and {member.title} would share the folder {member.folder}; rename one")
    return list(members)
