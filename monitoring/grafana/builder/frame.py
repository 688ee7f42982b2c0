"""What every dashboard has: name, range, variables, the alerts of its audience drawn in, links to the others."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from monitoring.grafana.builder.panels import ALARM, SOURCE

TAG = "promreview"
Panel = Builder[models.Panel]


class Section(NamedTuple):
    """A row of a dashboard: its title and what is in it."""

    title: str
    panels: Sequence[Panel]


class AlertAnnotation(models.AnnotationQuery):
    """Alerts as marks on every panel, with the texts that Prometheus's annotations take and the SDK's model lacks."""

    def to_json(self) -> dict[str, object]:
        """The annotation with title and text."""
        texts = {"titleFormat": "{{alertname}}", "textFormat": "{{severity}}, {{category}}", "tagKeys": "severity"}
        return {**super().to_json(), **texts}


class _Alerts(Builder[models.AnnotationQuery]):
    def __init__(self, matchers: str) -> None:
        self.matchers = matchers

    def build(self) -> models.AnnotationQuery:
        expr = f'ALERTS{{alertstate="firing",{self.matchers}}}'
        return AlertAnnotation("Alerts", SOURCE, enable=True, icon_color=ALARM, expr=expr)


def _source() -> builders.DatasourceVariable:
    """Which Prometheus is asked; the provisioned one at first."""
    first = models.VariableOption(selected=True, text="Prometheus", value="prometheus")
    return builders.DatasourceVariable("datasource").label("Data source").type("prometheus").current(first)


def variable(name: str, label: str, query: str) -> builders.QueryVariable:
    """A choice of label values, all of them at first.

    All is ``.*``, so that values that come later, and series without the label, belong to it.
    """
    everything = models.VariableOption(selected=True, text=["All"], value=["$__all"])
    return (
        builders.QueryVariable(name)
        .label(label)
        .query({"query": query, "refId": name})
        .datasource(SOURCE)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(everything)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def dashboard(
    uid: str,
    title: str,
    description: str,
    since: str,
    alerts: str,
    variables: Iterable[builders.QueryVariable],
    sections: Iterable[Section],
) -> models.Dashboard:
    """A whole dashboard.

    Args:
        uid: part of its address, never to change.
        title: its name in the list.
        description: for whom it is and what it answers.
        since: beginning of its time range, as Grafana writes it (``now-6h``).
        alerts: matchers of the alerts that are drawn in.
        variables: choices at its top.
        sections: rows, each with its panels.
    """
    board = builders.Dashboard(title).uid(uid).description(description).tags([TAG]).timezone("browser")
    board.time(since, "now").refresh("1m").tooltip(models.DashboardCursorSync.CROSSHAIR)
    board.variables([_source(), *variables]).annotation(_Alerts(alerts)).link(_others())
    for section in sections:
        board.with_row(builders.Row(section.title))
        for panel in section.panels:
            board.with_panel(panel)
    return _numbered(board.build())


def _numbered(board: models.Dashboard) -> models.Dashboard:
    for place, panel in enumerate(board.panels or [], start=1):
        panel.id_val = place
    return board


def _others() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Dashboards")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .keep_time(True)
    )
