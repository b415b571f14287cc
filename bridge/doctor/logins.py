"""The doctor at the brokers' doors: who gets in, and what a stranger may. Uses the installation's own logins, never one
of those that the bridge itself is logged in with, which would throw it out.
"""

import asyncio
import json
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge import broker
from bridge.broker import BrokerError, Login, LoginRefused
from bridge.doctor.finding import Finding, Says
from bridge.installation import Installation
from bridge.registration import CallKind
from bridge.trust import TrustFault, client_context

PATIENCE: Final = 5.0
"""Seconds for each step at a broker."""
GRANTED: Final = 0
_NOT_AUTHORISED: Final = 0x80


@dataclass(frozen=True, slots=True)
class Door:
    """A broker and where it is; ``authority`` is the file of whom is trusted, None without TLS."""

    name: str
    host: str
    port: int
    authority: Path | None

    @property
    def at(self) -> str:
        """Where it is, for people."""
        return f"{self.host}:{self.port}"


async def knock(door: Door, username: str | None = None, password: str = "") -> int | None:
    """Ask to be let in by MQTT 3.1.1, go away again, and return the broker's code; None if nobody answers in MQTT.

    A packet by hand, since a client library does not log in without a name as readily as a careless device. Raises
    TrustFault.
    """
    context = None if door.authority is None else client_context(door.authority)

    def text(value: str) -> bytes:
        raw = value.encode()
        return struct.pack("!H", len(raw)) + raw

    flags = 0x02 if username is None else 0xC2
    body = text("MQTT") + bytes([4, flags]) + struct.pack("!H", 10) + text(f"doctor-{secrets.token_hex(6)}")
    if username is not None:
        body += text(username) + text(password)
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(door.host, door.port, ssl=context)
            try:
                writer.write(bytes([0x10, *_length(len(body))]) + body)
                answer = await reader.readexactly(4)
                writer.write(b"\xe0\x00")
            finally:
                writer.close()
                with suppress(OSError):  # the broker may have closed first
                    await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return None
    return answer[3] if answer[0] == 0x20 else None


def _length(number: int) -> list[int]:
    """Return a length as MQTT writes it (MQTT 3.1.1, section 2.2.3)."""
    found = []
    while True:
        number, part = divmod(number, 128)
        found.append(part | (0x80 if number else 0))
        if not number:
            return found


async def logins(made: Installation) -> AsyncIterator[Finding]:
    """Look at both brokers from outside."""
    facts = made.facts
    inside = Door("operations", facts.host, facts.port, made.authority)
    gate = Door("bootstrap", facts.bootstrap_host, facts.bootstrap_port, made.authority)
    operations = await _reached(inside)
    yield operations
    bootstrap = await _reached(gate)
    yield bootstrap
    if operations.verdict == "ok":
        yield await _anonymous(inside, beside=made.folder.beside.exists())
        yield await _stranger_inside(made, inside)
        yield await _bridge(made)
    if bootstrap.verdict == "ok":
        yield await _anonymous(gate, beside=False)
        yield await _stranger_at_the_gate(made)


async def _reached(door: Door) -> Finding:
    says = Says(f"{door.name} broker")
    try:
        code = await knock(door)
    except TrustFault as error:
        return says.problem(str(error), "run bootstrap-bridge init again, which writes it")
    if code is not None:
        return says.ok(f"answers at {door.at}" + ("" if door.authority is None else ", by TLS"))
    return says.problem(f"no broker answers at {door.at}", "start it; its log says why it does not")


async def _anonymous(door: Door, *, beside: bool) -> Finding:
    says, name = Says("anonymous login"), door.name
    if await knock(door) != GRANTED:
        return says.ok(f"the {name} broker refuses a client without a login")
    if beside:
        return says.advice(
            f"the {name} broker lets clients in without a login, as it did before", "give each a login when you can"
        )
    return says.problem(f"the {name} broker lets in a client without a login", "allow_anonymous false, and restart it")


async def _stranger_inside(made: Installation, inside: Door) -> Finding:
    says, facts = Says("bootstrap login"), made.facts
    if await knock(inside, facts.bootstrap_username, facts.bootstrap_password) != GRANTED:
        return says.ok("the operations broker refuses it")
    return says.problem(
        "the operations broker lets the shared bootstrap login in: strangers are among residents",
        f"take {facts.bootstrap_username} out of the operations broker's password file or accounts",
    )


async def _stranger_at_the_gate(made: Installation) -> Finding:
    """Listen to everything with the bootstrap login, and let the bridge's login answer another caller and then us."""
    says, facts, topics = Says("bootstrap login"), made.facts, made.topics
    own, other, answerer = (f"doctor-{secrets.token_hex(10)}" for _ in range(3))
    host, port, trusted = facts.bootstrap_host, facts.bootstrap_port, made.authority
    stranger = Login(host, port, facts.bootstrap_username, facts.bootstrap_password, own, authority=trusted)
    bridge = Login(host, port, facts.gate.username, facts.gate.password, answerer, authority=trusted)
    try:
        async with (
            asyncio.timeout(PATIENCE * 2),
            broker.connect(stranger) as listening,
            broker.connect(bridge) as answering,
        ):
            await listening.subscribe("#")
            mine, others = (topics.caller(CallKind.PRIVATE, other, who) for who in (own, other))
            allowed = [
                topic
                for topic in (others, f"{topics.prefix}events/doctor")
                if await listening.publish(topic, b"") < _NOT_AUTHORISED
            ]
            await answering.publish(others, b"{}")
            await answering.publish(mine, b"{}")
            heard = ""
            async for messages in listening.batches():
                heard = next((one.topic for one in messages if one.topic != mine), heard)
                if any(one.topic == mine for one in messages):
                    break
    except TimeoutError:
        return says.problem(
            "a caller does not hear its own answer", "compare bootstrap-broker/acl with what init writes"
        )
    except BrokerError as error:
        return says.problem(f"at the bootstrap broker: {error}", "run init again and restart the bootstrap broker")
    do = "run bootstrap-bridge init again, which writes bootstrap-broker/acl, and restart that broker"
    if heard:
        return says.problem(f"a stranger hears {heard}, which is another's", do)
    if allowed:
        return says.problem(f"a stranger may publish {allowed[0]}", do)
    return says.ok("at the bootstrap broker it may send its own call and hear its own answer, nothing else")


async def _bridge(made: Installation) -> Finding:
    """Read the retained state as one of the first administrators."""
    says, facts = Says("bridge"), made.facts
    for one in facts.administrators:
        password = made.keys.administrator_password(one.username, one.seed_bytes, one.key_id)
        login = Login(facts.host, facts.port, one.username, password, authority=made.authority)
        try:
            async with broker.connect(login) as connection:
                await connection.subscribe(made.topics.state)
                async with asyncio.timeout(PATIENCE):
                    async for messages in connection.batches():
                        state = json.loads(messages[0].payload).get("state")
                        if state == "online":
                            return says.ok("it serves: its state is online")
                        break
                return says.problem(
                    "its state is offline", f"start it: bootstrap-bridge serve --data {made.folder.path}"
                )
        except LoginRefused:
            continue  # deleted, or with another password; the next one may do
        except TimeoutError:
            return says.problem(
                "it has never said its state", f"start it: bootstrap-bridge serve --data {made.folder.path}"
            )
        except (BrokerError, ValueError, AttributeError) as error:
            return says.problem(f"its state cannot be read: {error}", "look at the operations broker's log")
    return says.advice(
        "the operations broker refuses both first administrators, so the bridge's state cannot be read",
        "if you did not delete them, the broker's accounts are another installation's: compare its configuration",
    )
