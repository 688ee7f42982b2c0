"""False alarms of logins with holidays, sales and campaigns that nobody named, and sprays among them.

Run: python benchmarks/login_months.py [--quiet N] [--sprayed N] [--first SEED] [--step MINUTES]

Eight rhythms (office, consumer, nightly batch, three regions, few logins, weekends, growth, machines), each login drawn
at random: rate, share of people, noise and its memory, two days off, a sale, sometimes a campaign of days. Constants
were set on seeds below 150, the defaults are others. Four weeks are judged after five of history.
"""

import argparse
from collections import Counter

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from logins import interval, per_month
from scipy.signal import lfilter

from analysis.logins import detect
from analysis.settings.logins import LoginAnomaliesSettings

DAYS, HISTORY = 63, 35
KINDS = ("office", "consumer", "batch", "regions", "low", "weekend", "growth", "machines")
ZONES = ("Europe/Berlin", "America/Chicago", "Asia/Kolkata", "Australia/Sydney")
SPRAY_MINUTES = 360
GRACE_MINUTES = 30


def rhythm(kind, local, rng):
    """Load by local time, in any unit."""
    hour, day = (local.hour + local.minute / 60).to_numpy(float), local.day_of_week.to_numpy()

    def peak(middle, width):
        away = np.abs(hour - middle)
        return np.exp(-0.5 * (np.minimum(away, 24 - away) / width) ** 2)

    if kind in ("office", "low", "growth"):
        middle = rng.uniform(8.5, 10.5)
        work = rng.uniform(0.03, 0.12) + peak(middle, 1.3) * rng.uniform(0.8, 1.3)
        work = work + peak(middle + 4.7, 2.0) * rng.uniform(0.6, 0.9)
        return np.where(day < 5, work * (1 - 0.1 * (day == 4)), rng.uniform(0.05, 0.2) + 0.1 * peak(14, 4))
    if kind == "consumer":
        return (0.2 + peak(20.5, 2.5) + 0.5 * peak(12.5, 3)) * np.where(day >= 5, rng.uniform(1.1, 1.5), 1)
    if kind == "weekend":
        return (0.1 + peak(15, 3.5) + 0.4 * peak(20, 2)) * np.where(day >= 5, 3.0, np.where(day == 4, 1.6, 0.7))
    if kind == "batch":
        jobs = rng.uniform(2, 5) * ((hour >= 1.25) & (hour < 2)) + 1.0 * ((hour >= 22) & (hour < 23.5))
        return 0.5 + 0.25 * peak(13, 4) + jobs
    return 1 + 0.15 * peak(12, 4)


def noise(rng, size, spread, memory):
    """A factor around 1, log-normal, AR(1) with this memory in steps."""
    if spread <= 0:
        return np.ones(size)
    kept = np.exp(-1 / memory)
    white = rng.normal(0, spread * np.sqrt(1 - kept**2), size)
    white[0] = rng.normal(0, spread)
    return np.exp(lfilter([1], [1, -kept], white) - spread**2 / 2)


def special(rng, number, hour):
    """The factor of days off, a sale and a campaign, by the number of the local day and the hour in it."""
    factor = np.ones(len(number))
    for _ in range(2):
        day, left = int(rng.integers(20, DAYS - 3)), rng.uniform(0.2, 0.6)
        edge = np.clip(np.minimum(hour - 0.5, 24.5 - hour) / rng.uniform(0.5, 6), 0, 1)
        factor *= np.where(number == day, 1 - (1 - left) * edge, 1)
    day = int(rng.integers(20, DAYS - 3))
    height = rng.uniform(1.4, 4) - 1
    bump = np.exp(-0.5 * ((hour - rng.uniform(10, 20)) / rng.uniform(1, 2.5)) ** 2)
    factor *= np.where(number == day, 1 + height * bump, 1)
    if rng.random() < 0.4:
        day, more = int(rng.integers(20, DAYS - 6)), rng.uniform(1.1, 1.5)
        factor *= np.where((number >= day) & (number < day + int(rng.integers(2, 6))), more, 1)
    return factor


