"""Configurations compared with the templates, whose comments are the reasons."""

from pathlib import Path

import pytest

from bridge.broker_advice import BOOTSTRAP, OPERATIONS, differences, reasons
from bridge.brokers import template
from bridge.mosquitto_conf import read


def words(tmp_path: Path, text: str, name: str) -> dict[str, str | None]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return {one.word: one.found for one in differences(read(path), name)}


@pytest.mark.parametrize("name", [OPERATIONS, BOOTSTRAP])
def test_the_templates_differ_in_nothing_from_themselves(tmp_path: Path, name: str) -> None:
    assert words(tmp_path, template(name), name) == {}


@pytest.mark.parametrize("name", [OPERATIONS, BOOTSTRAP])
def test_every_difference_has_a_reason_from_the_template(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("listener 1883\nmax_packet_size 100000\nmessage_size_limit 5\n", encoding="utf-8")
    found = differences(read(path), name)
    assert len(found) > 5
    assert all(len(one.reason) > 20 and one.word in one.words for one in found)


def test_a_reason_is_the_whole_comment_above_a_setting() -> None:
    value, reason = reasons(OPERATIONS)["persistence"]
    assert value == "true"
    assert reason.startswith("Sessions and queued messages")
    assert reason.endswith("administrator.")
    assert reasons(OPERATIONS)["max_queued_bytes"][1] == reasons(OPERATIONS)["max_queued_messages"][1]


@pytest.mark.parametrize(
    ("line", "differs"),
    [
        ("max_queued_messages 0", False),
        ("max_queued_messages 20000", False),
        ("max_queued_messages 19999", True),
        ("max_packet_size 100", True),
        ("max_packet_size 0", False),
        ("max_packet_size 3000000", False),
        ("message_size_limit 1000", True),
        ("max_inflight_messages many", True),
        ("set_tcp_nodelay false", True),
    ],
)
def test_a_limit_may_be_wider_but_not_narrower(tmp_path: Path, line: str, differs: bool) -> None:
    assert (line.split(" ", maxsplit=1)[0] in words(tmp_path, f"listener 1883\n{line}\n", OPERATIONS)) is differs


def test_what_is_not_written_is_what_mosquitto_takes(tmp_path: Path) -> None:
    found = words(tmp_path, "listener 1884\n", BOOTSTRAP)
    assert found["max_queued_messages"] == "1000 by default"
    assert found["memory_limit"] is None
    assert "persistence" not in found
    assert found["max_packet_size"] == "0 by default"
