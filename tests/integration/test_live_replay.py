"""A live Prometheus writes ALERTS; the replay has to give the same samples, whatever shape a rule has.

Targets spike, flap, vanish, churn labels and send NaN; the server is killed, paused, and given other rules. A sample
may differ only where a scrape was stamped before a slot and stored after it, which is a known limit of asking
afterwards and measured: on a calm machine there is no such slot. PROMREVIEW_LIVE_SECONDS can be lengthened for a soak.
"""

import os
import threading
import time

import pytest

from tests.integration.restless import RULES, Life, lives, window_of

LIVE_SECONDS = float(os.environ.get("PROMREVIEW_LIVE_SECONDS", "75"))
ITSELF, RESTORED = (f"name: {name}\n  interval: 2s\n  rules:\n" for name in ("itself", "restored"))
SETTLED_SECONDS = 5  # from where rules were loaded to where every group has been evaluated


def mortal_life(target, stop):
    """Dies for some seconds, again and again."""
    while not stop.wait(9):
        target.die()
        stop.wait(6)
        target.__init__(target.port)


def restless_life(parts):
    """A life whose second target dies again and again; `parts` get windows that begin and end in its middle."""
    with Life(RULES + LIMITED) as life:
        stop = threading.Event()
        mortal = threading.Thread(target=mortal_life, args=(life.targets[1], stop), daemon=True)
        mortal.start()
        time.sleep(LIVE_SECONDS)
        stop.set()
        mortal.join()
        end = time.time()
        life.until_past(end + 1)
        begin = end - LIVE_SECONDS + 30
        parts[:] = [life.lived(window_of(begin + n, begin + n + 9)) for n in range(0, 36, 7)]
        return life.lived(window_of(begin, end))


# Groups whose limit the alerts that are only held reach again and again, which clears them.
LIMITED = "".join(
    f"- name: limited{n}\n  interval: {1 + n % 2}s\n  limit: {limit}\n  rules:\n"
    f'  - {{alert: Limited{n}, expr: "wave > {n / 10}", for: {n % 3}s, keep_firing_for: {2 + n}s}}\n'
    for n, limit in enumerate((1, 2, 2, 3, 4, 4))
)


PARTS = []  # of the restless life


@pytest.fixture(scope="module")
def lived():
    return lives(lambda: restless_life(PARTS))


def same_in(parts):
    """Assert that no part differs, unless the machine stood still."""
    for part in parts:
        different, _, equal = part.differing()
        wrong, _ = part.wrong_ages()
        assert equal
        assert not (different or wrong) or part.stalls, (part.window, sorted(different)[:10], wrong[:10])


def test_every_rule_is_replayed(lived):
    assert lived.document["skipped"] == []
    approximate = {alert["alert"] for alert in lived.document["alerts"] if alert["approximate"]}
    assert approximate == {"Valued"}
    fired = {alert["alert"] for alert in lived.document["alerts"]}
    assert len(fired) >= 24, fired


def test_no_recorded_sample_differs(lived):
    different, raced, equal = lived.differing()
    assert not different, sorted(different)[:10]
    assert len(equal) > 500
    assert len(raced) < len(equal) / 4 or lived.stalls


def test_no_sample_differs_wherever_the_window_begins_and_ends(lived):
    assert len(PARTS) == 6
    same_in(PARTS)


def test_active_since_is_what_the_server_says(lived):
    wrong, same = lived.wrong_ages()
    assert not wrong, wrong[:10]
    assert same > 500


def test_the_comparison_says_the_same(lived):
    different, raced, equal = lived.differing()
    agreement = lived.document["agreement"]
    assert agreement["compared"] > 500
    beside = agreement["compared"] - agreement["equal"]
    assert beside <= len(different) + len(raced), agreement["differing"][:5]
    assert agreement["equal"] >= len(equal)


FORGETS_SECONDS = 12  # from where rules were loaded to where nothing before that is held any more
# Alerts of every phase, so that some are held, or new, whenever the server happens to be killed and started.
FORGETTING = "".join(
    f'  - {{alert: Forgets{n}, expr: "vector((time() + {n}) % 40) < 20", keep_firing_for: 8s}}\n'
    for n in range(0, 40, 2)
)


def killed_life(parts):
    """A life with a restart; `parts` get windows that end or begin soon after it."""
    grace = "--rules.alert.for-grace-period=8s"  # alerts with a longer `for` are restored
    with Life(RULES.replace(RESTORED, RESTORED + FORGETTING), arguments=(grace,)) as life:
        time.sleep(FORGETS_SECONDS + 8)
        life.kill_for(8)
        life.until_written("fast", 20, life.times["started"])
        end = time.time()
        life.until_past(end)
        begin, started = life.times["began"] + FORGETS_SECONDS, life.times["started"]
        parts[:] = [life.lived(window_of(begin, started + n)) for n in (2, 4, 6, 8)]
        parts += [life.lived(window_of(started + n, end)) for n in (-4, 1, 6)]
        return life.lived(window_of(begin, end))


