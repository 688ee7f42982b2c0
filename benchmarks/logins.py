"""How well the login detection keeps its promises, beside what people use today, on the same data.

Run: python benchmarks/logins.py [--runs N] [--step MINUTES] [--no-peers] [--markdown FILE]

Nothing here comes from the package's own generator. Peers are tuned on seeds 1000 and up; constants of the
package were set on seeds below 300 of the same shapes; everything is judged on seeds 20000 and up.
"""

import argparse
import subprocess
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from login_peers import PEERS, alarms, oracle, oracle_limit
from login_shapes import END, JUDGED, SHAPES, Event, Login, Shape, harmless, make_login, moves, quiet_failures, schedule
from scipy import stats

from analysis.logins import detect
from analysis.logins.evidence import explain
from analysis.settings.logins import LoginAnomaliesSettings

ATTACKED = (
    "office",
    "consumer",
    "machines",
    "two zones",
    "overdispersed",
    "slow noise",
    "growing",
    "weekend on Friday",
)
PROMISE = 0.5  # false alarms per month for the whole service
TUNING = 1000  # first seed of the tuning runs
TUNING_RUNS = 4
JUDGING = 20_000  # first seed of the runs that are reported
GRACE = timedelta(minutes=30)  # an alarm so long after an attack is late, but not false
MONTH = timedelta(days=30)
SPRAY_RATES = (2.0, 10.0, 40.0, 150.0)
SPRAYS = 6  # in one login
ORACLE = 5000  # first seed of the quiet runs that set the oracle's limit
ORACLE_MONTHS = 24


def judge(found, events, step):
    """Hits by event, and what is false: ``found`` is (start, end, detected, kind, first country)."""
    found = [f for f in found if f[2] > END - JUDGED]
    rows = []
    for event in events:
        over = [f for f in found if f[0] <= event.end and f[1] >= event.start and f[2] <= event.end + GRACE]
        first = min(over, key=lambda f: f[2], default=None)
        delay = (max(f[2] for f in [first]) - event.start) / timedelta(minutes=step) if first else np.nan
        rows.append((event, first, max(delay, 1.0) if first else np.nan))
    false = [f for f in found if not any(f[0] <= e.end + GRACE and f[1] >= e.start for e in events)]
    return rows, false


def product(login: Login, settings) -> list:
    detection = detect(login.frames, settings)
    index = detection.valid.index
    found = []
    for event in detection.events:
        seen = explain(event, detection, login.frames, settings)
        country = next((str(r["value"]) for r in seen.rows if r["label"] == "country"), "")
        found.append((index[seen.first], index[seen.last], index[seen.detected], seen.kind, country))
    return found


def attacked(name: str, seed: int, step: int):
    shape = SHAPES[name]
    events = schedule(shape, seed, step)
    login = make_login(shape, seed, events, step)
    settings = LoginAnomaliesSettings(timezone=shape.zone, false_alarms_per_month=PROMISE)
    return judge(product(login, settings), events, step)


def quiet(name: str, seed: int, step: int):
    shape = SHAPES[name]
    events = harmless(seed, step)
    login = make_login(shape, seed, events, step)
    found = product(login, LoginAnomaliesSettings(timezone=shape.zone, false_alarms_per_month=PROMISE))
    found = [f for f in found if f[2] > END - JUDGED]
    benign = events + moves(shape)
    near = [e for e in benign if any(f[0] <= e.end + GRACE and f[1] >= e.start for f in found)]
    false = [f for f in found if not any(f[0] <= e.end + GRACE and f[1] >= e.start for e in events)]
    return len(benign), len(near), [(name, seed, f) for f in found], false


def peer_scores(method, name: str, seed: int, step: int, with_attacks: bool):
    shape = SHAPES[name]
    events = schedule(shape, seed, step) if with_attacks else []
    score = method(make_login(shape, seed, events, step).frames)
    return score[score.index > END - JUDGED], events


def tuned(pool, methods, step: int):
    """The setting and threshold of a peer that find most while keeping the promise on the tuning seeds."""
    best = (-1.0, None, np.inf)
    months = TUNING_RUNS * (JUDGED / MONTH)
    for method in methods:
        jobs = [(ATTACKED[n % len(ATTACKED)], TUNING + n) for n in range(TUNING_RUNS)]
        calm = pool(delayed(peer_scores)(method, *job, step, with_attacks=False) for job in jobs)
        loud = pool(delayed(peer_scores)(method, *job, step, with_attacks=True) for job in jobs)
        threshold = _threshold([score for score, _ in calm], PROMISE * months)
        hits = [h for score, events in loud for h in _peer_hits(score, events, threshold, step)[0]]
        recall = float(np.mean([first is not None for _, first, _ in hits]))
        if recall > best[0]:
            best = (recall, method, threshold)
    return best[1], best[2]


