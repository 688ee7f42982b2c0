"""When a rule group is evaluated: every interval, shifted by the group's phase.

Source: ``EvalTimestamp`` in prometheus/rules/group.go, and ``Labels.Hash`` of model/labels in the
build at hand. The hash is not guaranteed between builds, so history wins over it.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import xxhash

from analysis.errors import InputError
from analysis.prometheus.rules import RuleGroup
from analysis.window import parse_time

Encode = Callable[[str], bytes]
MOST_LATE = timedelta(milliseconds=250)  # of an evaluation after its slot, on a loaded machine
_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)
_VARINT_FROM, _LENGTHS_FROM = (2, 44), (3, 5)  # versions in which the label encoding changed


def _separated(text: str) -> bytes:
    return text.encode() + b"\xff"


def _varint_prefixed(text: str) -> bytes:
    body, length, prefix = text.encode(), len(text.encode()), bytearray()
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + body


def _length_prefixed(text: str) -> bytes:
    body = text.encode()
    prefix = bytes([len(body)]) if len(body) < 255 else b"\xff" + len(body).to_bytes(3, "little")
    return prefix + body


def computed_phase(group: RuleGroup, interval: timedelta, encode: Encode = _separated) -> timedelta:
    """The phase that the group's file and name give; cut to whole milliseconds, as slots are."""
    text = b"".join(encode(part) for part in ("file", group.file, "name", group.name))
    interval_ns = interval // timedelta(microseconds=1) * 1000
    return timedelta(milliseconds=xxhash.xxh64_intdigest(text) % interval_ns // 1_000_000)


def candidate_phases(group: RuleGroup, interval: timedelta, version: str) -> list[timedelta]:
    """Phases that builds of this version give, the likeliest first.

    Builds before 2.44, and those with other label encodings than the default one, separate with a byte.
    """
    match = re.match(r"v?(\d+)\.(\d+)", version)
    numbers = (int(match[1]), int(match[2])) if match else (0, 0)
    encodings: list[Encode] = [_separated]
    if numbers >= _LENGTHS_FROM:
        encodings = [_length_prefixed, _varint_prefixed, _separated]
    elif numbers >= _VARINT_FROM:
        encodings = [_separated, _varint_prefixed]
    return list(dict.fromkeys(computed_phase(group, interval, encode) for encode in encodings))


def likeliest_phase(group: RuleGroup, interval: timedelta, version: str) -> tuple[timedelta, str]:
    """Phase of a group without history, and ``computed`` or ``last_evaluation``.

    Among the phases that the build may give, the one that its last evaluation followed most closely;
    where it followed none of them, the hash is another one, and the evaluation itself has to do.
    """
    candidates = candidate_phases(group, interval, version)
    evaluated = _evaluated_at(group)
    if evaluated is None or len(candidates) == 1:  # before 2.44 the hash is sure
        return candidates[0], "computed"
    best = min(candidates, key=lambda phase: (evaluated - phase) % interval)
    if (evaluated - best) % interval <= MOST_LATE:
        return best, "computed"
    return evaluated % interval // _MILLISECOND * _MILLISECOND, "last_evaluation"


def _evaluated_at(group: RuleGroup) -> timedelta | None:
    """The last evaluation since the epoch; None where there was none."""
    if not group.last_evaluation or group.last_evaluation.startswith("0001-"):
        return None
    try:
        return parse_time(group.last_evaluation) - _EPOCH
    except InputError:
        return None


def phase_of_stamps(
    stamps_ms: list[int], interval: timedelta, query_offset: timedelta, likely: Sequence[timedelta] = ()
) -> timedelta | None:
    """The phase that most of a group's recorded stamps show, or None where there is none.

    Args:
        stamps_ms: raw timestamps of samples that the group wrote, in Unix milliseconds.
        interval: interval of the group.
        query_offset: what shifted those stamps back.
        likely: phases that win over the most frequent one where any stamp shows them.
    """
    if not stamps_ms:
        return None
    interval_ms, offset_ms = interval // timedelta(milliseconds=1), query_offset // timedelta(milliseconds=1)
    phases = [(stamp + offset_ms) % interval_ms for stamp in stamps_ms]
    expected = [phase // timedelta(milliseconds=1) for phase in likely]
    shown = next((phase for phase in expected if phase in phases), max(set(phases), key=phases.count))
    return timedelta(milliseconds=shown)
