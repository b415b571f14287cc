"""Connections: what a broker may do to them, and that nothing stays open."""

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from device_sim.bootstrap_file import Brokers, read_bootstrap_file
from device_sim.connection import BadLoginError, ConnectionLostError, Dialler, UntrustedError
from device_sim.events import ConnectBootstrap, ConnectOperations
from tests.device_sim.certificates import make_certificates
from tests.device_sim.mosquitto import BOOTSTRAP_ACL, PATIENCE, Mosquitto, free_port

TARGET = ConnectBootstrap("fresh-client-id-of-thirty-2-char")
USERS = {"devicebootstrap": "everybody knows"}
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def brokers(port: int) -> Brokers:
    """Return both brokers on one port of this machine."""
    return Brokers("127.0.0.1", port, port, "", "devicebootstrap", "everybody knows")


async def connect(
    target: Brokers, wanted: ConnectBootstrap | ConnectOperations = TARGET, *, mqtt5: bool = True
) -> None:
    """Connect and disconnect."""
    async with asyncio.timeout(PATIENCE), Dialler(target, mqtt5=mqtt5).dial(wanted):
        pass


@contextlib.asynccontextmanager
async def server(conversation: Conversation) -> AsyncIterator[int]:
    """Serve TCP on the port that is returned, with something that is no broker."""
    serving = await asyncio.start_server(conversation, "127.0.0.1", 0)
    async with serving:
        yield serving.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def broker(directory: Path, tls: str = "") -> AsyncIterator[Mosquitto]:
    """Run a bootstrap broker."""
    running = Mosquitto(directory / "broker", USERS, BOOTSTRAP_ACL, tls=tls)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


async def test_a_port_on_which_nobody_listens_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLostError, match="refused"):
        await connect(brokers(free_port()))


async def test_a_broker_that_hangs_up_before_its_first_answer_is_not_waited_for() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async with server(hang_up) as port:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionLostError):
            await connect(brokers(port))
        assert asyncio.get_running_loop().time() - begun < 5


@pytest.mark.parametrize("noise", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00", b"\x20\xff\xff\xff\xff\x01"])
async def test_a_server_that_is_no_broker_is_a_lost_connection(noise: bytes) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(noise)
        writer.close()
        await writer.wait_closed()

    async with server(shout) as port:
        with pytest.raises(ConnectionLostError):
            await connect(brokers(port))


async def test_dialling_a_broker_that_never_answers_can_be_cancelled_and_is_hung_up() -> None:
    reached, hung_up = asyncio.Event(), asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        reached.set()
        while await reader.read(1_000):
            pass
        hung_up.set()
        writer.close()
        await writer.wait_closed()

    async with server(listen) as port, asyncio.timeout(PATIENCE):
        dialling = asyncio.create_task(connect(brokers(port)), name="dialling")
        await reached.wait()
        dialling.cancel()
        await asyncio.wait({dialling})
        assert dialling.cancelled()
        await hung_up.wait()


@pytest.mark.e2e
@pytest.mark.parametrize("mqtt5", [True, False], ids=["mqtt 5", "mqtt 3.1.1"])
async def test_an_unknown_login_is_told_from_a_lost_connection(tmp_path: Path, mqtt5: bool) -> None:
    async with broker(tmp_path) as running:
        await connect(brokers(running.port), mqtt5=mqtt5)
        stranger = ConnectOperations(username="t1/device_pump-7", password="guessed", client_id="pump-7")
        with pytest.raises(BadLoginError):
            await connect(brokers(running.port), stranger, mqtt5=mqtt5)


@pytest.mark.e2e
async def test_messages_are_not_held_back_by_the_network_stack(tmp_path: Path) -> None:
    async with broker(tmp_path) as running, Dialler(brokers(running.port)).dial(TARGET) as connection:
        sock = connection._client._client.socket()
        assert isinstance(sock, socket.socket)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.e2e
async def test_a_refused_publish_is_told_and_ends_nothing(tmp_path: Path) -> None:
    async with broker(tmp_path) as running, Dialler(brokers(running.port)).dial(TARGET) as connection:
        assert await connection.publish("bootstrap/pump-7/request", b"", 1) == "Not authorized"
        own = f"bootstrap/pump-7/request/{TARGET.client_id}"
        assert await connection.subscribe(own.replace("request", "response")) is None
        assert await connection.publish(own, b"", 1) is None


@pytest.mark.e2e
async def test_a_connection_that_breaks_says_so_to_whoever_uses_it(tmp_path: Path) -> None:
    async with broker(tmp_path) as running, Dialler(brokers(running.port)).dial(TARGET) as connection:
        await running.stop()
        with pytest.raises(ConnectionLostError):
            await asyncio.wait_for(connection.receive(), PATIENCE)
        with pytest.raises(ConnectionLostError):
            await connection.publish("bootstrap/pump-7/request", b"", 1)
        with pytest.raises(ConnectionLostError):
            await connection.subscribe("bootstrap/pump-7/response")


@pytest.mark.e2e
async def test_a_publish_that_waits_when_the_connection_breaks_does_not_wait_out_its_time(tmp_path: Path) -> None:
    async with broker(tmp_path) as running, Dialler(brokers(running.port)).dial(TARGET) as connection:
        running.freeze()
        publishing = asyncio.create_task(connection.publish("bootstrap/pump-7/request", b"", 1), name="publishing")
        subscribing = asyncio.create_task(connection.subscribe("bootstrap/pump-7/response"), name="subscribing")
        await asyncio.sleep(0)
        begun = asyncio.get_running_loop().time()
        await running.stop(signal.SIGKILL)
        for waiting in (publishing, subscribing):
            with pytest.raises(ConnectionLostError):
                await waiting
        assert asyncio.get_running_loop().time() - begun < 5


@pytest.mark.e2e
async def test_tls_trusts_the_authority_of_the_bootstrap_file_and_no_other(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for directory in (tmp_path, other):
        make_certificates(directory)
    tls = f"certfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key\n"
    async with broker(tmp_path, tls) as running:
        file = tmp_path / "bootstrap.json"
        login = {"username": "devicebootstrap", "password": "everybody knows"}
        for authority in ("ca.pem", "other/ca.pem"):
            content = {"host": "127.0.0.1", "port": running.port, "bootstrapPort": running.port, "bootstrap": login}
            file.write_text(json.dumps(content | {"tls": {"caFile": authority}}))
            trusted = read_bootstrap_file(file)
            if authority == "ca.pem":
                await connect(trusted)
                with pytest.raises(ConnectionLostError):
                    await connect(replace(trusted, tls=None))
            else:
                with pytest.raises(UntrustedError, match="certificate is not trusted"):
                    await connect(trusted)
