"""What operators are given says what the code does: figures, log lines, stages, dashboard, alerts, units."""

import ast
import configparser
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.measures import MEASURES, Kind
from bridge.metrics import PREFIX
from bridge.stopping import LIMIT, STAGES
from docs import draw_measures

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGE = (DOCS / "operating.md").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana" / "bootstrap-bridge.json").read_text(encoding="utf-8"))
ALERTS: dict[str, Any] = yaml.safe_load((DOCS / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
ALERT_TESTS: dict[str, Any] = yaml.safe_load((DOCS / "prometheus" / "alerts.test.yml").read_text(encoding="utf-8"))
OF_THE_PROCESS = {
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
}
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}


def exposed() -> dict[str, set[str]]:
    """Return all names of series with their labels."""
    names: dict[str, set[str]] = {}
    for one in MEASURES:
        labels = set(one.labels)
        match one.kind:
            case Kind.COUNTER:
                names[f"{PREFIX}_{one.name}_total"] = labels
            case Kind.GAUGE:
                names[f"{PREFIX}_{one.name}"] = labels
            case Kind.HISTOGRAM:
                names[f"{PREFIX}_{one.name}_bucket"] = labels | {"le"}
                names[f"{PREFIX}_{one.name}_sum"] = names[f"{PREFIX}_{one.name}_count"] = labels
    return names


EXPOSED = exposed()


def assert_known(expression: str) -> None:
    """Each metric of a query exists in the code, with the labels and the values that the query gives it."""
    values = {f"{PREFIX}_{one.name}": one.labels for one in MEASURES}
    found = re.findall(r"\b((?:bootstrap_bridge|process)_\w+)(\{[^}]*\})?", expression)
    assert found or "up{" in expression, expression
    for name, selector in found:
        assert name in EXPOSED or name in OF_THE_PROCESS, name
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', selector):
            assert label in EXPOSED.get(name, set()) | {"instance", "job"}, (name, label)
            if label not in {"instance", "job", "le"}:
                known = values[re.sub(r"_(total|bucket|sum|count)$", "", name)][label]
                assert set(value.split("|")) <= set(known), (name, value)
    for by in re.findall(r"by \(([^)]*)\)", expression):
        assert set(re.split(r",\s*", by)) <= {"instance"}.union(*(EXPOSED.get(name, set()) for name, _ in found)), by


def levels_of(node: ast.AST) -> set[str]:
    """Return the levels of all that logs in ``node``: `log.info`, or `log.warning if … else log.info`."""
    return {
        LEVELS[one.attr]
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id == "log"
        and one.attr in LEVELS
    }


def logged() -> dict[str, set[str]]:
    """Return the events of the log lines in the code with the levels at which they are logged."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "bridge").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {
            target.id: levels_of(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call)
            for target in node.targets
            if isinstance(target, ast.Name) and levels_of(node.value)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            levels = named.get(node.func.id, set()) if isinstance(node.func, ast.Name) else set()
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                levels = levels_of(node.func)
            if levels:
                event = node.args[0]
                assert isinstance(event, ast.Constant), f"{path}:{node.lineno}: an event is a word, facts stand beside"
                found[str(event.value)] |= levels
    return found


def test_the_tables_of_figures_and_stages_are_those_of_the_code() -> None:
    assert draw_measures.drawn(PAGE) == PAGE, "run: make docs"
    for one in MEASURES:
        assert f"| `{PREFIX}_{one.name}" in PAGE
    for stage in STAGES:
        assert f"| {stage.name} |" in PAGE


def test_every_event_of_the_log_is_in_the_table_with_its_level_and_no_other() -> None:
    table = PAGE[PAGE.index("| event | level | it tells |") : PAGE.index("## How it ends")]
    rows = re.findall(r"^\| `([^`]+)` \| ([a-z, ]+) \| .{10,} \|$", table, re.MULTILINE)
    assert len(rows) == len({event for event, _ in rows})
    shown = {event: set(levels.split(", ")) for event, levels in rows}
    assert shown == logged()


def test_the_dashboard_can_be_read_by_who_did_not_write_it() -> None:
    panels = DASHBOARD["panels"]
    assert len(panels) > 15
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for source in (panel, *panel["targets"]):
            assert source["datasource"]["uid"] == "${datasource}", "no data source of one installation"
    variables = {one["name"]: one["type"] for one in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource": "datasource", "instance": "query"}


@pytest.mark.parametrize("expression", [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]])
def test_every_query_of_the_dashboard_asks_for_what_exists(expression: str) -> None:
    assert_known(expression)
    assert 'instance=~"$instance"' in expression
    assert expression.count("(") == expression.count(")")


def test_every_figure_stands_on_the_dashboard_or_in_an_alert() -> None:
    used = json.dumps(DASHBOARD) + json.dumps(ALERTS)
    unused = {one.name for one in MEASURES if f"{PREFIX}_{one.name}" not in used}
    assert unused <= {"requests", "unregistered_callers", "calls_limited", "messages_dropped"}


@pytest.mark.parametrize("rule", ALERTS["groups"][0]["rules"], ids=lambda rule: rule["alert"])
def test_every_alert_asks_for_what_exists_says_what_to_do_and_is_tested_both_ways(rule: dict[str, Any]) -> None:
    assert_known(rule["expr"])
    assert rule["alert"].startswith("BootstrapBridge")
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description"}
    cases = [
        bool(case["exp_alerts"])
        for test in ALERT_TESTS["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == rule["alert"]
    ]
    assert {True, False} <= set(cases)


@pytest.mark.parametrize("name", ["bootstrap-bridge", "bootstrap-bridge-gate"])
def test_a_unit_gives_the_service_time_for_its_end_and_no_rights(name: str) -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(DOCS / "systemd" / f"{name}.service", encoding="utf-8")
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["CapabilityBoundingSet"] == ""
    assert (service["NoNewPrivileges"], service["ProtectSystem"]) == ("yes", "strict")
    assert service["User"] != "root"
    if name == "bootstrap-bridge":
        assert int(service["TimeoutStopSec"]) > LIMIT


def test_containers_have_time_for_their_end_too() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert int(compose["services"]["bridge"]["stop_grace_period"].removesuffix("s")) > LIMIT