def _threshold(scores, allowed: float) -> float:
    tops = np.sort(np.concatenate([_peaks(score) for score in scores]))[::-1]
    return float(tops[min(len(tops) - 1, int(allowed))])


def _peaks(score: pd.Series) -> np.ndarray:
    """Highest scores of stretches an hour long: about what a threshold would report."""
    return score.resample("1h").max().dropna().to_numpy()


def _peer_hits(score, events, threshold, step):
    found = [(a, b, a, "", "") for a, b in alarms(score, threshold, pd.Timedelta(minutes=30))]
    return judge(found, events, step)


def quiet_limit(shape: Shape, usual: np.ndarray, factor: float, step: int) -> float:
    """The oracle's limit at the promise, from two quiet years of the same login, noise included."""
    runs = round(ORACLE_MONTHS * MONTH / timedelta(minutes=step * len(usual)))
    counts = [quiet_failures(shape, ORACLE + n, usual, step) for n in range(runs)]
    return oracle_limit(counts, usual, factor, PROMISE * ORACLE_MONTHS)


def sprays(shape: Shape, factor: float, seed: int, step: int):
    """Sprays of six hours, three days apart: delays of the product and of the oracle, and false alarms."""
    rng = np.random.default_rng([seed, 8])
    events = []
    for place in range(SPRAYS):
        day = pd.Timestamp(END - JUDGED).tz_convert(shape.zone).normalize() + pd.Timedelta(days=2 + 3 * place)
        start = (day + pd.Timedelta(hours=float(rng.uniform(8, 13)))).floor(f"{step}min").tz_convert("UTC")
        events.append(Event("password_spray", start.to_pydatetime(), 360, factor - 1))
    login = make_login(shape, seed, events, step)
    settings = LoginAnomaliesSettings(timezone=shape.zone, false_alarms_per_month=PROMISE)
    rows, false = judge(product(login, settings), events, step)
    counts = login.frames["failures"].sum(axis=1)
    statistic = pd.Series(oracle(counts.to_numpy(), login.usual, factor), index=counts.index)
    limit = quiet_limit(shape, login.usual, factor, step)
    known = []
    for event in events:
        hot = statistic[(statistic.index > event.start) & (statistic.index <= event.end) & (statistic > limit)]
        known.append((hot.index[0] - event.start) / timedelta(minutes=step) if len(hot) else np.nan)
    return [delay for _, _, delay in rows], known, len(false)


