"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "failed", "unknown"]


@dataclass(frozen=True)
class Check:
    """One check: its name, how it went, what was seen, and what to do about it."""

    name: str
    state: State
    detail: str
    advice: str = ""
