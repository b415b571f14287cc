"""What can be told of the MQTT border without a broker: waits, batches, the publish window, refusals at the door."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import aiomqtt
import pytest

from bridge import broker
from bridge.broker import (
    Connection,
    Disconnected,
    Incoming,
    Login,
    LoginRefused,
    Unreachable,
)
from bridge.inbox import Inbox
from bridge.sockets import Client
from bridge.window import MAX_BYTES, MAX_OUTSTANDING, WINDOW
from tests.hurried import hurried


def message(number: int = 1, qos: int = 1) -> Incoming:
    return Incoming("a/b", b"", qos, False, number, None)


class FakePaho:
    """The paho client inside aiomqtt's, as far as a connection uses it."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, int, bool, Any]] = []
        self.acked: list[tuple[int, int]] = []
        self.rc = 0
        self.acknowledge_at_once = False
        self.on_connect: Callable[..., None] = lambda *arguments: None
        self.on_message: Callable[..., None]
        self.on_publish: Callable[..., None]

    def manual_ack_set(self, on: bool) -> None:
        self.manual = on

    def disable_logger(self) -> None:
        return

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool, properties: Any) -> Any:
        self.published.append((topic, payload, qos, retain, properties))
        mid = len(self.published)
        if self.acknowledge_at_once:
            self.puback(mid)
        return SimpleNamespace(rc=self.rc, mid=mid)

    def puback(self, mid: int, reason: int = 0) -> None:
        self.on_publish(self, None, mid, SimpleNamespace(value=reason), None)

    def ack(self, mid: int, qos: int) -> None:
        self.acked.append((mid, qos))


def connected() -> tuple[FakePaho, Connection]:
    paho = FakePaho()
    client = cast("Client", SimpleNamespace(_client=paho, ended=asyncio.Future()))
    return paho, Connection(client, Inbox(), manual_ack=True)


async def test_a_publish_that_nobody_will_acknowledge_is_given_up_when_the_connection_ends() -> None:
    _, connection = connected()
    publishing = asyncio.create_task(connection.publish("a", b"1", patience=600))
    await asyncio.sleep(0)
    connection._client.ended.set_exception(aiomqtt.MqttError("gone"))
    with pytest.raises(Disconnected, match="ended before"):
        await publishing


