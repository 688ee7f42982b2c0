"""Every fan-out goes through here: local processes by default, a Dask cluster when asked.

Where the work runs is a matter of the environment (``PROMREVIEW_BACKEND``,
``PROMREVIEW_SCHEDULER``, ``PROMREVIEW_JOBS``), so that no analysis has to know.
"""

from analysis.fanout.cluster import is_wanted, step_aside
from analysis.fanout.run import fan_out
from analysis.fanout.settings import FanOutSettings

__all__ = ["FanOutSettings", "fan_out", "is_wanted", "step_aside"]
