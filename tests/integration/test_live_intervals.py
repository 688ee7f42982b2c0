"""The intervals of live groups change, each in another way; windows lie before, after and around the change."""

import time

from tests.integration.restless import Life, lives, window_of

SETTLED_SECONDS = 5  # from where rules were loaded to where every group has been evaluated
INTERVALS = ((2, 3), (3, 2), (1, 2), (2, 1), (2, 4), (4, 2), (2, 5), (5, 3))  # before and after


def rules_of_intervals(place):
    """Groups with one alert that always fires, one that is held, and one that is seldom there."""
    return (
        "groups:\n"
        + "".join(
            f"- name: turned{n}\n  interval: {intervals[place]}s\n  rules:\n"
            f'  - {{alert: Ever{n}, expr: "vector(1)"}}\n'
            f'  - {{alert: Kept{n}, expr: "wave > 0", for: 4s, keep_firing_for: 3s}}\n'
            f'  - {{alert: Seldom{n}, expr: "vector(time() % 40) > 30"}}\n'
            for n, intervals in enumerate(INTERVALS)
        )
        + "- {name: fast, interval: 1s, rules: [{alert: Always, expr: vector(1)}]}\n"
    )


def turned_life(others):
    """A life in which every interval changes; `others` get windows before, after, and just around the change."""
    with Life(rules_of_intervals(0), rules_of_intervals(1)) as life:
        life.until_written("turned7", 6, life.times["began"] + SETTLED_SECONDS)
        life.load(rules_of_intervals(1))
        for n in range(len(INTERVALS)):
            life.until_written(f"turned{n}", 4, life.times["loaded"] + SETTLED_SECONDS)
        begin, turn, end = life.times["began"] + SETTLED_SECONDS, life.times["loaded"], time.time()
        life.until_past(end)
        spans = ((begin, turn - 2), (turn - 4, end), (begin, turn + 4), (turn - 9, turn + 9), (turn + 8, end))
        others[:] = [life.lived(window_of(low, high)) for low, high in spans]
        return life.lived(window_of(begin, end))


def test_intervals_that_changed_are_read_from_what_was_recorded():
    others = []
    whole = lives(lambda: turned_life(others))
    for lived in (whole, *others):
        different, _, equal = lived.differing()
        assert not different or lived.stalls, (lived.window, sorted(different)[:10])
        assert len(equal) > 100
    intervals = {group["name"]: group["interval"] for group in reversed(others[0].document["groups"])}
    # one whose slots are among today's is read as today's, of which some were missed
    told = {f"turned{n}": before for n, (before, after) in enumerate(INTERVALS) if before % after}
    assert told.items() <= intervals.items()