async def test_a_subscription_that_nobody_will_answer_is_given_up_when_the_connection_ends() -> None:
    ended: asyncio.Future[None] = asyncio.Future()
    given_up = asyncio.Event()

    async def subscribe(topics: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    client = cast("Client", SimpleNamespace(_client=FakePaho(), ended=ended, subscribe=subscribe))
    subscribing = asyncio.create_task(Connection(client, Inbox(), manual_ack=True).subscribe("a/b"))
    await asyncio.sleep(0)
    ended.set_result(None)
    with pytest.raises(Disconnected, match="the connection ended"):
        await subscribing
    await given_up.wait()


@pytest.mark.parametrize("how", ["reset", "silent"])
async def test_a_broker_that_takes_a_connection_and_says_nothing_is_no_broker_and_leaves_nothing_open(how: str) -> None:
    left = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        if how == "reset":
            writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            while await reader.read(1_000):
                pass
        writer.close()
        left.set()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, asyncio.timeout(30):
        with pytest.raises(Unreachable):
            async with broker.connect(Login("127.0.0.1", port, "u", "p", "c"), patience=600 if how == "reset" else 0.5):
                pass
        await left.wait()


async def test_what_was_dropped_is_told_once() -> None:
    _, connection = connected()
    connection._inbox.dropped = 3
    assert (connection.dropped(), connection.dropped()) == (3, 0)


async def test_a_payload_longer_than_anybody_reads_is_cut_off_as_it_arrives() -> None:
    paho = FakePaho()
    client = cast("Client", SimpleNamespace(_client=paho))
    connection = Connection(client, Inbox(), manual_ack=True, longest=10)
    for size in (2_000_000, 10, 3):
        arrived = SimpleNamespace(topic="a", payload=bytearray(size), qos=1, retain=False, mid=1, properties=None)
        paho.on_message(paho, None, arrived)
    assert [len(one.payload) for one in await connection._inbox.get()] == [10, 10, 3]


async def test_answers_of_many_bytes_make_whoever_sends_them_wait() -> None:
    paho, connection = connected()
    sent = 0
    while connection.has_room:
        connection.send("a", bytes(1_000_000))
        sent += 1
    assert len(paho.published) == MAX_BYTES // 1_000_000
    assert sent == 2 * len(paho.published)
    for mid in range(1, sent + 1):
        paho.puback(mid)
    assert len(paho.published) == sent
    await connection.drained()


async def test_a_publish_tells_the_brokers_reason_also_when_it_comes_first() -> None:
    paho, connection = connected()
    told: list[int] = []
    connection.send("a", b"1", told=told.append)
    assert told == []
    paho.puback(1, 0x10)
    paho.acknowledge_at_once = True
    connection.send("a", b"2", told=told.append)
    assert told == [0x10, 0]
    assert await connection.publish("a", b"3") == 0


async def test_only_a_window_of_publishes_is_under_way_and_the_rest_follows_in_order() -> None:
    paho, connection = connected()
    for number in range(WINDOW + 2):
        connection.send("a", str(number).encode())
    assert len(paho.published) == WINDOW
    paho.puback(1)
    paho.puback(2)
    assert [payload for _, payload, *_ in paho.published[WINDOW:]] == [b"200", b"201"]


async def test_the_brokers_own_window_holds_where_it_is_smaller() -> None:
    paho, connection = connected()
    paho.on_connect(paho, None, None, None, SimpleNamespace(ReceiveMaximum=2))
    for _ in range(3):
        connection.send("a", b"")
    assert len(paho.published) == 2


async def test_a_publish_with_qos_0_waits_for_nobody() -> None:
    paho, connection = connected()
    for _ in range(WINDOW + 5):
        connection.send("a", b"", qos=0)
    assert len(paho.published) == WINDOW + 5


async def test_who_sends_a_herd_waits_until_there_is_room_again() -> None:
    paho, connection = connected()
    await connection.drained()
    for _ in range(WINDOW + MAX_OUTSTANDING):
        connection.send("a", b"")
    waiting = asyncio.ensure_future(connection.drained())
    with pytest.raises(asyncio.InvalidStateError):
        waiting.result()
    paho.puback(1)
    await waiting


def test_a_broker_that_acknowledges_nothing_is_given_up() -> None:
    async def work() -> None:
        _, connection = connected()
        for _ in range(WINDOW + MAX_OUTSTANDING):
            connection.send("a", b"")
        with pytest.raises(Disconnected, match="30 s"):
            await connection.drained()
        with pytest.raises(Disconnected, match="2 s"):
            await connection.publish("a", b"", patience=2.0)

    hurried(work())


async def test_a_publish_on_a_lost_connection_is_an_error() -> None:
    paho, connection = connected()
    paho.rc = 4
    with pytest.raises(Disconnected):
        connection.send("a", b"")


async def test_correlation_data_and_expiry_travel_as_properties() -> None:
    paho, connection = connected()
    connection.send("a", b"", correlation=b"c", expiry=30)
    connection.send("a", b"", expiry=30)
    connection.send("a", b"", retain=True)
    (one, two, three) = [(retain, properties) for *_, retain, properties in paho.published]
    assert (one[1].CorrelationData, one[1].MessageExpiryInterval) == (b"c", 30)
    assert two[1].MessageExpiryInterval == 30
    assert not hasattr(two[1], "CorrelationData")
    assert three == (True, None)


async def test_what_arrives_is_taken_with_flag_and_correlation_and_acknowledged_by_hand() -> None:
    paho, connection = connected()
    arrived = SimpleNamespace(
        topic="a", payload=bytearray(b"x"), qos=1, retain=True, mid=7, properties=SimpleNamespace(CorrelationData=b"c")
    )
    paho.on_message(paho, None, arrived)
    (taken,) = await connection._inbox.get()
    assert taken == Incoming("a", b"x", 1, True, 7, b"c")
    assert paho.acked == []
    connection.ack([taken, message(8, qos=0), message(9, qos=2)])
    assert paho.acked == [(7, 1), (9, 2)]


def test_what_is_printed_of_a_login_holds_neither_password_nor_client_id() -> None:
    shown = repr(Login("host", 1883, "bridge", "s3cret", "hidden-client"))
    assert "s3cret" not in shown
    assert "hidden-client" not in shown


@asynccontextmanager
async def door(answer: bytes) -> AsyncIterator[int]:
    """Listen on a free port and answer every CONNECT with ``answer``."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("reason", "error"), [(0x86, LoginRefused), (0x87, LoginRefused), (0x88, Unreachable), (0x97, Unreachable)]
)
async def test_a_refused_login_is_told_from_a_broker_that_does_not_serve(reason: int, error: type[Exception]) -> None:
    async with door(bytes([0x20, 3, 0, reason, 0])) as port:
        with pytest.raises(error, match=f"127.0.0.1:{port}"):
            async with broker.connect(Login("127.0.0.1", port, "bridge", "s3cret")):
                raise AssertionError("never")


async def test_a_broker_that_speaks_tls_alone_hangs_up_and_the_option_for_it_is_named() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match="if it speaks TLS, name its authority with --tls-ca"):
            async with broker.connect(Login("127.0.0.1", port, "bridge", "s3cret")):
                raise AssertionError("never")


async def test_where_nobody_listens_the_address_is_named() -> None:
    async with door(b"") as port:
        pass
    with pytest.raises(Unreachable, match=f"no broker answers at 127.0.0.1:{port}"):
        async with broker.connect(Login("127.0.0.1", port, "bridge", "s3cret")):
            raise AssertionError("never")
