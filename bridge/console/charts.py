"""What the overview draws, as options of ECharts; the same numbers stand beside each chart as text. Pure.

Charts are drawn as SVG with colours by name, so that light and dark are the style sheet's business here too. Nothing
that people have typed gets into one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge.console.figures import HAPPENINGS, WINDOW, Bar
from bridge.console.texts import text
from bridge.registration import Status

COLOURS: Final = {
    "registered": "var(--chart-registered)",
    "requested": "var(--chart-requested)",
    "accepted": "var(--chart-accepted)",
    "delivered": "var(--chart-delivered)",
    "confirmed": "var(--chart-confirmed)",
    "blocked": "var(--chart-blocked)",
    Status.WAITING: "var(--chart-registered)",
    Status.PENDING: "var(--chart-requested)",
    Status.ACCEPTED: "var(--chart-confirmed)",
    Status.BLOCKED: "var(--chart-blocked)",
}
_ALIKE: Final = {"animation": False, "textStyle": {"fontFamily": "inherit"}}
_INK: Final = {"color": "var(--ink)"}
_QUIET: Final = {"color": "var(--quiet)"}
_EDGE: Final = {"lineStyle": {"color": "var(--edge)"}}
_TOOLTIP: Final = {
    "trigger": "axis",
    "axisPointer": {"type": "shadow", "shadowStyle": {"color": "var(--chart-shadow)"}},
    "backgroundColor": "var(--surface)",
    "borderColor": "var(--edge)",
    "textStyle": _INK,
    "confine": True,
}


def _numbers_axis() -> dict[str, Any]:
    return {"type": "value", "minInterval": 1, "axisLabel": _QUIET, "splitLine": _EDGE}


def _names_axis(names: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "category",
        "data": list(names),
        "axisLabel": {**_QUIET, "hideOverlap": True, "alignMinLabel": "left", "alignMaxLabel": "right"},
        "axisLine": _EDGE,
        "axisTick": {"show": False},
    }


def activity(shown: Sequence[Bar], names: Sequence[str]) -> dict[str, Any]:
    """Draw ``shown`` as bars side by side, one for each of what can happen."""
    return {
        **_ALIKE,
        "grid": {"left": 8, "right": 8, "top": 12, "bottom": 8, "containLabel": True},
        "tooltip": _TOOLTIP,
        "xAxis": _names_axis(names),
        "yAxis": _numbers_axis(),
        "series": [
            {
                "type": "bar",
                "name": text(f"overview.{name}"),
                "data": [one.numbers[name] for one in shown],
                "itemStyle": {"color": COLOURS[name]},
                "emphasis": {"disabled": True},
                "barGap": "0%",
                "barCategoryGap": "20%",
            }
            for name in HAPPENINGS
        ],
    }


_ACROSS: Final = 120
"""Room in the middle of the ring, in sizes of a letter times letters: the number of a million has to find it too."""


def by_status(counts: Mapping[str, int]) -> dict[str, Any]:
    """Draw a ring of the registrations by status, with their number in the middle."""
    total = sum(counts.values())
    return {
        **_ALIKE,
        "title": {
            "text": f"{total:,}",
            "subtext": text("overview.total"),
            "left": "center",
            "top": "middle",
            "itemGap": 4,
            "textStyle": {**_INK, "fontSize": min(22, _ACROSS // len(f"{total:,}")), "lineHeight": 26},
            "subtextStyle": {**_QUIET, "fontSize": 13, "lineHeight": 16},
        },
        "series": [
            {
                "type": "pie",
                "radius": ["68%", "92%"],
                "silent": True,
                "label": {"show": False},
                "labelLine": {"show": False},
                "emptyCircleStyle": {"color": "var(--edge)"},
                "itemStyle": {"borderColor": "var(--surface)", "borderWidth": 2},
                "data": [
                    {"value": number, "name": text(f"status.{status}"), "itemStyle": {"color": COLOURS[status]}}
                    for status, number in counts.items()
                    if number
                ],
            }
        ],
    }


def latency(seconds: Mapping[str, float]) -> dict[str, Any]:
    """Draw the three times as bars that lie, the shortest above."""
    names = list(seconds)[::-1]
    return {
        **_ALIKE,
        "grid": {"left": 4, "right": 4, "top": 4, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "value", "show": False, "min": 0, "max": "dataMax"},
        "yAxis": {**_names_axis(names), "axisLine": {"show": False}, "axisLabel": _QUIET},
        "series": [
            {
                "type": "bar",
                "silent": True,
                "barWidth": 14,
                "barMinHeight": 2,
                "showBackground": True,
                "backgroundStyle": {"color": "var(--ground)"},
                "itemStyle": {"color": "var(--chart-accepted)", "borderRadius": 3},
                "data": [seconds[name] for name in names],
            }
        ],
    }


def pulse(courses: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Draw the last seconds, the one we are in at the right; the steps of devices stand on each other."""
    ago = [text("overview.now_ago", number=WINDOW - 1 - at) for at in range(WINDOW - 1)] + [text("overview.now_second")]
    axis = _names_axis(ago)
    axis["axisLabel"] |= {"interval": 9, "showMaxLabel": True}
    return {
        **_ALIKE,
        "grid": {"left": 8, "right": 8, "top": 12, "bottom": 8, "containLabel": True},
        "tooltip": _TOOLTIP,
        "xAxis": {
            **_names_axis(ago),
            "axisLabel": {**_QUIET, "hideOverlap": True, "interval": 9, "showMaxLabel": True},
        },
        "yAxis": {**_numbers_axis(), "splitNumber": 2},
        "series": [
            {
                "type": "bar",
                "stack": "steps",
                "name": text(f"overview.{name}"),
                "data": list(course),
                "itemStyle": {"color": COLOURS[name]},
                "emphasis": {"disabled": True},
                "barCategoryGap": "15%",
            }
            for name, course in courses.items()
        ],
    }
