"""Ports and programs for the brokers of `up`."""

import asyncio
import os
import pwd
import signal
import socket
from pathlib import Path
from typing import cast

import pytest

from bridge import children
from tests.deaf import deaf_broker


def test_two_brokers_never_get_the_same_free_port() -> None:
    offers = iter([4_001, 4_001, 4_002])
    first = children.free_port("127.0.0.1", offered=lambda host: next(offers))
    second = children.free_port("127.0.0.1", but=first, offered=lambda host: next(offers))
    assert (first, second) == (4_001, 4_002)


def test_a_free_port_can_be_listened_at() -> None:
    assert children.port_fault("127.0.0.1", children.free_port("127.0.0.1"), "--port") is None


def test_a_taken_port_is_named_with_its_holder_and_the_option() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        fault = children.port_fault("127.0.0.1", port, "--port")
        assert fault is not None
        assert str(port) in fault
        assert "--port" in fault
        assert "listens there" in fault
    assert children.port_fault("127.0.0.1", port, "--port") is None


def test_what_a_link_of_the_brokers_user_leads_to_is_not_given_to_him(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He could ask for a file of root's so."""
    folder, target = tmp_path / "data" / "operations-broker", tmp_path / "shadow"
    folder.mkdir(parents=True)
    target.touch()
    (folder / "mine").symlink_to(target)
    given: set[Path] = set()

    def chown(path: Path, user: int, group: int, *, follow_symlinks: bool = True) -> None:
        given.add(path.resolve() if follow_symlinks else path)

    monkeypatch.setattr(os, "chown", chown)
    children.hand_over(children.Owner(pwd.getpwuid(os.getuid()).pw_name), tmp_path / "data", (folder,))
    assert given == {folder, folder / "mine"}


async def started(folder: Path, deaf: int) -> tuple[children.Child, asyncio.subprocess.Process]:
    """Start a broker that does not hear the first ``deaf`` signals."""
    program = deaf_broker(folder, deaf)
    with (folder / "lock").open("w") as lock:
        child = children.Child("operations", program, folder / "mosquitto.conf", children.Owner(None), lock.fileno())
        await child.start()
    process = child._process
    assert process is not None
    assert process.stderr is not None
    assert await process.stderr.readline() == b"serves\n"
    return child, process


async def test_a_broker_that_did_not_hear_that_it_should_end_is_asked_again_and_not_killed(tmp_path: Path) -> None:
    """Mosquitto loses a SIGTERM that comes just before its main loop; killed, it would lose what it has not saved."""
    child, process = await started(tmp_path, 1)
    await child.stop()
    assert process.returncode == 0
    assert child.pid is None


async def test_a_broker_that_never_hears_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "END_PATIENCE", 2 * children.END_AGAIN)
    child, process = await started(tmp_path, 1_000)
    await child.stop()
    assert process.returncode == -signal.SIGKILL


class Ending:
    """A process that ends in the very moment in which somebody's patience does."""

    returncode: int | None = None

    def send_signal(self, number: int) -> None:
        if self.returncode is not None:
            raise ProcessLookupError  # as asyncio does

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    async def wait(self) -> int:
        if self.returncode is None:
            try:
                await asyncio.Event().wait()
            finally:
                self.returncode = 0
        return 0


@pytest.mark.parametrize("patience", [children.END_AGAIN / 2, children.END_PATIENCE])
async def test_a_broker_that_ends_when_patience_does_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(children, "END_PATIENCE", patience)
    child = children.Child("operations", tmp_path, tmp_path, children.Owner(None), 0)
    child._process = cast("asyncio.subprocess.Process", Ending())
    await child.stop()
    assert child.pid is None
