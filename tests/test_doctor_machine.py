"""The doctor on the machine: each check complains when what it is told of the machine is bad."""

import socket
import time
from pathlib import Path

import pytest

from bridge import installation
from bridge.doctor import machine
from tests.ailing import changed, complaints, found, healthy, verdicts


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return healthy(tmp_path / "data").folder.path


def test_a_clock_that_is_kept_gives_no_cause(data: Path) -> None:
    assert verdicts(found(machine.clock, data, None, True)) == {"ok"}


def test_a_clock_that_nothing_keeps_is_advice(data: Path) -> None:
    assert "NTP" in complaints(found(machine.clock, data, None, False))
    assert verdicts(found(machine.clock, data, None, False)) == {"advice"}


def test_a_clock_that_was_never_set_or_went_back_is_a_problem(data: Path) -> None:
    assert "1970" in complaints(found(machine.clock, data, 3_600.0, False))
    assert "went back" in complaints(found(machine.clock, data, time.time() - 3_600, True))


def test_the_kernel_says_whether_its_clock_is_kept() -> None:
    assert machine.is_synchronised() in {True, False, None}


@pytest.mark.parametrize(("free", "verdict"), [(10**8, "problem"), (10**9, "advice"), (10**10, "ok")])
def test_little_room_on_the_disk_is_told(data: Path, free: int, verdict: str) -> None:
    assert verdicts(found(machine.disk, data, free)) == {verdict}


@pytest.mark.parametrize(("limit", "verdict"), [(1_024, "advice"), (20_100, "ok"), (-1, "ok")])
def test_fewer_open_files_than_connections_are_told(data: Path, limit: int, verdict: str) -> None:
    findings = found(machine.open_files, data, limit)
    assert verdicts(findings) == {verdict}
    assert verdict == "ok" or "20100" in complaints(findings)


def test_a_limit_that_was_taken_out_is_none(data: Path) -> None:
    changed(data / "bootstrap-broker" / "mosquitto.conf", "max_connections 20000", "")
    assert verdicts(found(machine.open_files, data, 1_024)) == {"ok"}


def test_somebody_else_at_a_brokers_port_is_a_problem(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        installation.make(data, port=server.getsockname()[1])
        text = complaints(found(machine.ports, data))
        assert "no Mosquitto" in text


@pytest.mark.parametrize(
    ("version", "verdict"), [((2, 0, 11), "ok"), ((2, 1, 2), "ok"), ((1, 6, 15), "problem"), (None, "advice")]
)
def test_a_mosquitto_that_is_too_old_is_told(version: tuple[int, ...] | None, verdict: str) -> None:
    assert verdicts(machine.version(version)) == {verdict}


def test_the_version_is_the_one_of_the_program_that_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\necho 'mosquitto version 2.0.18'\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("BOOTSTRAP_BRIDGE_MOSQUITTO", str(program))
    assert machine.mosquitto_version() == (2, 0, 18)
    monkeypatch.setenv("BOOTSTRAP_BRIDGE_MOSQUITTO", str(tmp_path / "nowhere"))
    assert machine.mosquitto_version() is None
