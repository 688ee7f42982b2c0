"""The map: markers on countries, over outlines that Grafana itself serves, so that no tile server is asked."""

from typing import Any

from grafana_foundation_sdk.builders import common, geomap
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import geomap as map_shapes

from monitoring.grafana.builder.panels import FULL_WIDTH, SOURCE, Query, targets

OUTLINES = "public/maps/countries.geojson"
PLACES = "public/gazetteer/countries.json"  # knows the two letters of ISO 3166-1


def world(title: str, description: str, unit: str, query: Query, label: str) -> geomap.Panel:
    """A marker on each country, its size and colour from the value.

    Args:
        title: what is counted.
        description: what a reader should know.
        unit: of the values.
        query: one value for each country.
        label: the label with the country's two letters.
    """
    outlines = common.MapLayerOptions().type("geojson").name("Countries").config({"src": OUTLINES, "style": _outline()})
    where = common.FrameGeometrySource().mode(shapes.FrameGeometrySourceMode.LOOKUP).lookup(label).gazetteer(PLACES)
    markers = common.MapLayerOptions().type("markers").name(title).config(_markers()).location(where).tooltip(True)
    controls = geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(False).show_attribution(True)
    return (
        geomap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets(targets((query,), instant=True, as_table=True))
        .unit(unit)
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.CONTINUOUS_BL_YL_RD))
        .view(geomap.MapViewConfig().id("coords").lat(30).lon(10).zoom(2))
        .basemap(outlines)
        .layers([markers])
        .controls(controls)
        .tooltip(geomap.TooltipOptions().mode(map_shapes.TooltipMode.DETAILS))
        .height(14)
        .span(FULL_WIDTH * 2 // 3)
    )


def _outline() -> dict[str, Any]:
    return {"color": {"fixed": "rgba(128, 128, 128, 0.3)"}, "opacity": 0.3, "lineWidth": 1}


def _markers() -> dict[str, Any]:
    symbol = {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"}
    size = {"field": "Value", "fixed": 5, "min": 4, "max": 28}
    return {
        "showLegend": True,
        "style": {"color": {"field": "Value", "fixed": "blue"}, "size": size, "symbol": symbol, "opacity": 0.7},
    }
