"""What systemd is told over its socket."""

import os
import socket
from pathlib import Path

import pytest

from bridge.notifying import READY, Notifier


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_one_message_with_all_words(tmp_path: Path, abstract: bool) -> None:
    name = f"@bootstrap-bridge-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name[1:] if abstract else name)
        Notifier({"NOTIFY_SOCKET": name}).tell(READY, "STATUS=ready")
        assert listening.recv(1_000) == b"READY=1\nSTATUS=ready"
        Notifier({"NOTIFY_SOCKET": name}).tell("STATUS=not ready: one\nMAINPID=1")
        assert listening.recv(1_000) == b"STATUS=not ready: one MAINPID=1"


def test_without_systemd_nothing_happens() -> None:
    Notifier({}).tell(READY)
    assert not Notifier({}).watched


def test_a_socket_where_nobody_listens_does_not_end_the_service(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell(READY)


@pytest.mark.parametrize(
    ("environment", "watched"),
    [
        ({"WATCHDOG_USEC": "60000000"}, True),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, True),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, False),
        ({}, False),
    ],
)
def test_it_knows_whether_systemd_waits_for_a_sign_of_life(environment: dict[str, str], watched: bool) -> None:
    assert Notifier(environment).watched is watched
