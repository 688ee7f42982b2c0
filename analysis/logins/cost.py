"""What the review will ask the server, from counts alone."""

from analysis.logins.collect import collect
from analysis.prometheus.rehearsal import Rehearsal
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.window import Window


def rehearse(prom: Rehearsal, settings: LoginAnomaliesSettings, window: Window) -> None:
    """Go through the review's questions; `prom` keeps what they cost.

    Args:
        prom: counts instead of pulling.
        settings: which signals, and how much history.
        window: the month.
    """
    collect(prom, settings, window)
    prom.source()
