"""Who a command is run for: every environment, or every cluster of a global view."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from analysis.errors import InputError, SourceError

if TYPE_CHECKING:
    from analysis.report.fleet.members import Member
    from analysis.report.fleet.view import View
    from analysis.window import Window

EVERY, EACH = "--every-environment", "--each-value-of"


@dataclass(frozen=True)
class Fleet:
    """Who is reviewed.

    Attributes:
        members: every one of them.
        label: that tells the clusters of one global view apart; empty where there is none, or more than one.
        environment: of the view, empty where the variables of this process lead to it.
    """

    members: Sequence["Member"]
    label: str = ""
    environment: str = ""

    def look(self, window: "Window") -> "View":
        """Ask the global view when each of them was there."""
        from analysis.prometheus import connect
        from analysis.report.fleet.view import View, look_at

        if not self.label:
            return View()
        with _inside(self.environment), connect() as prom:
            return look_at(prom, self.label, self.members, window)


def fleet_of(
    window: "Window", *, url: str = "", environment: str = "", each_value_of: str = "", every: bool = False
) -> Fleet | None:
    """The fleet that the options of a command mean; None where they mean one server.

    Args:
        window: in which a cluster has to have been there.
        url: of the global view.
        environment: of the global view.
        each_value_of: label that tells its clusters apart; that of the environment where it is empty.
        every: every environment.

    Raises:
        InputError: options that do not go together, no environment, or a label that tells nothing apart.
        SourceError: the one view that there is does not answer.
    """
    from analysis.report.fleet.discovery import checked
    from analysis.settings.environments import FOLDER, environments, fleet_label

    if every:
        if url or environment or each_value_of:
            raise InputError(f"{EVERY} goes with none of --url, --environment and {EACH}")
        names = environments()
        if not names:
            raise InputError(f"{EVERY}: there is no environment in {FOLDER}; write {FOLDER}/NAME.yaml")
        parts = [_members_of(name, window) for name in names]
        views = [name for name, part in zip(names, parts, strict=True) if part[0].label]
        members = checked([member for part in parts for member in part])
        return Fleet(members, fleet_label(views[0]), views[0]) if len(views) == 1 else Fleet(members)
    label = each_value_of or (fleet_label(environment) if environment else "")
    if not label:
        return None
    if url and environment:
        raise InputError(f"{EACH} takes --url or --environment, not both")
    if url:
        os.environ["PROMETHEUS_URL"] = url  # with its credentials, which no command line of a child may show
    return Fleet(checked(_of_view(label, environment, window)), label, environment)


def _inside(environment: str) -> AbstractContextManager[Any]:
    from analysis.settings.environments import inside_environment

    return inside_environment(environment) if environment else nullcontext()


def _of_view(label: str, environment: str, window: "Window") -> list["Member"]:
    from analysis.prometheus import connect
    from analysis.report.fleet.discovery import discover
    from analysis.settings.environments import connection_variables

    with _inside(environment), connect() as prom:
        return discover(prom, label, window, connection_variables(), environment)


def _members_of(name: str, window: "Window") -> list["Member"]:
    """One environment, or the clusters behind it; a view that cannot be asked stands for them."""
    from analysis.report.fleet.members import Member
    from analysis.settings.environments import fleet_label

    alone = [Member(name, name, environment=name, options=("--environment", name))]
    try:
        label = fleet_label(name)
        return _of_view(label, name, window) if label else alone
    except (InputError, SourceError) as error:  # it is reviewed as one, and its own review says what is wrong
        typer.echo(f"environment {name}: {error}", err=True)
        return alone