def spray_table(pool, runs: int, step: int) -> list[str]:
    """Recall and delay beside the oracle, which knows rhythm, rate and size, and has the same noise to live with."""
    flat = {
        f"flat Poisson, {rate:g} a minute": Shape(rate, rate * 8, "flat", "UTC", noise=0.0, own_noise=0.0, countries=4)
        for rate in SPRAY_RATES
    }
    lines = [
        "| login | rise | recall | oracle's recall | delay, median, steps | oracle's | ratio | false alarms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, shape in {**flat, **{name: SHAPES[name] for name in ATTACKED}}.items():
        for factor in (1.2, 1.5):
            found = pool(delayed(sprays)(shape, factor, JUDGING + 900 + n, step) for n in range(max(1, runs // 16)))
            seen, known = (np.concatenate([part[side] for part in found]) for side in (0, 1))
            middle = [float(np.median(np.nan_to_num(side, nan=np.inf))) for side in (seen, known)]
            shown = [f"{value:.0f}" if np.isfinite(value) else "–" for value in middle]
            ratio = f"{middle[0] / middle[1]:.2f}" if np.isfinite(middle).all() else "–"
            hits = [np.isfinite(side).sum() for side in (seen, known)]
            recall = interval(int(hits[0]), len(seen)).strip()
            lines.append(
                f"| {name} | +{factor - 1:.0%} | {recall} | {hits[1] / len(known):.0%} | {shown[0]} | {shown[1]} "
                f"| {ratio} | {sum(part[2] for part in found)} |"
            )
    return lines


def interval(hits: int, cases: int) -> str:
    low, high = stats.binomtest(hits, cases).proportion_ci(method="wilson")
    return f"{hits / cases:6.1%} ({low:.1%} to {high:.1%}) of {cases}"


def per_month(count: int, months: float) -> str:
    low, high = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0, stats.chi2.ppf(0.975, 2 * count + 2) / 2
    return f"{count / months:.2f} ({low / months:.2f} to {high / months:.2f}), {count} in {months:.0f} months"


def recall_table(rows, title: str) -> list[str]:
    cells = defaultdict(list)
    for event, first, delay in rows:
        size = f" +{event.size:.0%}" if event.kind == "password_spray" else ""
        cells[event.kind + size].append((first, delay, event))
    lines = [
        f"### {title}",
        "",
        "| attack | recall (95 % interval) | delay, median / 95th, steps | class | label |",
        "|---|---|---|---|---|",
    ]
    for kind, found in sorted(cells.items()):
        hits = [(f, d, e) for f, d, e in found if f is not None]
        delays = [d for _, d, _ in hits] or [np.nan]
        right = f"{np.mean([f[3] == e.kind for f, _, e in hits]):.1%}" if hits and hits[0][0][3] else "–"
        named = [f[4] == e.label[1] for f, _, e in hits if e.label and f[4]]
        shown = f"{np.mean(named):.1%}" if named else "–"
        delay = f"{np.median(delays):.0f} / {np.quantile(delays, 0.95):.0f}"
        lines.append(f"| {kind} | {interval(len(hits), len(found))} | {delay} | {right} | {shown} |")
    return lines


def cost() -> str:
    """Seconds for 30 days of one-minute data of about 100 series, history included in the 30 days."""
    login = make_login(SHAPES["office"], 1, [], 1)
    frames = {n: f.iloc[-30 * 1440 :] for n, f in login.frames.items()}
    series = sum(f.shape[1] for f in frames.values())
    settings = LoginAnomaliesSettings(timezone="Europe/Madrid")
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        detect(frames, settings)
        seconds.append(time.perf_counter() - began)
    return f"{min(seconds) / series * 100:.2f} s per 100 series and 30 days of one-minute data ({series} series)"


def report(runs: int, step: int, peers: bool) -> list[str]:
    pool = Parallel(n_jobs=2)
    jobs = [(ATTACKED[n % len(ATTACKED)], JUDGING + n) for n in range(runs)]
    loud = pool(delayed(attacked)(*job, step) for job in jobs)
    calm = pool(delayed(quiet)(list(SHAPES)[n % len(SHAPES)], JUDGING + 500 + n, step) for n in range(runs))
    months = runs * (JUDGED / MONTH)
    false = [f for _, _, _, some in calm for f in some]
    events, near = sum(c[0] for c in calm), sum(c[1] for c in calm)
    alarmed = {(name, seed) for _, _, found, _ in calm for name, seed, _ in found}
    lines = [
        f"Step {step} m; {runs} attacked and {runs} quiet logins of {JUDGED.days} days each, after 35 days of history.",
        "",
    ]
    lines += recall_table([r for rows, _ in loud for r in rows], "promreview")
    lines += ["", f"- false alarms per month, quiet logins: {per_month(len(false), months)}; in {len(alarmed)} logins"]
    lines += [f"- false alarms per month beside attacks: {per_month(sum(len(f) for _, f in loud), months)}"]
    lines += [f"- harmless events reported: {near} of {events}, {interval(near, events).strip()}"]
    for peer, methods in PEERS.items() if peers else ():
        method, threshold = tuned(pool, methods, step)
        judged = pool(delayed(peer_scores)(method, *job, step, with_attacks=True) for job in jobs[: runs // 2])
        results = [_peer_hits(score, found, threshold, step) for score, found in judged]
        lines += ["", *recall_table([r for rows, _ in results for r in rows], peer)]
        count = sum(len(some) for _, some in results)
        lines += ["", f"- false alarms per month beside attacks: {per_month(count, months / 2)}"]
    lines += ["", "### Slow spray beside an oracle Poisson CUSUM", ""]
    lines += spray_table(pool, runs, step)
    return [*lines, "", f"- cost: {cost()}"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=48, help="logins with attacks, and as many without")
    parser.add_argument("--step", type=int, default=1, help="minutes; the detector's default")
    parser.add_argument(
        "--no-peers", action="store_true", help="the product and the oracle only, in a third of the time"
    )
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    began = time.perf_counter()
    lines = report(given.runs, given.step, not given.no_peers)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    lines += ["", f"Commit {commit.strip()}, {time.perf_counter() - began:.0f} s."]
    text = "\n".join(lines)
    print(text)
    if given.markdown:
        given.markdown.write_text(text + "\n")


if __name__ == "__main__":
    main()
