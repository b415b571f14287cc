"""The doctor on configurations: each check is quiet on those that `init` writes and complains when one is changed."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.doctor import settings
from tests.ailing import changed, complaints, found, healthy, verdicts

OPERATIONS, BOOTSTRAP = "operations-broker", "bootstrap-broker"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return healthy(tmp_path / "data").folder.path


@pytest.mark.parametrize("check", [settings.settings, settings.plugin, settings.encryption])
def test_what_init_writes_gives_no_cause(data: Path, check: Any) -> None:
    assert verdicts(found(check, data)) == {"ok"}


@pytest.mark.parametrize(
    ("broker", "old", "new", "verdict", "words"),
    [
        (OPERATIONS, "max_queued_messages 20000", "max_queued_messages 100", "advice", "loses messages"),
        (OPERATIONS, "max_packet_size 2000000", "max_packet_size 100000", "advice", "bulk file"),
        (OPERATIONS, "set_tcp_nodelay true", "", "advice", "set_tcp_nodelay true"),
        (OPERATIONS, "allow_anonymous false", "allow_anonymous true", "problem", "allow_anonymous"),
        (BOOTSTRAP, "persistence false", "persistence true", "problem", "in clear"),
        (BOOTSTRAP, "allow_anonymous false", "allow_anonymous true", "problem", "allow_anonymous"),
        (BOOTSTRAP, "memory_limit 268435456", "", "advice", "memory"),
        (BOOTSTRAP, "max_inflight_messages 200", "max_inflight_messages 20", "advice", "max_inflight_messages 200"),
    ],
)
def test_a_setting_that_was_changed_is_told_with_its_reason(
    data: Path, broker: str, old: str, new: str, verdict: str, words: str
) -> None:
    changed(data / broker / "mosquitto.conf", old, new)
    findings = found(settings.settings, data)
    assert words in complaints(findings)
    assert verdict in verdicts(findings)
    assert ("problem" in verdicts(findings)) is (verdict == "problem")


@pytest.mark.parametrize("broker", [OPERATIONS, BOOTSTRAP])
def test_a_listener_that_lets_in_clients_without_a_login_is_a_problem(data: Path, broker: str) -> None:
    changed(
        data / broker / "mosquitto.conf",
        "allow_anonymous false",
        "allow_anonymous false\nlistener_allow_anonymous true",
    )
    findings = found(settings.settings, data)
    assert "problem" in verdicts(findings)
    assert "allow_anonymous" in complaints(findings)


def test_clients_without_a_login_were_let_in_by_others_already(data: Path) -> None:
    changed(data / OPERATIONS / "mosquitto.conf", "allow_anonymous false", "allow_anonymous true")
    note = {
        "configuration": str(data / OPERATIONS / "mosquitto.conf"),
        "dynamicSecurity": str(data / OPERATIONS / "dynamic-security.json"),
    }
    (data / "bridge" / "beside.json").write_text(json.dumps(note), encoding="utf-8")
    assert "problem" not in verdicts(found(settings.settings, data))
    assert "allow_anonymous" in complaints(found(settings.settings, data))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("plugin /usr", "# plugin /usr", "does not load"),
        ("plugin_opt_config_file ", "plugin_opt_config_file /elsewhere", "/elsewhere"),
        ("allow_anonymous false", "allow_anonymous false\nper_listener_settings true", "per_listener_settings"),
    ],
)
def test_a_plugin_that_does_not_serve_the_bridge_is_a_problem(data: Path, old: str, new: str, words: str) -> None:
    changed(data / OPERATIONS / "mosquitto.conf", old, new)
    assert words in complaints(found(settings.plugin, data))


@pytest.mark.parametrize("broker", [OPERATIONS, BOOTSTRAP])
@pytest.mark.parametrize(
    ("listener", "problem"),
    [
        ("listener {} 0.0.0.0", True),
        ("listener {}", True),
        ("listener {} 0.0.0.0\ncertfile /c.pem\nkeyfile /k.pem", False),
        ("listener {} ::1", False),
    ],
)
def test_a_listener_that_others_reach_in_clear_is_a_problem(
    data: Path, broker: str, listener: str, problem: bool
) -> None:
    port = 1883 if broker == OPERATIONS else 1884
    changed(data / broker / "mosquitto.conf", f"listener {port} 127.0.0.1", listener.format(port))
    assert ("without TLS" in complaints(found(settings.encryption, data))) is problem
