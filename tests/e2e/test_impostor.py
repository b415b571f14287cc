"""Who shows a wrong certificate is refused by every client of ours, and told of in words."""

import asyncio
import contextlib
import json
import shutil
import signal
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge import admin, broker
from bridge.certificates import DAY, new_authority, new_server
from bridge.speaking import access_of
from device_sim.bootstrap_file import read_bootstrap_file
from device_sim.connection import Dialler, UntrustedError
from device_sim.events import ConnectBootstrap
from tests.e2e.site import BIN, Broker, Process, free_ports, run, wait_until
from tests.e2e.test_tls import HERE, NOW, shown

PYTHON_CLIENT = Path(__file__).parent.parent.parent / "docs" / "clients" / "python" / "client.py"


class Impostor:
    """A Mosquitto that lets everybody in, and shows what certificate it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self.authority = new_authority("the right one", NOW - 500 * DAY)
        (folder / "ca.pem").write_text(self.authority.certificate)
        self.certificates = {
            "right": new_server(self.authority, "right", HERE, NOW),
            "expired": new_server(self.authority, "expired", HERE, NOW - 450 * DAY),
            "another host": new_server(self.authority, "another host", ["elsewhere.example"], NOW),
            "another authority": new_server(new_authority("the right one", NOW), "other", HERE, NOW),
        }
        server = folder / "server.pem"
        server.write_text(self.certificates["right"].text)
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\ncertfile {server}\nkeyfile {server}\nallow_anonymous true\nuser root\n"
        )
        login = {"username": "devicebootstrap", "password": "x"}
        content: dict[str, Any] = {"host": "127.0.0.1", "port": self.port, "bootstrapPort": self.port}
        content |= {"topicPrefix": "", "tls": {"caFile": "ca.pem"}, "bootstrap": login}
        (folder / "bootstrap.json").write_text(json.dumps(content))
        content["administrators"] = [{"tenant": "default", "username": "admin", "password": "x"}]
        (folder / "access.json").write_text(json.dumps(content))
        self.process = Broker.on(folder / "mosquitto.conf", folder / "mosquitto.log")

    def show(self, name: str) -> None:
        wanted = ssl.PEM_cert_to_DER_cert(self.certificates[name].certificate)
        (self.folder / "server.pem").write_text(self.certificates[name].text)

        def is_shown() -> bool:
            with contextlib.suppress(OSError):  # it may not listen yet, and a signal would end it then
                if shown(self.port) == wanted:
                    return True
                self.process.process.send_signal(signal.SIGHUP)
            return False

        wait_until(is_shown, f"the impostor shows the certificate: {name}")


@pytest.fixture(scope="module")
def impostor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Impostor]:
    made = Impostor(tmp_path_factory.mktemp("impostor"))
    try:
        made.show("right")
        yield made
    finally:
        made.process.stop()


WRONG = [
    ("expired", "it has expired", "certificate has expired"),
    ("another host", "it is another host's", "IP address mismatch"),
    ("another authority", "another authority signed it", "(unable to get local issuer|certificate signature failure)"),
]


@pytest.mark.parametrize(("name", "words", "plain"), WRONG)
async def test_neither_the_bridge_nor_an_administrator_nor_the_simulator_takes_a_wrong_certificate(
    impostor: Impostor, name: str, words: str, plain: str
) -> None:
    await asyncio.to_thread(impostor.show, name)
    login = broker.Login("127.0.0.1", impostor.port, "bridge", "x", authority=impostor.folder / "ca.pem")
    with pytest.raises(broker.Untrusted, match=f"its certificate is not trusted: {words}"):
        async with broker.connect(login):
            pass
    with pytest.raises(broker.Untrusted, match=f"its certificate is not trusted: {words}"):
        async with admin.connect(access_of(impostor.folder, None, None, None, None, None)):
            pass
    dialler = Dialler(read_bootstrap_file(impostor.folder / "bootstrap.json"))
    with pytest.raises(UntrustedError, match=f"the broker's certificate is not trusted: {plain}"):
        async with dialler.dial(ConnectBootstrap("x" * 22)):
            pass


def test_people_and_scripts_are_told_of_a_wrong_certificate_in_words_and_by_status_3(
    impostor: Impostor, tmp_path: Path
) -> None:
    impostor.show("another authority")
    done = run(str(BIN / "bootstrap-bridge"), "list", "--data", str(impostor.folder))
    assert done.returncode == 3, done.stderr
    assert "its certificate is not trusted: another authority signed it" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    words = ("run", "--id", "pump-7", "--bootstrap-file", str(impostor.folder / "bootstrap.json"), "--json")
    done = run(str(BIN / "device-sim"), *words, "--state", str(tmp_path / "state"), "--connect-timeout", "1")
    assert done.returncode == 3, done.stdout
    said = " ".join(done.stderr.split())
    assert "the broker's certificate is not trusted" in said
    assert "Is the file that tls.caFile names the ca.pem of that installation?" in said


def test_a_device_of_the_documentation_does_not_take_a_wrong_certificate(impostor: Impostor, tmp_path: Path) -> None:
    impostor.show("another authority")
    for name in ("bootstrap.json", "ca.pem"):
        shutil.copy(impostor.folder / name, tmp_path / name)
    device = Process.start([sys.executable, "-u", str(PYTHON_CLIENT), "pump-7", str(tmp_path)], tmp_path / "log")
    try:
        wait_until(lambda: "certificate" in device.output, "it says why it does not connect")
        assert "waiting to be accepted" not in device.output
    finally:
        device.stop()


async def test_the_right_certificate_is_taken_by_the_same_clients(impostor: Impostor) -> None:
    await asyncio.to_thread(impostor.show, "right")
    for host in ("127.0.0.1", "localhost"):
        login = broker.Login(host, impostor.port, "bridge", "x", authority=impostor.folder / "ca.pem")
        async with broker.connect(login) as connection:
            await connection.publish("x", b"x")


async def test_large_messages_come_whole_through_tls_and_leave_nothing_behind(impostor: Impostor) -> None:
    """What TLS has decoded beyond one read is seen by no selector: whoever does not ask for it waits for ever."""
    await asyncio.to_thread(impostor.show, "right")
    sizes = [1, 16_383, 16_384, 16_385, 40_000, 300_000, 1_900_000, *range(1_000, 1_100)]
    login = broker.Login("127.0.0.1", impostor.port, "bridge", "x", authority=impostor.folder / "ca.pem")
    async with broker.connect(login) as one, broker.connect(login) as two, asyncio.timeout(60):
        await one.subscribe("sizes")
        for size in sizes:
            two.send("sizes", b"x" * size)
        heard: list[int] = []
        async for batch in one.batches():
            heard += [len(message.payload) for message in batch]
            if len(heard) == len(sizes):
                break
    assert heard == sizes
