"""Where the programs are that promreview starts: Prometheus, promtool, and those of the stack."""

import os
import shutil
from pathlib import Path

from analysis.errors import MissingProgramError

PACKAGES = {"promtool": "prometheus", "vmalert": "victoria-metrics", "amtool": "prometheus-alertmanager"}
"""Debian's package of a program that is not called after it."""
UPSTREAM = {
    "prometheus-alertmanager": "alertmanager",
    "prometheus-node-exporter": "node_exporter",
    "prometheus-redis-exporter": "redis_exporter",
}
"""What the project and Homebrew call a program that Debian gives another name."""


def find_program(name: str) -> str:
    """Path of a program; ``PROMREVIEW_PROMETHEUS`` wins over the PATH for ``prometheus`` and ``promtool``.

    Args:
        name: as Debian calls it.

    Raises:
        MissingProgramError: it is not installed; says how to install it.
    """
    chosen = os.environ.get("PROMREVIEW_PROMETHEUS")
    if chosen and name in ("prometheus", "promtool"):
        return _beside(Path(chosen), name)
    found = shutil.which(name) or shutil.which(UPSTREAM.get(name, name))
    if not found:
        package = PACKAGES.get(name, name)
        raise MissingProgramError(f"{name} is not installed; run: sudo apt-get install {package} (or: make setup)")
    return found


def _beside(prometheus: Path, name: str) -> str:
    path = prometheus if name == "prometheus" else prometheus.with_name(name)
    if not os.access(path, os.X_OK) or path.is_dir():
        raise MissingProgramError(f"PROMREVIEW_PROMETHEUS is {prometheus}, but {path} is no program; set or unset it")
    return str(path)
