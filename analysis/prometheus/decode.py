"""Answers of range queries into frames: values, and where a sample was present."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ContradictionError, InputError, SourceError
from analysis.prometheus.filled import Filled
from analysis.prometheus.quick import Series, milliseconds, parsed

AT_ONCE = 16  # series, whose copies are small beside the frame

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Decoded:
    """One range query's answer on its regular grid.

    Attributes:
        frame: the frame of the contract; NaN = no sample, or a sample that is NaN.
        present: same shape as the frame, to be read only; whether there was a sample, native histograms included.
        histograms: how many of the samples are native histograms, which have no value in a frame.
    """

    frame: pd.DataFrame
    present: NDArray[np.bool_]
    histograms: int = 0


def decode_matrix(result: Iterable[Mapping[str, Any]], first_ms: int, end_ms: int, step_ms: int) -> Decoded:
    """Put the ``result`` lists of one or more range queries on their common grid.

    Args:
        result: series of all chunks; a series may appear in several of them.
        first_ms: first stamp of the grid, Unix milliseconds.
        end_ms: first stamp past it.
        step_ms: distance of stamps.

    Raises:
        ContradictionError: two samples of equal labels and stamp with different values.
    """
    grid = Grid(first_ms, end_ms, step_ms)
    grid.add(list(result), first_ms, end_ms)
    return grid.decoded()


class Grid:
    """The common grid of all answers to one range query, filled as they come.

    Args:
        first_ms: first stamp of the grid, Unix milliseconds.
        end_ms: first stamp past it.
        step_ms: distance of stamps.
    """

    def __init__(self, first_ms: int, end_ms: int, step_ms: int) -> None:
        """Begin without series."""
        self.first_ms, self.step_ms = first_ms, step_ms
        self.rows = max(0, -(-(end_ms - first_ms) // step_ms))
        self.places: dict[Key, int] = {}
        self.histograms = 0
        self.values = np.empty((0, self.rows))
        self.filled = Filled(self.rows)

    def add(
        self, items: Sequence[Mapping[str, Any]], first_ms: int, past_ms: int, series: Sequence[Series] = ()
    ) -> None:
        """Add the series of one answer over ``[first_ms, past_ms)``.

        Args:
            items: as the server lists them; ``values`` is a list of pairs, or a number in `series`.
            first_ms: first stamp asked for.
            past_ms: first stamp past those asked for.
            series: samples that are parsed already.
        """
        keys = [tuple(sorted((k, v) for k, v in item["metric"].items() if v)) for item in items]
        self._make_room([key for key in dict.fromkeys(keys) if key not in self.places])
        asked = slice((first_ms - self.first_ms) // self.step_ms, (past_ms - self.first_ms) // self.step_ms)
        if self._add_block(keys, items, asked, series):
            return
        for key, item in zip(keys, items, strict=True):
            for stamps, values in self._parts(item, series):
                self._fill(key, asked if stamps is None else self._slots(stamps), values)

    def _add_block(
        self, keys: list[Key], items: Sequence[Mapping[str, Any]], asked: slice, series: Sequence[Series]
    ) -> bool:
        """Add series that all have every stamp at once, which is the usual case; False where it is not."""
        if not items or len(set(keys)) < len(keys):
            return False
        numbers = [item["values"] for item in items if isinstance(item.get("values"), int) and "histograms" not in item]
        if len(numbers) < len(items) or any(series[number][0] is not None for number in numbers):
            return False
        places = np.array([self.places[key] for key in keys])
        if self.filled.has(places, asked):
            return False
        for at in range(0, len(places), AT_ONCE):
            self.values[places[at : at + AT_ONCE], asked] = [series[number][1] for number in numbers[at : at + AT_ONCE]]
        self.filled.add(places, asked)
        return True

    def add_scaled(self, keys: list[Key], block: NDArray[Any], scale: float, first_ms: int) -> bool:
        """Add series that have every stamp of a span, converted on the way: no copy of what is large.

        Args:
            keys: labels of the series, each once, the empty ones left out.
            block: series by stamps.
            scale: by which whole numbers are divided.
            first_ms: stamp of the first column.

        Returns:
            Whether it was done: not where the span reaches beyond the grid, or where something is already.
        """
        first = (first_ms - self.first_ms) // self.step_ms
        past = first + block.shape[1]
        if first < 0 or past > self.rows:
            return False
        self._make_room([key for key in keys if key not in self.places])
        places = np.array([self.places[key] for key in keys])
        low, high = int(places.min()), int(places.max()) + 1
        if high - low != len(set(places.tolist())) or self.filled.has(places, slice(first, past)):
            return False
        in_order = np.array_equal(places, np.arange(low, high))
        ordered = block if in_order else block[np.argsort(places)]
        target = self.values[low:high, first:past]
        if ordered.dtype.kind == "i":
            np.divide(ordered, scale, out=target)
        else:
            target[:] = ordered
        self.filled.add(places, slice(first, past))
        return True

    def add_clipped(
        self, items: Sequence[Mapping[str, Any]], first_ms: int, past_ms: int, series: Sequence[Series]
    ) -> None:
        """Like `add`, for an answer that may reach beyond the grid: what lies outside is left out."""
        end_ms = self.first_ms + self.rows * self.step_ms
        if self.first_ms <= first_ms and past_ms <= end_ms:
            self.add(items, first_ms, past_ms, series)
            return
        whole = np.arange(first_ms, past_ms, self.step_ms)
        inside = [
            _between(whole if stamps is None else stamps, values, self.first_ms, end_ms) for stamps, values in series
        ]
        kept = [item for item in items if len(inside[item["values"]][1])]
        self.add(kept, max(first_ms, self.first_ms), min(past_ms, end_ms), inside)

    def merge(self, decoded: Decoded, first_ms: int) -> None:
        """Add what was decoded on a grid of the same stamps that begins at `first_ms`."""
        frame, stamps = decoded.frame, first_ms + self.step_ms * np.arange(len(decoded.frame))
        values = frame.to_numpy()
        items: list[Mapping[str, Any]] = []
        series: list[Series] = []
        for place, key in enumerate(frame.columns):
            present = decoded.present[:, place]
            if present.any():
                items.append({"metric": dict(zip(frame.columns.names, key, strict=True)), "values": len(series)})
                series.append((None, values[:, place]) if present.all() else (stamps[present], values[present, place]))
        self.histograms += decoded.histograms
        self.add_clipped(items, first_ms, first_ms + self.step_ms * len(frame), series)

    def _parts(self, item: Mapping[str, Any], series: Sequence[Series]) -> Iterable[Series]:
        values, histograms = item.get("values"), item.get("histograms")
        if isinstance(values, int):
            yield series[values]
        elif values:
            yield parsed(values)
        if histograms:
            self.histograms += len(histograms)
            yield (
                milliseconds(np.array([pair[0] for pair in histograms], dtype="float64")),
                np.full(len(histograms), np.nan),
            )

    def _slots(self, stamps: NDArray[np.int64]) -> NDArray[np.int64]:
        slots, beside = np.divmod(stamps - self.first_ms, self.step_ms)
        if beside.any() or (slots < 0).any() or (slots >= self.rows).any():
            raise SourceError("the server answers with stamps that it was not asked for; does a proxy align them?")
        if (np.diff(slots) <= 0).any() and len(np.unique(slots)) < len(slots):
            raise ContradictionError("the server answers with two samples of one series at one stamp")
        return np.asarray(slots)

    def _fill(self, key: Key, slots: Any, values: NDArray[np.float64]) -> None:
        place = self.places[key]
        have, present = self.values[place], self.filled.array(len(self.places))[place]
        if present[slots].any():
            old = have[slots]
            if (present[slots] & ~((old == values) | (np.isnan(old) & np.isnan(values)))).any():
                raise ContradictionError(f"two series with equal labels {dict(key)} have different values")
        have[slots], present[slots] = values, True

    def _make_room(self, keys: list[Key]) -> None:
        """Rows for new series, those of the first answer in their final order: mostly they are all."""
        if not keys:
            return
        self.places |= {key: len(self.places) + number for number, key in enumerate(_in_order(keys))}
        missing = len(self.places) - len(self.values)
        if missing <= 0:
            return
        room = max(missing, len(self.values) // 2)
        _check_size(len(self.values) + room, self.rows)
        values = np.empty((room, self.rows))
        # joined only where there is something: mostly the first answer has every series
        self.values = np.concatenate([self.values, values]) if len(self.values) else values

    def decoded(self) -> Decoded:
        """What has come, in the order of the contract."""
        ordered = _in_order(list(self.places))
        order = np.array([self.places[key] for key in ordered], dtype="int64")
        moved = not np.array_equal(order, np.arange(len(order)))
        values, present = self.values[order if moved else slice(len(order))], self.filled.ordered(order)
        if not self.filled.is_whole(len(order)):
            values[~present] = np.nan  # not before: most of it has been filled
        index = pd.DatetimeIndex(
            np.arange(self.first_ms, self.first_ms + self.rows * self.step_ms, self.step_ms, dtype="int64").astype(
                "datetime64[ms]"
            ),
            name="time",
        ).tz_localize("UTC")
        frame = pd.DataFrame(values.T, index=index, columns=_columns(ordered), copy=False)
        return Decoded(frame, present.T, self.histograms)


def _check_size(series: int, stamps: int) -> None:
    """Refuse what no memory holds, before a machine slows down and the process is killed."""
    size, memory = 8 * series * stamps, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > memory:
        raise InputError(
            f"{series:,} series with {stamps:,} stamps each are {size / 2**30:,.0f} GiB, more than the memory of this "
            "machine; take a longer step or a shorter window, aggregate, or pull with --summary"
        )


def _between(stamps: NDArray[np.int64], values: NDArray[np.float64], first_ms: int, end_ms: int) -> Series:
    inside = (stamps >= first_ms) & (stamps < end_ms)
    return stamps[inside], values[inside]


def _names(keys: list[Key]) -> list[str]:
    return sorted({name for key in keys for name, _ in key}) or ["__name__"]


def _in_order(keys: list[Key]) -> list[Key]:
    names = _names(keys)
    return sorted(keys, key=lambda key: tuple(dict(key).get(name, "") for name in names))


def _columns(keys: list[Key]) -> pd.MultiIndex:
    names = _names(keys)
    if not keys:
        return pd.MultiIndex.from_arrays([[]], names=names)
    return pd.MultiIndex.from_tuples([tuple(dict(key).get(name, "") for name in names) for key in keys], names=names)
