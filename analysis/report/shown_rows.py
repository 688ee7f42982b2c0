"""A table as a notebook shows it: no row numbers, no empty marks, lists in words, the digits that count."""

import math
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from analysis import markup
from analysis.report.shown import shown_number

MOST_ROWS = 30  # more of them nobody reads in a notebook; all are in the report's tables/


@dataclass(frozen=True)
class Rows:
    """The first rows of a table, for people; the table itself stays as it is.

    Attributes:
        table: any frame; an index that has a name is shown as its first columns.
        most: how many rows are shown; what is left out is counted.
    """

    table: pd.DataFrame
    most: int = MOST_ROWS

    def __repr__(self) -> str:
        """The rows as text, without their numbers."""
        return str(self._shown().to_string(index=False)) if len(self.table) else "none"

    def _repr_html_(self) -> str:
        """The rows as HTML; every value is escaped."""
        if not len(self.table):
            return "<p>None.</p>"
        shown = self._shown()
        left = len(self.table) - len(shown)
        more = f"<p>{left:,} more in the report's tables.</p>" if left else ""
        return markup.table([str(name) for name in shown.columns], shown.to_numpy().tolist()) + more

    def _shown(self) -> pd.DataFrame:
        named = self.table.reset_index() if any(self.table.index.names) else self.table
        return named.head(self.most).astype(object).map(_cell)


def rows(table: pd.DataFrame, most: int = MOST_ROWS) -> Rows:
    """Show a table's first rows as a person reads them.

    Example:
        >>> rows(pd.DataFrame({"job": ["api", None], "labels": [["a", "b"], ["c"]]}))
        job labels
        api   a, b
                 c
    """
    return Rows(table, most)


def _cell(value: object) -> object:
    if isinstance(value, list | tuple):
        return ", ".join(str(_cell(part)) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}={_cell(part)}" for name, part in value.items())
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str | datetime) else shown_number(value)
