"""Who belongs to a fleet, and which folder is whose."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.settings.review import REPORTS

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
        options: of the command that reviews it.
        variables: of the process that reviews it, beside those of this one.
    """

    name: str
    folder: str
    label: str = ""
    options: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """For sentences: ``cluster eu``, ``environment eu``."""
        return f"{self.label or 'environment'} {self.name or '(empty)'}"


@dataclass(frozen=True)
class Ended:
    """How the review of a member ended.

    Attributes:
        code: exit code of its process.
        unreachable: why its server could not be asked; empty where it answered.
    """

    code: int
    unreachable: str = ""


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
