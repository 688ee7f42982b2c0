"""What an answer of the API must look like; whatever answers otherwise is no Prometheus."""

from typing import Any, Literal

import msgspec

from analysis.prometheus.refusals import Again

CUT = "its answer ends in the middle"
_Sample = tuple[float, str | float]
_Names = list[str] | None  # some servers write null for an empty list
_Series = dict[str, str]


class _Range(msgspec.Struct):
    metric: _Series
    values: int | list[_Sample] | None = None  # a number stands for samples that were cut out and parsed
    histograms: list[tuple[float, Any]] | None = None


class _Instant(msgspec.Struct):
    metric: _Series
    value: _Sample | None = None
    histogram: tuple[float, Any] | None = None


class _Matrix(msgspec.Struct, tag_field="resultType", tag="matrix"):
    result: list[_Range]


class _Vector(msgspec.Struct, tag_field="resultType", tag="vector"):
    result: list[_Instant]


class _Scalar(msgspec.Struct, tag_field="resultType", tag="scalar"):
    result: _Sample


class _String(msgspec.Struct, tag_field="resultType", tag="string"):
    result: tuple[float, str]


class _Rules(msgspec.Struct):
    groups: list[dict[str, Any]]


_SHAPES: tuple[tuple[str, Any], ...] = (  # the first that a page begins with is its own
    ("query_range", _Matrix | _Scalar),
    ("query", _Matrix | _Vector | _Scalar | _String),
    ("labels", _Names),
    ("label/", _Names),
    ("series", list[_Series] | None),
    ("rules", _Rules),
    ("targets", dict[str, Any]),
    ("metadata", dict[str, Any]),
    ("status/", dict[str, Any]),
)


class Envelope(msgspec.Struct):
    """What is around the data of every answer."""

    status: Literal["success", "error"]
    data: Any = None
    error: Any = None
    errorType: Any = None  # noqa: N815 - its name in the API
    warnings: Any = None
    infos: Any = None
    isPartial: Any = None  # noqa: N815 - a VictoriaMetrics cluster says so

    @property
    def remarks(self) -> list[str]:
        """Warnings and infos, and that the answer is in part only."""
        said = [str(text) for given in (self.warnings, self.infos) for text in _listed(given)]
        return said + (["partial answer: not every storage node of the server answered"] if self.isPartial else [])


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given] if given else []


_envelope = msgspec.json.Decoder(Envelope)


def opened(body: bytes) -> Envelope | None:
    """An answer out of its text; None where it is none.

    Raises:
        Again: it was cut in the middle, which neither HTTP nor a compression always tells.
    """
    try:
        return _envelope.decode(body)
    except msgspec.DecodeError as error:
        if "truncated" in str(error) and body.strip():
            raise Again(CUT) from None
    except (UnicodeDecodeError, RecursionError):
        pass
    return None


def strange(path: str, data: Any) -> str:
    """What is wrong with the data of a page; empty where nothing is.

    Args:
        path: of the API.
        data: of the answer.
    """
    wanted = next((shape for page, shape in _SHAPES if path.startswith(page)), None)
    if wanted is None:
        return "it has no data" if data is None else ""
    try:
        msgspec.convert(data, wanted)
    except msgspec.ValidationError as error:
        return str(error)
    return ""
