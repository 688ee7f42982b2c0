"""Numbers in sentences: one of a thing is written as one."""


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
