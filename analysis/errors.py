"""What can go wrong, one class per condition.

Each message says what happened, where, and what to do; ``exit_code`` is what the
command line ends with.
"""


class PromreviewError(Exception):
    """Base of every error that is shown to a user without a traceback."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """In a notebook: what happened and what to do, instead of forty lines of traceback."""
        return [f"{type(self).__name__}: {self}"]


class InputError(PromreviewError):
    """Something the user typed or wrote into a file is wrong."""


class ParameterError(InputError):
    """A parameter is unknown, of the wrong type, or out of its bounds."""


class QueryError(InputError):
    """The server says that the query itself is wrong (400, 422)."""


class MissingProgramError(InputError):
    """A program that must be installed is not on the PATH."""


class SourceError(PromreviewError):
    """The source of the data failed."""

    exit_code = 3


class UnreachableError(SourceError):
    """No answer: refused, reset, unknown host, cut off, or a time-out."""


class AccessError(SourceError):
    """The server does not let us in: 401, 403, or a TLS failure."""


class RateLimitError(SourceError):
    """The server asks us to come back later than the time-out allows."""


class NotPrometheusError(SourceError):
    """What answered does not speak Prometheus's HTTP API."""


class UnsupportedError(SourceError):
    """The server lacks this part of the API, as some Prometheus-like ones do."""


LACKING = (UnsupportedError, NotPrometheusError, AccessError)
"""What one page of the API ends in where a server has it not, or not for us, that answers on others."""


class TooLargeError(SourceError):
    """The answer stays above the server's or our limits, however it is split."""


class ContradictionError(SourceError):
    """The source contradicts itself: equal labels with different values."""


class IncompleteError(PromreviewError):
    """Done in part, or damage was found."""

    exit_code = 4


class ArchiveError(PromreviewError):
    """The archive is damaged, locked, of another version, or cannot be written."""

    exit_code = 4


class NotKeptError(ArchiveError):
    """The archive cannot be written; what was pulled is good all the same."""
