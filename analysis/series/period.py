"""The rhythm that a series has of its own, whatever the calendar says: a heartbeat, a batch each 47 samples.

The period is the first clear peak of the autocorrelation (Box and Jenkins 1970), as the past shows it.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CLEAR = 0.4  # autocorrelation of a rhythm
NEAR_BEST = 0.9  # a shorter period is preferred when it explains nearly as much
SHORTEST = 4  # samples
FEWEST_CYCLES = 4  # that must have been seen
MOST_SAMPLES = 4096  # from which a period is found
FIRST_LOOK = 256  # samples, after which a period is looked for; then whenever the past has grown by a half
GROWTH = 1.5


def period_of(values: Array) -> int | None:
    """Samples in one cycle; None without a rhythm.

    Args:
        values: shape (n,), without NaN.
    """
    size = len(values)
    low, high = np.quantile(values, [0.01, 0.99])
    centred = np.clip(values, low, high)
    centred = centred - centred.mean()
    if size < SHORTEST * FEWEST_CYCLES or not centred.any():
        return None
    spectrum = np.abs(np.fft.rfft(centred, 2 * size)) ** 2
    lags = size // FEWEST_CYCLES + 1
    acf = np.fft.irfft(spectrum)[:lags] / np.arange(size, size - lags, -1)
    acf /= acf[0]
    below = np.flatnonzero(acf < 0)
    if not len(below):
        return None
    place = np.arange(1, lags - 1)
    peaks = place[(acf[1:-1] >= acf[:-2]) & (acf[1:-1] >= acf[2:]) & (place >= max(SHORTEST, below[0]))]
    good = peaks[acf[peaks] >= CLEAR]
    return int(good[acf[good] >= NEAR_BEST * acf[good].max()][0]) if len(good) else None


def last_cycles(values: Array, *, ahead: bool = False, cycles: int = 3) -> Array:
    """Median of the samples whole cycles before each sample; NaN where there is no rhythm.

    Args:
        values: shape (n,), without NaN.
        ahead: whether the whole series tells the period, and later cycles count too.
        cycles: number of cycles.
    """
    size = len(values)
    result = np.full(size, np.nan)
    if ahead:
        period = period_of(values[-4 * MOST_SAMPLES :])
        return _around(values, period, cycles) if period else result
    look = FIRST_LOOK
    while look < size:
        until = min(size, int(look * GROWTH))
        period = period_of(values[max(0, look - MOST_SAMPLES) : look])
        if period:
            places = np.arange(look, until)[None, :] - period * np.arange(1, cycles + 1)[:, None]
            result[look:until] = np.median(values[np.maximum(places, 0)], axis=0)
        look = until
    return result


def _around(values: Array, period: int, cycles: int) -> Array:
    """Median of the samples whole cycles before and after each sample."""
    shifts = [n * period for n in range(-cycles, cycles + 1) if n]
    table = np.full((len(shifts), len(values)), np.nan)
    for row, shift in enumerate(shifts):
        if abs(shift) < len(values):
            table[row, max(0, shift) : len(values) + min(0, shift)] = values[
                max(0, -shift) : len(values) - max(0, shift)
            ]
    return np.asarray(np.nanmedian(table, axis=0))
