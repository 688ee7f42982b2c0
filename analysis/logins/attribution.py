"""Which label values carried an event; each label's excess sums to the whole."""

import pandas as pd

DOMINANT_SHARE = 0.6  # of the excess, for a value to be named as the one responsible


def attribution(inside: pd.DataFrame, usual: pd.Series, expected: float) -> list[dict[str, object]]:
    """Split the excess of an event over each label.

    Args:
        inside: counts of the steps of the event, columns one level per label.
        usual: what each column counts when nothing happens, in any unit.
        expected: what was to be expected in the event, in all.

    Returns:
        Rows ``label``, ``value``, ``excess``, ``typical``, ``actual``, one block per label,
        sorted by excess; each block's excess sums to actual minus expected.
    """
    rows: list[dict[str, object]] = []
    counted = inside.fillna(0.0).sum()
    for label in inside.columns.names:
        actual = counted.groupby(level=label).sum()
        before = usual.groupby(level=label).sum()
        share = before / before.sum() if before.sum() > 0 else actual * 0 + 1 / max(1, len(actual))
        table = pd.DataFrame({"actual": actual, "typical": share * expected}).fillna(0.0)
        table["excess"] = table["actual"] - table["typical"]
        ordered = table.sort_values("excess", ascending=bool(table["excess"].sum() < 0), kind="stable")
        rows += [
            {
                "label": label,
                "value": str(value),
                "excess": float(row["excess"]),
                "typical": float(row["typical"]),
                "actual": float(row["actual"]),
            }
            for value, row in ordered.iterrows()
        ]
    return rows


def dominant(rows: list[dict[str, object]]) -> dict[str, str]:
    """For each label that one value dominates, that value."""
    table = pd.DataFrame(rows)
    named: dict[str, str] = {}
    for label, block in table.groupby("label", sort=False) if len(table) else []:
        whole = block["excess"].sum()
        if len(block) > 1 and whole and block["excess"].iloc[0] / whole >= DOMINANT_SHARE:
            named[str(label)] = str(block["value"].iloc[0])
    return named
