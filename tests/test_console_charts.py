"""What is drawn is what the numbers are, in colours that the style sheet has for light and for dark."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.console import charts, texts
from bridge.console.figures import HAPPENINGS, RANGES, STEPS, WINDOW, bars, labels

NOW = datetime(2026, 3, 5, 13, 37, tzinfo=UTC)
STATIC = Path(texts.__file__).parent.parent / "static"


def _sheet() -> str:
    """Return the rules of the overview, after those that all pages share."""
    return "".join((STATIC / f"{name}.css").read_text(encoding="utf-8") for name in ("console", "overview"))


def drawn() -> Iterator[dict[str, Any]]:
    day = bars([], RANGES["day"], NOW, 0)
    yield charts.activity(day, labels(day, RANGES["day"]))
    yield charts.by_status(dict.fromkeys(texts.section("status"), 1))
    yield charts.latency({"p50": 1.0, "p95": 2.0, "p99": 3.0})
    yield charts.pulse({name: [0] * WINDOW for name in STEPS})


def test_every_colour_has_a_name_that_light_and_dark_know() -> None:
    sheet = _sheet()
    light, dark = (
        set(re.findall(r"(--[\w-]+):", "".join(re.findall(rule, sheet))))
        for rule in (r":root \{([^}]*)\}", r':root\[data-theme="dark"\] \{([^}]*)\}')
    )
    for options in drawn():
        whole = json.dumps(options)
        named = set(re.findall(r"var\((--[\w-]+)\)", whole))
        assert named
        assert named <= light & dark
        assert not re.search(r'"#[0-9a-f]{3,8}"|"rgb', whole), "a colour of its own would not change with the theme"


def test_the_sheet_holds_rules_and_nothing_else() -> None:
    """A browser drops what it does not understand together with the rule that follows, and tells nobody."""
    sheet = re.sub(r"/\*.*?\*/", "", _sheet(), flags=re.DOTALL)
    strange = r"^(?:[<>=|]{7}.*)$"
    assert re.findall(strange, sheet, re.MULTILINE) == []
    depth = 0
    for sign in re.findall(r"[{}]", sheet):
        depth += 1 if sign == "{" else -1
        assert 0 <= depth <= 2
    assert depth == 0


def test_nothing_that_is_drawn_is_evaluated_in_the_browser() -> None:
    for options in drawn():
        names = re.findall(r'"([^"]*)"=', json.dumps(options, separators=(",", "=")))
        assert names
        assert not [name for name in names if name.startswith(":")], "NiceGUI takes what such a name has for script"


def test_the_bars_of_what_happened_are_the_numbers_of_the_bridge() -> None:
    series = [{"hour": "2026-03-05T13:00:00.000Z", **{name: at for at, name in enumerate(HAPPENINGS)}}]
    day = bars(series, RANGES["day"], NOW, 0)
    options = charts.activity(day, labels(day, RANGES["day"]))
    assert [one["data"][-1] for one in options["series"]] == list(range(len(HAPPENINGS)))
    assert all(len(one["data"]) == len(options["xAxis"]["data"]) == 24 for one in options["series"])


def test_the_ring_leaves_out_what_is_not_there_and_tells_the_sum() -> None:
    options = charts.by_status({"WAITING_FOR_CONNECTION": 1_200, "PENDING_ACCEPTANCE": 0, "ACCEPTED": 34, "BLOCKED": 0})
    assert [one["name"] for one in options["series"][0]["data"]] == ["Waiting for connection", "Accepted"]
    assert options["title"]["text"] == "1,234"


def test_times_are_drawn_the_shortest_above() -> None:
    options = charts.latency({"p50": 1.0, "p95": 2.5, "p99": 90.0})
    assert options["yAxis"]["data"] == ["p99", "p95", "p50"], "ECharts begins at the bottom"
    assert options["series"][0]["data"] == [90.0, 2.5, 1.0]


def test_the_last_second_stands_at_the_right() -> None:
    options = charts.pulse({"requested": [*([0] * (WINDOW - 1)), 7]})
    assert options["xAxis"]["data"][0] == "59 s ago"
    assert options["xAxis"]["data"][-1] == "now"
    assert options["series"][0]["data"][-1] == 7


def test_the_number_in_the_ring_is_written_smaller_where_it_is_long() -> None:
    sizes = [
        charts.by_status({"ACCEPTED": number})["title"]["textStyle"]["fontSize"]
        for number in (7, 99_999, 100_000, 10**6)
    ]
    assert sizes == [22, 20, 17, 13]
