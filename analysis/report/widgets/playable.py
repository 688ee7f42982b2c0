"""A figure with sliders and lists where a person can move them, and the figure alone everywhere else."""

import base64
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from matplotlib.figure import Figure

from analysis.drawing import description, svg_text
from analysis.errors import PromreviewError

UNSEEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"  # the picture says it already
Draw = Callable[..., Figure]


class Playable:
    """What a cell shows: a widget in a notebook, else a picture.

    Args:
        draw: makes the figure from what the controls say, by their names.
        controls: makes the controls, by name; called only where they are shown.
        is_live: whether there is a person at the notebook; a scheduled run keeps no widgets.
    """

    def __init__(self, draw: Draw, controls: Callable[[], Mapping[str, Any]], *, is_live: bool) -> None:
        self.draw, self.controls, self.is_live = draw, controls, is_live

    def figure(self) -> Figure:
        """The picture as it is before anything is moved."""
        return self.draw()

    def widget(self) -> Any:
        """The controls over the picture, which follows them; None where ipywidgets is not installed."""
        try:
            import ipywidgets
        except ImportError:
            return None
        controls = dict(self.controls())
        picture = ipywidgets.HTML()

        def follow(_: object = None) -> None:
            try:
                picture.value = picture_html(self.draw(**{name: control.value for name, control in controls.items()}))
            except PromreviewError as error:  # both ends of a stretch on one day, for instance
                picture.value = f'<p role="status">{escape(str(error))}</p>'

        for control in controls.values():
            control.observe(follow, names="value")
        follow()
        return ipywidgets.VBox([*controls.values(), picture])

    def __repr__(self) -> str:
        """What the picture says."""
        return description(self.figure())

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """The picture, and the widget beside it: a front end takes the widget where it can show one."""
        made = self.figure()
        bundle: dict[str, Any] = {"text/plain": description(made), "image/svg+xml": svg_text(made)}
        widget = self.widget() if self.is_live else None
        return bundle if widget is None else {**widget._repr_mimebundle_(), **bundle}


def picture_html(made: Figure) -> str:
    """A figure and the sentence that it says, told to screen readers whenever it changes."""
    said, picture = escape(description(made)), base64.b64encode(svg_text(made).encode()).decode()
    return f'<p role="status" style="{UNSEEN}">{said}</p><img alt="{said}" src="data:image/svg+xml;base64,{picture}">'
