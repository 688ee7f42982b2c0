"""What every analysis shares: validity, baselines, sequential tests, scores, change points, forecasts."""

from typing import Any

__all__ = ["score_offline", "score_online"]


def __getattr__(name: str) -> Any:
    """Load the scores when they are asked for: scikit-learn takes a second to import."""
    if name in __all__:
        from analysis.series import scores

        return getattr(scores, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
