"""The looks of panels: one function for each, so that all dashboards speak one language.

Blue is well and orange is not: the two can be told apart by people who see no red and green.
"""

from collections.abc import Mapping
from typing import NamedTuple

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.grafana.builder.limits import Limit

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
WELL, ALARM, WAITING = "blue", "dark-orange", "yellow"
FULL_WIDTH = 24
NARROWEST = 6  # columns of the grid: four numbers in a row


class Query(NamedTuple):
    """One expression of a panel, and how its series are called (``{{label}}``)."""

    expr: str
    legend: str = ""


def targets(queries: tuple[Query, ...], *, instant: bool = False, as_table: bool = False) -> list[Builder[Dataquery]]:
    """Queries as a panel takes them, called A, B, C, in their order."""
    asked: list[Builder[Dataquery]] = []
    for place, query in enumerate(queries):
        target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + place)).datasource(SOURCE)
        target = target.instant() if instant else target.range()
        asked.append(target.format(PromQueryFormat.TABLE) if as_table else target.legend_format(query.legend))
    return asked


def steps(limit: Limit | None) -> builders.ThresholdsConfig:
    """Colours on both sides of an alert's threshold; all is well where there is no alert."""
    colours = [models.Threshold(None, WELL)]
    if limit:
        low, high = (ALARM, WELL) if limit.is_below else (WELL, ALARM)
        colours = [models.Threshold(None, low), models.Threshold(limit.threshold, high)]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(colours)


def number(title: str, description: str, unit: str, query: Query, limit: Limit | None = None) -> stat.Panel:
    """What holds now, as large figures."""
    last = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets(targets((query,), instant=True))
        .unit(unit)
        .thresholds(steps(limit))
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .color_mode(shapes.BigValueColorMode.VALUE)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .reduce_options(last)
        .height(4)
        .span(NARROWEST)
    )


def graph(
    title: str, description: str, unit: str, *queries: Query, limit: Limit | None = None, stacked: bool = False
) -> timeseries.Panel:
    """How something went, with the alert's threshold drawn in."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets(targets(queries))
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(40 if stacked else 8)
        .show_points(shapes.VisibilityMode.NEVER)
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .thresholds(steps(limit))
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING))
        .height(8)
        .span(FULL_WIDTH // 2)
    )
    if limit:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED))
        panel.axis_soft_max(limit.threshold)
    if stacked:
        panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL))
    return panel


def _legend() -> common.VizLegendOptions:
    shown = common.VizLegendOptions().show_legend(True).display_mode(shapes.LegendDisplayMode.LIST)
    return shown.placement(shapes.LegendPlacement.BOTTOM)


def timeline(title: str, description: str, query: Query, states: Mapping[int, tuple[str, str]]) -> statetimeline.Panel:
    """What was in which state, and when.

    Args:
        title: what the rows are.
        description: what a reader should know.
        query: values are the states.
        states: text and colour of each state.
    """
    results = {
        str(value): models.ValueMappingResult(text=said, color=colour) for value, (said, colour) in states.items()
    }
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets(targets((query,)))
        .mappings([models.ValueMap(options=results)])
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .thresholds(steps(None))
        .show_value(shapes.VisibilityMode.NEVER)
        .merge_values(True)
        .fill_opacity(80)
        .row_height(0.8)
        .legend(_legend())
        .height(8)
        .span(FULL_WIDTH)
    )


def bars(title: str, description: str, unit: str, query: Query, limit: Limit | None = None) -> bargauge.Panel:
    """What holds now, one bar for each series."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets(targets((query,), instant=True))
        .unit(unit)
        .min(0)
        .thresholds(steps(limit))
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .orientation(shapes.VizOrientation.HORIZONTAL)
        .display_mode(shapes.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .height(8)
        .span(FULL_WIDTH // 2)
    )


def rows(title: str, description: str, unit: str, query: Query, *hidden: str) -> table.Panel:
    """What holds now as a table: a row for each series, a column for each label.

    Args:
        title: what the rows are.
        description: what a reader should know.
        unit: of the values.
        query: the labels of its result become columns.
        hidden: columns that say nothing.
    """
    excluded = dict.fromkeys(("Time", *hidden), True)
    organised = models.DataTransformerConfig(id_val="organize", options={"excludeByName": excluded})
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets(targets((query,), instant=True, as_table=True))
        .transformations([organised])
        .unit(unit)
        .thresholds(steps(None))
        .height(8)
        .span(FULL_WIDTH // 2)
    )
