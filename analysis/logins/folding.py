"""Labels with very many values: the largest values by themselves, all others together.

A country has two hundred values, a user or an address has millions. What is asked of the server, and held in memory,
stays bounded whatever somebody writes into a label.
"""

import re

import numpy as np
import pandas as pd

from analysis.logins.signals import OTHERS
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import quote, selector
from analysis.settings.logins import Signal
from analysis.window import Window, format_duration

MOST_SETS = 1500  # label sets of one signal that are asked for one by one: 1 GB for two months of minutes
KEPT_VALUES = 40  # values of a folded label that keep their names
_META = re.compile(r"[\\.+*?()|\[\]{}^$]")  # what has a meaning in RE2


def folded_labels(prom: Prometheus, signal: Signal, window: Window) -> dict[str, list[str]]:
    """Labels of a signal that have too many values, each with the values that keep their names.

    The label with the most values is folded first, until what is left can be asked for.
    """
    name = f"{selector(signal.metric, signal.match)}[{format_duration(window.duration)}]"

    def count(labels: list[str]) -> float:
        by = f"by ({', '.join(labels)})" if labels else ""
        found = prom.instant(f"count(count {by} (last_over_time({name})))", window.end)
        return float(found.iloc[0]) if len(found) else 0.0

    sets = count(signal.labels)
    if sets <= MOST_SETS:
        return {}
    sizes = {label: count([label]) for label in signal.labels}
    folded: dict[str, list[str]] = {}
    for label in sorted(sizes, key=lambda label: -sizes[label]):
        left = float(np.prod([min(size, KEPT_VALUES) if k in folded else size for k, size in sizes.items()]))
        if min(sets, left) <= MOST_SETS and folded:
            break
        top = prom.instant(f"topk({KEPT_VALUES}, sum by ({label}) (increase({name})))", window.end)
        folded[label] = [str(value) for value in top.index.get_level_values(label)]
        sets = min(sets, float(np.prod([KEPT_VALUES if k in folded else size for k, size in sizes.items()])))
    return folded


def narrowed(signal: Signal, folded: dict[str, list[str]]) -> str:
    """The selector of a signal with only the values that keep their names."""
    plain = selector(signal.metric, signal.match)
    if not folded:
        return plain
    inside = plain.removesuffix("}") if plain.endswith("}") else f"{plain}{{"
    comma = "" if inside.endswith("{") else ","
    parts = [f"{label}=~{quote('|'.join(map(_literal, values)))}" for label, values in folded.items()]
    return f"{inside}{comma}{','.join(parts)}}}"


def _literal(value: str) -> str:
    return _META.sub(r"\\\g<0>", value)


def with_others(named: pd.DataFrame, whole: pd.DataFrame, folded: dict[str, list[str]]) -> pd.DataFrame:
    """Add what is left of the whole when the named values are taken out.

    Args:
        named: counts by all labels, of the named values.
        whole: counts by the labels that are not folded, of all values.
        folded: labels and the values that keep their names.
    """
    kept = list(whole.columns.names)
    names = list(named.columns.names)
    rest = whole.copy()
    keys = []
    for place, key in enumerate(key if isinstance(key, tuple) else (key,) for key in whole.columns):
        mine = np.ones(named.shape[1], dtype=bool)
        for name, value in zip(kept, key, strict=True):
            mine &= named.columns.get_level_values(name) == value
        held = named.loc[:, mine].sum(axis=1)
        rest.isetitem(place, (whole.iloc[:, place] - held).clip(lower=0.0))
        keys.append(tuple(OTHERS if name in folded else key[kept.index(name)] for name in names))
    rest.columns = pd.MultiIndex.from_tuples(keys, names=names)
    return pd.concat([named, rest], axis=1).sort_index(axis=1)