def test_a_restart_is_unknown_and_nothing_else_differs():
    parts = []
    lived = lives(lambda: killed_life(parts))
    same_in(parts)
    killed, started = lived.times["killed"], lived.times["started"]
    for group in lived.document["groups"]:
        scope = f"{group['file']};{group['name']}"
        spans = [s for s in lived.document["unknown"] if s["scope"] == scope and "down" in s["reason"]]
        assert any(s["start"] <= killed + group["interval"] and started <= s["end"] for s in spans), (group, spans)
    always = [at for s in lived.alerts if s["metric"]["alertname"] == "Always" for at, _ in s["values"]]
    last, first = max(at for at in always if at < killed), min(at for at in always if at > started)
    fast = [s for s in lived.document["unknown"] if s["scope"].endswith(";fast")]
    down = [(s["start"], s["end"]) for s in fast if s["start"] <= killed + 1 and started <= s["end"]]
    assert down == [(pytest.approx(last + 1), pytest.approx(first))]  # to the slot
    different, _, equal = lived.differing()
    assert not different, sorted(different)[:10]
    assert len(equal) > 200


# Alerts that are held at whatever second the interval changes, and a rule that comes with the change.
HELD = "".join(
    f'  - {{alert: Turn{n}, expr: "vector((time() + {n}) % 24) < 6", for: {n % 8}s, keep_firing_for: 9s}}\n'
    for n in range(0, 24, 3)
)
COMES = '  - {alert: %s, expr: "wave > -2", for: 2s}\n'
BEFORE_CHANGE = RULES.replace(ITSELF, ITSELF + HELD)
AFTER_CHANGE = (
    BEFORE_CHANGE.replace(ITSELF, ITSELF.replace("2s", "3s"))
    .replace(RESTORED, RESTORED.replace("restored", "renamed") + COMES % "ComesToo")
    .replace("- name: itself", COMES % "Comes" + "- name: itself")
)
LEFT_SECONDS = 6  # that are replayed before and after a target left


def changed_life(left):
    """A life with a pause, another interval, another name and other rules; then `left`, after a target has left."""
    with Life(BEFORE_CHANGE, AFTER_CHANGE) as life:
        time.sleep(SETTLED_SECONDS)
        life.until_written("itself", 3, life.times["began"] + SETTLED_SECONDS)
        life.pause_for(4.5)
        life.until_written("itself", 5, life.times["resumed"])
        life.load(AFTER_CHANGE)
        for name in ("itself", "renamed"):
            life.until_written(name, 4, life.times["loaded"] + 3)
        end = time.time()
        life.until_past(end)
        lived = life.lived(window_of(life.times["began"] + SETTLED_SECONDS, end))
        life.let_leave()
        gone = time.time()
        life.until_past(gone + LEFT_SECONDS)
        left.append(life.lived(window_of(end, gone + LEFT_SECONDS)))
        return lived


@pytest.fixture(scope="module")
def changed():
    left = []
    return lives(lambda: changed_life(left)), left


def test_a_pause_a_new_interval_and_a_new_name_are_read_from_what_was_recorded(changed):
    lived, _ = changed
    stretches = {}
    for group in lived.document["groups"]:
        stretches.setdefault(group["name"], []).append(group["interval"])
    assert {name: stretches[name] for name in ("fast", "itself", "renamed")} == {
        "fast": [1],
        "itself": [2, 3],
        "renamed": [2, 2],
    }
    different, _, equal = lived.differing()
    assert not different, sorted(different)[:10]
    assert len(equal) > 500


def test_a_rule_that_came_later_is_unknown_before(changed):
    lived, _ = changed
    spans = {s["scope"].split(";")[1]: s for s in lived.document["unknown"] if "added or changed later" in s["reason"]}
    for group, alert in (("slow", "Comes"), ("renamed", "ComesToo")):
        came = min(at for s in lived.alerts if s["metric"]["alertname"] == alert for at, _ in s["values"])
        assert spans[group]["start"] == lived.window.start.timestamp()
        assert lived.times["loaded"] - 3 < spans[group]["end"] <= came + 0.001


def test_what_a_target_that_left_takes_with_it_is_named(changed):
    lived = changed[1][-1]
    different, _, equal = lived.differing()
    assert len(equal) > 100
    named = [d for d in lived.document["agreement"]["differing"] if "left service discovery" in d["reason"]]
    assert named
    told = {(d["alert"], d["recorded"] or d["replayed"], tuple(sorted(d["labels"].items())), d["at"]) for d in named}
    assert different <= told or lived.stalls
