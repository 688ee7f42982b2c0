"""Who belongs to a fleet, and which folder is whose."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.settings.environments import connection_variables
from analysis.settings.review import REPORTS

LONGEST_NAME = 60  # characters of it in a sentence
_PLAIN = re.compile(r"(?!\d{4}-)[a-z0-9][a-z0-9_-]{0,62}")  # not what may be a month, a week or a day
_MARKED = re.compile(r".*-[0-9a-f]{8}")
_TAKEN = (*REPORTS, "monthly_review", "daily_check", "weekly_review")  # folders of reports


@dataclass(frozen=True)
class Member:
    """One server, or one cluster of a global view.

    Attributes:
        name: as people know it: name of the environment, or value of the label. Hostile.
        folder: of its results, below that of the month.
        label: the external label whose value it is; empty for a server of its own.
        environment: through which it is reached; empty where this process's variables lead to it.
        options: of the command that reviews it.
        variables: how the process that reviews it reaches the server; as this one does where there are none.
    """

    name: str
    folder: str
    label: str = ""
    environment: str = ""
    options: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """For sentences: ``cluster eu``, ``environment eu``."""
        return f"{self.label or 'environment'} {shown_name(self.name)}"

    def process_variables(self) -> dict[str, str]:
        """All variables of the process that reviews it: no credential of another server among them."""
        if not self.variables:
            return dict(os.environ)
        ours = connection_variables()
        return {name: value for name, value in os.environ.items() if name not in ours} | dict(self.variables)


@dataclass(frozen=True)
class Ended:
    """How the review of a member ended.

    Attributes:
        code: exit code of its process.
        unreachable: why its server could not be asked; empty where it answered.
    """

    code: int
    unreachable: str = ""


def shown_name(name: str) -> str:
    """A member's name in a sentence or on a terminal: one line, nothing that a terminal obeys, not endless."""
    line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return line if len(line) <= LONGEST_NAME else f"{line[:LONGEST_NAME]}…"


def folder_name(value: str) -> str:
    """A folder for any value of a label: the same one every month, and another one for every other value.

    A plain value is its own folder. Any other is made plain, and marked with eight digits of its hash;
    so is a plain one that looks marked, or has the name of a report.

    Example:
        >>> folder_name("eu-west"), folder_name("../etc"), folder_name("EU")
        ('eu-west', 'etc-f7f9121f', 'eu-9170a8b2')
    """
    if _PLAIN.fullmatch(value) and not _MARKED.fullmatch(value) and value not in _TAKEN:
        return value
    plain = re.sub(r"[^a-z0-9_-]+", "-", value.lower()).strip("-_")[:40]
    return f"{plain or 'value'}-{hashlib.sha256(value.encode(errors='surrogatepass')).hexdigest()[:8]}"