def make(kind, seed, step, sprays):
    """Frames, the zone, and the first judged step; sprays are (minute of the judged weeks, size)."""
    rng = np.random.default_rng([seed, KINDS.index(kind), 991])
    end = pd.Timestamp("2026-11-16", tz="UTC") - pd.Timedelta(days=7 * int(rng.integers(0, 40)))
    index = pd.date_range(end - pd.Timedelta(days=DAYS), end, freq=f"{step}min", inclusive="right", name="time")
    drawn, middle = str(rng.choice(ZONES)), index - pd.Timedelta(minutes=step / 2)
    zone = "UTC" if kind == "regions" else drawn
    if kind == "regions":
        zones = zip(("Europe/Paris", "America/New_York", "Asia/Tokyo"), rng.dirichlet([3, 3, 3]), strict=True)
        parts = [(rhythm("office", middle.tz_convert(name), rng), share) for name, share in zones]
        load = sum(part / part.mean() * share for part, share in parts)
    else:
        load = rhythm(kind, middle.tz_convert(zone), rng)
        load = load / load.mean()
    if kind == "growth":
        days = ((index - index[0]) / pd.Timedelta(days=1)).to_numpy()
        load = load * (1 + rng.uniform(0.2, 0.8)) ** (np.minimum(days, rng.uniform(40, 63)) / 30)
    local = middle.tz_convert(zone)
    date = local.normalize().tz_localize(None)
    number = np.asarray((date - date[0]) / pd.Timedelta(days=1)).astype(int)
    factor = special(rng, number, (local.hour + local.minute / 60).to_numpy(float))
    few, some, usual = rng.uniform(0.05, 0.5), rng.uniform(1, 4), np.exp(rng.uniform(np.log(3), np.log(80)))
    rate = {"low": few, "machines": some}.get(kind, usual)
    more = np.exp(rng.uniform(np.log(3), np.log(20)))
    shared = noise(rng, len(index), rng.choice([0, 0.04, 0.08]), rng.choice([20, 60, 150]) / step)
    people = rng.choice([1.0, 1.0, 0.7])
    own = [noise(rng, len(index), rng.choice([0, 0.03, 0.08]), rng.choice([20, 60]) / step) for _ in range(2)]
    if kind == "machines":
        shared, own = np.ones(len(index)), [np.ones(len(index))] * 2
    first = HISTORY * 1440 // step
    attacked = np.ones(len(index))
    for minute, size in sprays:
        attacked[first + minute // step : first + (minute + SPRAY_MINUTES) // step] = 1 + size
    failing = rate * step * load * (people * factor * shared + 1 - people) * own[0] * attacked
    entering = rate * step * load * more * factor * shared * own[1]
    if rng.choice([0, 0, 0, 1.0]):
        failing = rng.gamma(np.maximum(failing, 1e-9))
    columns = pd.MultiIndex.from_tuples([("i",)], names=["instance"])
    counts = {"failures": rng.poisson(failing), "successes": rng.poisson(entering)}
    frames = {n: pd.DataFrame(c.astype(float)[:, None], index=index, columns=columns) for n, c in counts.items()}
    return frames, zone, first


def schedule(seed):
    """Nine sprays of six hours, three days apart, at any hour: +20 % and +50 % by turns."""
    rng = np.random.default_rng([seed, 7])
    return [(1440 * (1 + 3 * n) + int(rng.uniform(0, 1440)), (0.2, 0.5)[(n + seed) % 2]) for n in range(9)]


def judged(kind, seed, step, sprayed):
    """Hits by size, and what was reported beside the sprays."""
    sprays = schedule(seed) if sprayed else []
    frames, zone, first = make(kind, seed, step, sprays)
    found = []
    for event in detect(frames, LoginAnomaliesSettings(timezone=zone)).events:
        places = min(a.first for a in event), max(a.last for a in event), min(a.detected for a in event)
        if places[2] >= first:
            found.append([(place - first) * step for place in places])
    over = [[f for f in found if f[0] <= at + SPRAY_MINUTES + GRACE_MINUTES and f[1] >= at] for at, _ in sprays]
    hits = [
        (size, any(f[2] <= at + SPRAY_MINUTES + GRACE_MINUTES for f in some))
        for (at, size), some in zip(sprays, over, strict=True)
    ]
    return kind, hits, [f for f in found if not any(f in some for some in over)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quiet", type=int, default=15, help="logins of each rhythm without attacks")
    parser.add_argument("--sprayed", type=int, default=6, help="logins of each rhythm with nine sprays")
    parser.add_argument("--first", type=int, default=5000, help="first seed")
    parser.add_argument("--step", type=int, default=3, help="minutes")
    given = parser.parse_args()
    pool = Parallel(n_jobs=2)

    def run(count, sprayed):
        seeds = range(given.first, given.first + count)
        return pool(delayed(judged)(kind, seed, given.step, sprayed) for kind in KINDS for seed in seeds)

    calm, loud = run(given.quiet, False), run(given.sprayed, True)
    months = len(calm) * (DAYS - HISTORY) / 30
    false = Counter(kind for kind, _, found in calm for _ in found)
    print(f"false alarms per month: {per_month(sum(false.values()), months)}; {dict(false)}")
    for size in (0.2, 0.5):
        for kind in (None, *KINDS):
            hits = [hit for name, some, _ in loud for s, hit in some if s == size and kind in (None, name)]
            if hits:
                print(f"+{size:.0%} {kind or 'all'}: {interval(sum(hits), len(hits)).strip()}")


if __name__ == "__main__":
    main()
