"""Where a notebook works: a person opens it in its folder, a schedule runs it in the project's."""

import os
from pathlib import Path

from analysis.errors import InputError

MARK = "params"  # the folder that a project has


def enter_project(settings_file: str = "") -> None:
    """Make the nearest folder that holds ``params/`` the working folder.

    Paths such as ``params/incidents.yaml`` and ``outputs`` then mean the same by hand as in a scheduled run.
    Nothing changes where there is no such folder above.

    Args:
        settings_file: of the notebook; what lies above it is looked at too, for a scheduler that works elsewhere.
    """
    here, there = Path.cwd(), Path(settings_file).resolve()
    for folder in (here, *here.parents, *(there.parents if settings_file else ())):
        if (folder / MARK).is_dir():
            os.chdir(folder)
            return


def month_folder(folder: str | Path, month: str = "") -> Path:
    """The folder of a month's review.

    Args:
        folder: that of the month, or that of all months.
        month: ``YYYY-MM``; the last one that was reviewed when empty.

    Raises:
        InputError: there is no review of that month, or none at all.
    """
    given = Path(folder)
    if (given / "findings.json").is_file():
        return given
    reviewed = sorted(path.parent for path in given.glob(f"{month or '*'}/findings.json"))
    if not reviewed:
        known = ", ".join(sorted(path.parent.name for path in given.glob("*/findings.json")))
        rest = f"there are {known}" if known else f"run `promreview review --month {month or 'YYYY-MM'}` first"
        raise InputError(f"{given} holds no review{f' of {month}' if month else ''}; {rest}")
    return reviewed[-1]
