"""What the overview is built of: a choice of the time, charts, tables of their numbers, the last events."""

from typing import Any, Final

from nicegui import ui
from nicegui.element import Element

from bridge.console.figures import RANGES
from bridge.console.texts import section, text

_EVENTS: Final = (
    "registered",
    "requested",
    "accepted",
    "delivered",
    "confirmed",
    "token-mismatch",
    "blocked",
    "deleted",
    "expired",
    "updated",
    "claim-conflict",
    "request-after-completion",
    "auto-accept-suspended",
    "bulk",
)


class RangeChoice(Element, component="components/range_choice.js"):
    """Which time is looked back on."""

    def __init__(self, chosen: str) -> None:
        super().__init__()
        self._props["label"] = text("overview.range")
        self._props["name"] = "range"
        self._props["choices"] = [{"value": name, "text": text(f"overview.range_{name}")} for name in RANGES]
        self._props["chosen"] = chosen


class FiguresTable(Element, component="components/figures_table.js"):
    """The numbers of a chart."""

    def __init__(self, caption: str, columns: list[str]) -> None:
        super().__init__()
        self._props["caption"] = caption
        self._props["summary"] = text("overview.activity_table")
        self._props["columns"] = columns
        self._props["rows"] = []

    def show(self, rows: list[list[Any]]) -> None:
        """Show these rows; the first cell of each names it."""
        self._props["rows"] = rows
        self.update()


class Latest(Element, component="components/latest.js"):
    """The last events."""

    def __init__(self) -> None:
        super().__init__()
        self._props["texts"] = section("overview")
        self._props["words"] = {name: text(f"overview.event_{name.replace('-', '_')}") for name in _EVENTS}
        self._props["events"] = []

    def show(self, last: list[dict[str, Any]]) -> None:
        """Show these events."""
        self._props["events"] = last
        self.update()


class Chart:
    """A chart in a card: a picture for who sees it, named for who does not."""

    def __init__(self, name: str, height: str) -> None:
        self._drawn: dict[str, Any] = {}
        self._chart = ui.echart({}, renderer="svg").classes("chart").style(f"height: {height}")
        self._chart.props(f'role="img" aria-label="{text(f"overview.{name}")}"')

    def draw(self, options: dict[str, Any]) -> None:
        """Draw what changed."""
        if options != self._drawn:
            self._drawn = options
            self._chart.options.clear()
            self._chart.options.update(options)
            self._chart.update()

    def set_visibility(self, visible: bool) -> None:
        """Show or hide it."""
        self._chart.set_visibility(visible)
