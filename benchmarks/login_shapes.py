"""Logins that do not come from `analysis.datasets`: other rhythms, rates, noises and label values.

Written apart from the package's own generator, so that what is measured here was not built in there.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

DAYS = 56
END = datetime(2026, 4, 20, tzinfo=UTC)  # daylight saving changes on 29 March in Europe, on 8 March in America
JUDGED = timedelta(days=21)  # the last weeks, after 35 days of history


@dataclass(frozen=True)
class Shape:
    """One login system.

    Attributes:
        failures: mean failures per minute.
        successes: mean successes per minute.
        rhythm: ``office``, ``consumer``, ``flat``, ``batch``, ``gulf`` or ``two_zones``.
        zone: where people live.
        noise: relative noise that failures and successes share.
        own_noise: relative noise of each by itself.
        memory: minutes that noise lasts.
        burst: extra variance over mean of each minute (0 is Poisson).
        growth: relative growth in 30 days.
        jump: factor of all traffic from the middle of the judged weeks on.
        sale: factor of all traffic on one evening of the judged weeks.
        holiday: factor of all traffic on one working day that nobody announced.
        coupled: whether failures follow holidays and sales as logins do.
        countries: how many.
    """

    failures: float = 12.0
    successes: float = 120.0
    rhythm: str = "office"
    zone: str = "Europe/Madrid"
    noise: float = 0.05
    own_noise: float = 0.03
    memory: float = 45.0
    burst: float = 0.0
    growth: float = 0.0
    jump: float = 1.0
    sale: float = 1.0
    holiday: float = 1.0
    coupled: bool = True
    countries: int = 8


SHAPES = {
    "office": Shape(),
    "consumer": Shape(40.0, 600.0, "consumer", "America/New_York"),
    "machines": Shape(3.0, 200.0, "flat", "UTC", noise=0.0, own_noise=0.0),
    "nightly batch": Shape(8.0, 60.0, "batch", "Europe/London"),
    "weekend on Friday": Shape(10.0, 90.0, "gulf", "Asia/Dubai"),
    "two zones": Shape(20.0, 150.0, "two_zones", "Asia/Tokyo"),
    "quiet": Shape(0.05, 0.5, "office", "Europe/Oslo", countries=3),
    "tiny": Shape(0.005, 0.06, "flat", "UTC", countries=2),
    "overdispersed": Shape(15.0, 120.0, "consumer", "Asia/Tokyo", burst=2.0),
    "slow noise": Shape(20.0, 200.0, "office", "Europe/Rome", noise=0.12, own_noise=0.08, memory=180.0),
    "growing": Shape(10.0, 120.0, "office", "America/Chicago", growth=0.5),
    "step": Shape(10.0, 120.0, "office", "Europe/Paris", jump=1.6),
    "sale": Shape(10.0, 120.0, "consumer", "Europe/Paris", sale=4.0),
    "holiday": Shape(10.0, 120.0, "office", "Europe/Vienna", holiday=0.25),
    "holiday of people": Shape(10.0, 120.0, "office", "Europe/Vienna", holiday=0.25, coupled=False),
    "large": Shape(400.0, 4000.0, "consumer", "Europe/Madrid", countries=30),
}


@dataclass(frozen=True)
class Event:
    """Something put in: ``kind`` as in the findings, or ``reset``, ``gap``, ``deploy`` for what is harmless."""

    kind: str
    start: datetime
    minutes: int
    size: float
    label: tuple[str, str] | None = None

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes)


@dataclass(frozen=True)
class Login:
    """Frames as `detect` takes them, and what is in them."""

    shape: Shape
    frames: dict[str, pd.DataFrame]
    events: list[Event] = field(default_factory=list)
    usual: np.ndarray = field(default_factory=lambda: np.zeros(0))  # failures per step to be expected, without noise


REASONS = ("wrong-password", "no_such_user", "otp_failed", "account_locked")
REASON_SHARES = (0.7, 0.15, 0.08, 0.07)
INSTANCES = ("idp-a:443", "idp-b:443", "idp-c:443")


def make_login(shape: Shape, seed: int, events: list[Event] | None = None, step: int = 1) -> Login:
    """One login system for `DAYS` days.

    Args:
        shape: rhythm, rates, noise.
        seed: the same seed gives the same counts.
        events: what to put in.
        step: minutes per step.
    """
    rng = np.random.default_rng([seed, 77])
    events = events or []
    index = pd.date_range(END - timedelta(days=DAYS), END, freq=f"{step}min", inclusive="right", name="time")
    middle = index - timedelta(minutes=step / 2)  # a stamp covers the step that ends at it
    load = _rhythm(shape.rhythm, middle.tz_convert(shape.zone)) * _moves(shape, index)
    shared = _noise(rng, len(index), shape.noise, shape.memory / step)
    countries = [f"{chr(65 + n % 26)}{chr(65 + n // 26 + n % 7)}" for n in range(shape.countries)]
    weights = np.sort(rng.dirichlet(np.ones(shape.countries) * 1.2))[::-1]
    special = _special(shape, middle)
    entering = shape.successes * step * load * shared * special
    failing = shape.failures * step * load * shared * (special if shape.coupled else 1.0)
    entering = entering * _noise(rng, len(index), shape.own_noise, shape.memory / step)
    failing = failing * _noise(rng, len(index), shape.own_noise, shape.memory / step)
    kept = np.ones(len(index))
    for event in events:
        if event.kind == "login_outage":
            kept[_inside(index, event)] = 1 - event.size
    parts = {
        "successes": _table(rng, index, entering * kept, [("country", countries, weights)], shape.burst),
        "failures": _table(
            rng,
            index,
            failing * kept,
            [("country", countries, weights), ("reason", REASONS, REASON_SHARES)],
            shape.burst,
        ),
        "token_failures": _table(
            rng, index, 0.2 * failing * kept, [("reason", ("bad_signature", "expired"), (0.3, 0.7))], shape.burst
        ),
    }
    for event in events:
        _put_in(rng, parts, index, event, failing, entering)
    frames = parts | _health(parts["failures"])
    for event in events:
        if event.kind in ("gap", "deploy", "reset"):
            _lose(frames, index, event)
    usual = shape.failures * step * load * (special if shape.coupled else 1.0)
    return Login(shape, frames, events, usual)


def quiet_failures(shape: Shape, seed: int, usual: np.ndarray, step: int) -> np.ndarray:
    """Failures per step of another run of the same login without any event, from what is to be expected of it."""
    rng = np.random.default_rng([seed, 78])
    rate = usual * _noise(rng, len(usual), shape.noise, shape.memory / step)
    rate = rate * _noise(rng, len(usual), shape.own_noise, shape.memory / step)
    if shape.burst:
        rate = rng.gamma(np.maximum(rate, 1e-9) / shape.burst, shape.burst)
    return rng.poisson(rate).astype("float64")


def _rhythm(name: str, local: pd.DatetimeIndex) -> np.ndarray:
    hour = (local.hour + local.minute / 60).to_numpy("float64")
    day = local.day_of_week.to_numpy()
    office = 0.08 + np.exp(-((hour - 10) ** 2) / 6) + 0.8 * np.exp(-((hour - 15) ** 2) / 8)
    late = np.minimum(np.abs(hour - 20.5), 24 - np.abs(hour - 20.5))
    evening = 0.15 + np.exp(-(late**2) / 10) + 0.35 * np.exp(-((hour - 12) ** 2) / 14)
    if name == "office":
        shape = np.where(day < 5, office, 0.15 + 0.1 * np.sin(hour / 24 * np.pi))
    elif name == "consumer":
        shape = evening * np.where(day >= 5, 1.4, 1.0)
    elif name == "batch":
        shape = 0.5 + 0.3 * np.sin((hour - 6) / 24 * 2 * np.pi) + 3.0 * ((hour >= 2) & (hour < 2.5))
    elif name == "gulf":
        shape = np.where((day == 4) | (day == 5), 0.2, office)
    elif name == "two_zones":
        shape = office + np.roll(office, len(office) // DAYS // 2)
    else:
        shape = np.ones(len(hour))
    return np.asarray(shape / shape.mean())


def _moves(shape: Shape, index: pd.DatetimeIndex) -> np.ndarray:
    days = ((index - index[0]) / pd.Timedelta(days=1)).to_numpy("float64")
    return np.asarray((1 + shape.growth) ** (days / 30) * np.where(days >= DAYS - 10.4, shape.jump, 1.0))


def _special(shape: Shape, index: pd.DatetimeIndex) -> np.ndarray:
    local = index.tz_convert(shape.zone)
    hour = (local.hour + local.minute / 60).to_numpy("float64")
    date = local.normalize().tz_localize(None)
    sale = (date == pd.Timestamp(END.date()) - pd.Timedelta(days=9)) * np.exp(-((hour - 19) ** 2) / 4)
    holiday = date == pd.Timestamp(END.date()) - pd.Timedelta(days=13)  # a Tuesday
    quiet = np.clip(np.minimum(hour - 1, 25 - hour) / 5, 0, 1) * holiday  # people stay in bed, nobody flips a switch
    return np.asarray((1 + (shape.sale - 1) * sale) * (1 - (1 - shape.holiday) * quiet))


def _noise(rng: np.random.Generator, size: int, spread: float, memory: float) -> np.ndarray:
    if not spread:
        return np.ones(size)
    white = pd.Series(rng.normal(size=size)).ewm(alpha=1 - np.exp(-1 / max(memory, 0.1))).mean().to_numpy()
    return np.asarray(np.exp(spread * white / white.std()))


def _table(rng, index, rate, labels, burst):
    names = ["instance"] + [name for name, _, _ in labels]
    keys, shares = [(i,) for i in INSTANCES], np.full(len(INSTANCES), 1 / len(INSTANCES))
    for _, values, weights in labels:
        keys = [(*key, value) for key in keys for value in values]
        shares = np.outer(shares, weights).ravel()
    if burst:
        rate = rng.gamma(np.maximum(rate, 1e-9) / burst, burst)
    counts = rng.poisson(np.outer(rate, shares / shares.sum())).astype("float64")
    order = np.argsort(names)
    columns = pd.MultiIndex.from_tuples([tuple(key[i] for i in order) for key in keys], names=[names[i] for i in order])
    return pd.DataFrame(counts, index=index, columns=columns).sort_index(axis=1)


def _inside(index: pd.DatetimeIndex, event: Event) -> np.ndarray:
    return np.asarray((index > event.start) & (index <= event.end))


CARRIED = {
    "brute_force": {"wrong-password": 1.0},
    "password_spray": {"wrong-password": 1.0},
    "credential_stuffing": {"no_such_user": 0.75, "wrong-password": 0.25},
    "mfa_fatigue": {"otp_failed": 1.0},
}


def _put_in(rng, parts, index, event: Event, failing, entering) -> None:
    rows = np.flatnonzero(_inside(index, event))
    if event.kind in CARRIED:
        for reason, share in CARRIED[event.kind].items():
            _add(rng, parts["failures"], rows, failing[rows] * event.size * share, {"reason": reason}, event.label)
    elif event.kind == "jwt_forgery":
        rate = 0.2 * failing[rows] * event.size
        _add(rng, parts["token_failures"], rows, rate, {"reason": "bad_signature"}, event.label)
    elif event.kind == "off_hours_success":
        _add(rng, parts["successes"], rows, entering[rows] * event.size, {}, event.label)
    elif event.kind == "unusual_country":
        names = parts["successes"].columns.names
        column = pd.MultiIndex.from_tuples(
            [tuple({"country": "ZZ", "instance": INSTANCES[0]}[name] for name in names)], names=names
        )
        if column[0] not in parts["successes"].columns:
            extra = pd.DataFrame(0.0, index=index, columns=column)
            parts["successes"] = pd.concat([parts["successes"], extra], axis=1).sort_index(axis=1)
        _add(rng, parts["successes"], rows, entering[rows] * event.size, {"country": "ZZ"}, None)


def _add(rng, frame, rows, rate, where, label) -> None:
    wanted = {**where, **(dict([label]) if label else {})}
    hit = np.ones(frame.shape[1], dtype=bool)
    for name, value in wanted.items():
        if name in frame.columns.names:
            hit &= frame.columns.get_level_values(name) == value
    places = np.flatnonzero(hit)
    weights = frame.to_numpy()[:, places].sum(axis=0) + 1e-3
    values = frame.to_numpy().copy()
    values[np.ix_(rows, places)] += rng.poisson(np.outer(rate, weights / weights.sum()))
    frame.iloc[:, :] = values


def _health(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    columns = pd.MultiIndex.from_tuples([(name,) for name in INSTANCES], names=["instance"])
    samples = pd.DataFrame(5.0, index=frame.index, columns=columns)
    samples.attrs["expected_samples"] = 5.0
    return {"samples": samples, "resets": samples * 0}


def _lose(frames: dict[str, pd.DataFrame], index: pd.DatetimeIndex, event: Event) -> None:
    """A gap loses what is counted, a reset a part of it, a deploy restarts one instance after the other."""
    instances = INSTANCES if event.kind == "deploy" else (event.label or ("", INSTANCES[0]))[1:]
    for place, instance in enumerate(instances):
        start = event.start + timedelta(minutes=3 * place)
        rows = np.asarray((index > start) & (index <= start + timedelta(minutes=event.minutes)))
        for name, frame in frames.items():
            hit = frame.columns.get_level_values("instance") == instance
            if name == "resets":
                frame.iloc[np.flatnonzero(rows)[:1], np.flatnonzero(hit)] = 1.0 if event.kind != "gap" else 0.0
            elif name == "samples":
                frame.iloc[np.flatnonzero(rows), np.flatnonzero(hit)] = np.nan if event.kind == "gap" else 3.0
            elif event.kind == "gap":
                frame.iloc[np.flatnonzero(rows), np.flatnonzero(hit)] = np.nan
            else:
                frame.iloc[np.flatnonzero(rows), np.flatnonzero(hit)] *= 0.4


ATTACKS = (
    # kind, minutes, size as a multiple of what is usual (outage: share lost), earliest and latest hour, labelled
    ("brute_force", 40, 5.0, 0, 23, True),
    ("credential_stuffing", 90, 4.0, 0, 22, False),
    ("password_spray", 360, 0.2, 8, 13, False),
    ("password_spray", 360, 0.5, 8, 13, False),
    ("mfa_fatigue", 60, 2.0, 7, 22, False),
    ("jwt_forgery", 30, 15.0, 0, 23, False),
    ("off_hours_success", 60, 3.0, 1, 4, True),
    ("unusual_country", 90, 0.1, 8, 20, False),
    ("login_outage", 30, 0.9, 7, 22, False),
)


def schedule(shape: Shape, seed: int, step: int) -> list[Event]:
    """Every attack once, two days apart, in an order and at hours that the seed decides."""
    rng = np.random.default_rng([seed, 5])
    quiet = make_login(shape, seed, [], 60).frames["successes"]
    countries = quiet.T.groupby(level="country").sum().sum(axis=1).sort_values().index
    events = []
    for place, number in enumerate(rng.permutation(len(ATTACKS))):
        kind, minutes, size, low, high, carried = ATTACKS[number]
        day = pd.Timestamp(END - JUDGED).tz_convert(shape.zone).normalize() + pd.Timedelta(days=1 + 2 * place)
        start = (day + pd.Timedelta(hours=float(rng.uniform(low, high)))).floor(f"{step}min")
        label = ("country", str(countries[len(countries) // 2])) if carried else None
        events.append(Event(kind, start.tz_convert("UTC").to_pydatetime(), minutes, size, label))
    return events


def harmless(seed: int, step: int, count: int = 96) -> list[Event]:
    """Lost scrapes, restarts and rolling deploys at random in the judged weeks."""
    rng = np.random.default_rng([seed, 6])
    events = []
    for place in range(count):
        start = END - JUDGED + (place + rng.uniform(0, 0.6)) * JUDGED / count
        start = pd.Timestamp(start).floor(f"{step}min").to_pydatetime()
        kind = ("gap", "reset", "deploy")[int(rng.integers(3))]
        minutes = int(rng.integers(5, 60)) if kind == "gap" else step
        events.append(Event(kind, start, minutes, 1.0, ("instance", str(rng.choice(INSTANCES)))))
    return events


def moves(shape: Shape) -> list[Event]:
    """What moves all traffic of a shape in the judged weeks: holiday, sale, jump, and the week after a clock change."""
    end = pd.Timestamp(END.date(), tz=shape.zone)
    found = []
    for kind, factor, start, hours in (
        ("holiday", shape.holiday, end - pd.Timedelta(days=13), 24),
        ("sale", shape.sale, end - pd.Timedelta(days=9, hours=-12), 12),
        ("jump", shape.jump, pd.Timestamp(END) - pd.Timedelta(days=10.4), 72),
        ("clock", 2.0 if shape.zone.startswith("Europe") else 1.0, pd.Timestamp(END - JUDGED), 7 * 24),
    ):
        if factor != 1:
            found.append(Event(kind, start.tz_convert("UTC").to_pydatetime(), hours * 60, factor))
    return found
