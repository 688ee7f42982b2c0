"""Words on a page: one of a thing is written as one, and no value from outside turns the letters around it."""

import re

# Marks, embeddings, overrides and isolates: with them a value reads as another one ("Trojan Source").
_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# A figure is XML, which may not hold these; it would not open.
_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff"
_UNSEEN = re.compile(f"[{_DIRECTION}{_CONTROL}]")
_HEBREW_TO_ARABIC = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_RIGHT_TO_LEFT = re.compile(f"[{_HEBREW_TO_ARABIC}](?:[{_HEBREW_TO_ARABIC} ]*[{_HEBREW_TO_ARABIC}])?")
_REPLACED, _ISOLATED = "\ufffd", "\u2068\\g<0>\u2069"


def counted(number: float, noun: str, plural: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "alert"), counted(1200, "alert"), counted(2, "query", "queries")
    ('1 alert', '1,200 alerts', '2 queries')
    """
    return f"{number:,.12g} {noun if number == 1 else plural or f'{noun}s'}"


def how_often(number: int) -> str:
    """A number of times.

    >>> how_often(1), how_often(3)
    ('once', '3 times')
    """
    return "once" if number == 1 else counted(number, "time")


def short(text: str, longest: int = 80) -> str:
    """A value from outside in one line of a sentence; what is cut off is told."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def seen(text: str) -> str:
    """A value from outside without what is obeyed, not seen, such as a change of direction; each leaves a mark."""
    return _UNSEEN.sub(_REPLACED, text)


def in_order(text: str) -> str:
    """As `seen`, and words that are written from right to left keep to themselves."""
    return _RIGHT_TO_LEFT.sub(_ISOLATED, seen(text))
