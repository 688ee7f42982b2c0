"""promreview: monthly analysis of what a Prometheus has seen.

``from analysis import connect`` gives a client; everything else stands in its own folder.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.prometheus import connect

__all__ = ["connect"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # the client is imported when first asked for: pandas takes a second
    if name == "connect":
        from analysis.prometheus import connect

        return connect
    raise AttributeError(f"module 'analysis' has no attribute {name!r}")
