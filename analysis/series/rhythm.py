"""The shape of a day out of past days: cleaned of what stands out, and as smooth as its own noise allows.

Days of the same kind are averaged after single odd counts were cut off; what a weekday has of its own
is added to it. Both are smoothed by block shrinkage of their Fourier coefficients (Efromovich and
Pinsker 1984; Cai 1999): harmonics that scatter from day to day as much as they mean are left out, so
that a flat rhythm becomes flat and a sharp one stays sharp. Narrow peaks that are surely there, such
as a nightly job, are put back as they are. Everything happens on a scale of square roots, on which
counts scatter alike at night and at noon.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
OUTLIER = 4.0  # standard deviations beyond which one day's count is cut off, and left out beyond twice as many
BLOCKS = (0, 1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49)  # first harmonics of the blocks
SHRINKAGE = 2.0  # noise that a block must exceed by as much again to keep half of it
PEAK = 3.5  # standard errors beyond which a narrow peak is no chance
HALF_COUNT = 0.375  # Anscombe's, for square roots of small counts
MOST_SCATTER = 50.0  # variance over mean


def typical_day(rows: Array, own: NDArray[np.bool_], one: Array, sparse: NDArray[np.bool_]) -> Array:
    """What a day looks like, shape (slots, series).

    Args:
        rows: past days of the same kind, shape (days, slots, series); NaN where nothing is known.
        own: which of them are the same weekday, shape (days,).
        one: what a single count weighs, shape (series,) or (1, series).
        sparse: which series have too few counts for medians, shape (series,).
    """
    whole, unknown = _cleaned(rows, one, sparse)
    mean = whole.mean(axis=0)
    scale = 2 * np.sqrt(mean + HALF_COUNT * one / len(rows))
    power = _noise(whole, mean, scale)
    error = np.sqrt(one) / 2 if len(rows) < 2 else np.sqrt(power.mean(axis=0) / len(mean))
    flat = mean.mean(axis=0)
    common = _smooth(scale / 2, power / len(rows), error / np.sqrt(len(rows)), keep=1) ** 2
    common *= flat / np.maximum(common.mean(axis=0), 1e-12)
    if own.any() and not own.all():
        mine, never = _cleaned(rows[own], one, sparse)
        share = 1 / len(mine) - 1 / len(rows)
        away = np.where(never, 0.0, mine.mean(axis=0) - mean) / scale
        common = np.maximum(common + _smooth(away, power * share, error * np.sqrt(share), keep=0) * scale, 0.0)
    return np.where(unknown, np.nan, common)


def _cleaned(rows: Array, one: Array, sparse: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """Days with odd counts cut off and lost ones filled, and the slots that no day has."""
    known = np.isfinite(rows)
    count, filled = known.sum(axis=0), np.where(known, rows, 0.0)
    rest = (filled.sum(axis=0) - filled.max(axis=0)) / np.maximum(count - 1, 1)
    middle = np.where(sparse, rest, np.nan_to_num(middle_of(rows, axis=0)))
    distance = np.nan_to_num(middle_of(np.abs(rows - middle), axis=0))
    scatter = np.median((1.4826 * distance) ** 2 / (one * middle + one**2), axis=0)
    reach = OUTLIER * np.sqrt(np.clip(scatter, 1.0, MOST_SCATTER) * (middle * one + one**2))
    if len(rows) > 2:
        filled = np.clip(rows, middle - reach, middle + reach)
        filled = np.where(np.abs(rows - middle) > 2 * reach, middle, filled)
    usual = mean_known(filled if len(rows) > 2 else rows, axis=0)
    usual = np.where(np.isfinite(usual), usual, np.nan_to_num(mean_known(usual, axis=0)))
    return np.where(known, filled, usual), count == 0


def _noise(rows: Array, mean: Array, scale: Array) -> Array:
    """Power of what days differ by, per harmonic, averaged over blocks, shape (harmonics, series)."""
    if len(rows) < 2:
        return np.full((len(mean) // 2 + 1, mean.shape[1]), len(mean) / 4.0)
    each = np.abs(np.fft.rfft((rows - mean) / scale, axis=1)) ** 2
    return _block_means(each.sum(axis=0) / (len(rows) - 1))


def _smooth(shape: Array, noise: Array, error: Array, keep: int) -> Array:
    """A shape without the harmonics that may be chance, and with the peaks that are not.

    Args:
        shape: shape (slots, series).
        noise: expected power of chance, shape (harmonics, series).
        error: standard error of one slot, shape (series,).
        keep: number of harmonics, from the mean on, that are kept as they are.
    """
    waves = np.fft.rfft(shape, axis=0)
    power = _block_means(np.abs(waves) ** 2)
    gain = np.clip(1 - SHRINKAGE * noise / np.maximum(power, 1e-300), 0.0, 1.0)
    gain[:keep] = 1.0
    smooth = np.fft.irfft(gain * waves, n=len(shape), axis=0)
    return np.where(np.abs(shape - smooth) > PEAK * error, shape, smooth)


def _block_means(power: Array) -> Array:
    """Mean over the harmonics of each block, at each harmonic."""
    starts = np.array([start for start in BLOCKS if start < len(power)])
    sizes = np.diff(np.append(starts, len(power)))
    return np.repeat(np.add.reduceat(power, starts, axis=0) / sizes[:, None], sizes, axis=0)


def middle_of(values: Array, axis: int) -> Array:
    """Median along an axis of what is known, NaN where nothing is; many times faster than `numpy.nanmedian`."""
    ordered = np.sort(values, axis=axis)
    count = np.isfinite(ordered).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[axis] - 1), axis=axis)
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan).squeeze(axis))


def mean_known(values: Array, axis: int | tuple[int, ...]) -> Array:
    """Mean of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    return np.asarray(np.where(count > 0, np.where(known, values, 0.0).sum(axis=axis) / np.maximum(count, 1), np.nan))
