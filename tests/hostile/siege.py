"""All rows of ``reach`` tried at once: attackers listen while victims work, then they send, and spies read along."""

import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import topic_matches_sub

from tests.hostile import Login
from tests.hostile.besetting import Besetting
from tests.hostile.entering import Entering
from tests.hostile.entry import Door, Entry
from tests.hostile.intruder import GRANTED_MOST, Heard, Intruder, Sent, intruding
from tests.hostile.reach import LISTENING, SENDING, Act, Broker, Outcome, Reach
from tests.hostile.rude import WRITABLE, End, Rude
from tests.hostile.spied import ACCOUNTS, SpiedSite, Spies, retained, spying
from tests.hostile.stage import VERSIONS, Credentials, Stage, staged

NOT_AUTHORIZED = 0x87
WAYS = [(qos, retain) for qos in (0, 1, 2) for retain in (False, True)]
Key = tuple[str, int]
"""A row and a version of the protocol."""


def mark_of(row: Reach, version: int, topic: str, qos: int, retain: bool) -> bytes:
    """Return what makes a message known wherever it comes out."""
    return f"mark:{row.name}:{version}:{qos}:{retain:d}:{row.topics.index(topic)}:".encode()


def payload_with(mark: bytes) -> bytes:
    """Return something that everybody would understand to whom it came: a call, answer, command, info, account."""
    word = mark.decode()
    account = {"command": "createClient", "username": word, "password": word}
    return json.dumps(
        {
            "mark": word,
            "id": "forged",
            "name": "forged",
            "securityToken": word[:200],
            "status": "ACCEPTED",
            "state": "offline",
            "event": "forged",
            "password": "forged",
            "commands": [account],
        }
    ).encode()


def matches(topic: str, wanted: str) -> bool:
    """Tell whether a subscription to ``wanted``, as one of a group or alone, is one to ``topic``."""
    if wanted.startswith("$share/"):
        wanted = wanted.split("/", 2)[2]
    return topic_matches_sub(wanted.removeprefix("$queue/"), topic)


@dataclass
class Siege:
    """What came of it."""

    attackers: list[Credentials]
    entering: Entering
    besetting: Besetting
    codes: dict[Key, list[int]] = field(default_factory=dict)
    acks: dict[Key, dict[tuple[str, int, bool], int | None]] = field(default_factory=dict)
    heard: dict[tuple[Login, int], list[Heard]] = field(default_factory=dict)
    flowed: dict[Broker, list[Heard]] = field(default_factory=dict)
    """What the victims said while attackers listened."""
    spied: list[Heard] = field(default_factory=list)
    kept: list[Heard] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    told_of_the_bridge: list[bytes] = field(default_factory=list)
    thrown_out: list[str] = field(default_factory=list)
    intruders: list[str] = field(default_factory=list)
    """Names that can log in and should not."""

    def attacker(self, who: Login, version: int) -> Credentials:
        return next(one for one in self.attackers if (one.who, one.version) == (who, version))

    def readable(self, one: Credentials) -> list[str]:
        """What the table says this one is meant to hear."""
        rows = [row for row in LISTENING if row.who is one.who and row.outcome is Outcome.HEARS]
        return [one.real(topic) for row in rows for topic in row.topics]

    def leaked(self, one: Credentials, wanted: Iterable[str] = ("#", "$SYS/#", "$CONTROL/#")) -> list[str]:
        """Return the topics that ``one`` heard by ``wanted`` and is not meant to hear."""
        readable, wanted = self.readable(one), list(wanted)
        return [
            heard.topic
            for heard in self.heard[one.who, one.version]
            if any(matches(heard.topic, each) for each in wanted)
            and not any(matches(heard.topic, each) for each in readable)
        ]

    def judge_entry(self, row: Entry) -> None:
        """Assert what a row by name says."""
        tried = self.entering.of(row)
        assert tried
        assert {one.let_in for one in tried} == {row.door is Door.NO_MORE}
        assert [heard.topic for one in tried for heard in one.heard] == []
        assert [one.version for one in tried if one.thrown_out] == []
        assert [heard.topic for heard in self.marked(row, [*self.spied, *self.kept])] == []

    def judge_packet(self, row: Rude) -> None:
        """Assert what a row by packet says."""
        if row.end is not End.EITHER:
            assert self.besetting.ended[row.name] is (row.end is End.ENDED)
        marked = [heard.topic for heard in [*self.spied, *self.kept] if b"mark:rude:" in heard.payload]
        assert [topic for topic in marked if topic not in WRITABLE.values()] == []

    def marked(self, row: Reach | Entry, among: Iterable[Heard]) -> list[Heard]:
        return [one for one in among if f"mark:{row.name}:".encode() in one.payload]

    def judge(self, row: Reach) -> None:
        """Assert what the row says."""
        for version in VERSIONS:
            one = self.attacker(row.who, version)
            if row.act is Act.LISTEN:
                self._judge_listening(row, one)
            else:
                self._judge_sending(row, one)

    def _judge_listening(self, row: Reach, one: Credentials) -> None:
        wanted = [one.real(topic) for topic in row.topics]
        codes = dict(zip(wanted, self.codes[row.name, one.version], strict=True))
        if row.outcome is Outcome.REFUSED:
            assert {topic: code for topic, code in codes.items() if code <= GRANTED_MOST} == {}
        else:
            assert {topic: code for topic, code in codes.items() if code > GRANTED_MOST} == {}
        assert self.leaked(one, wanted) == []
        if row.outcome is Outcome.HEARS:
            topics = [heard.topic for heard in self.heard[one.who, one.version]]
            assert [each for each in wanted if not any(matches(topic, each) for topic in topics)] == []
        elif not row.quiet:
            flowed = [heard.topic for heard in self.flowed[row.at]]
            assert any(matches(topic, each) for topic in flowed for each in wanted), (
                "others used these topics meanwhile"
            )

    def _judge_sending(self, row: Reach, one: Credentials) -> None:
        acks = self.acks[row.name, one.version]
        arrived = [heard.topic for heard in self.marked(row, self.spied)]
        if row.outcome is Outcome.DROPPED:
            assert arrived == []
            assert [heard.topic for heard in self.marked(row, self.kept)] == []
            told = {sent: code for sent, code in acks.items() if sent[1] == 1 and one.version == 5}
            assert {sent: code for sent, code in told.items() if code != NOT_AUTHORIZED} == {}
            return
        assert {sent: code for sent, code in acks.items() if code is not None and code >= 0x80} == {}
        for topic in row.topics:
            for qos, retain in WAYS:
                mark = mark_of(row, one.version, topic, qos, retain)
                assert [heard.topic for heard in self.spied if mark in heard.payload] == [one.real(topic)]


async def _listen(siege: Siege, one: Credentials, intruder: Intruder) -> None:
    for row in LISTENING:
        if row.who is one.who:
            filters = [one.real(topic).encode() for topic in row.topics]
            siege.codes[row.name, one.version] = await intruder.subscribe(filters)


async def _send(siege: Siege, one: Credentials, intruder: Intruder) -> None:
    for row in SENDING:
        if row.who is one.who:
            tried = [(topic, qos, retain) for topic in row.topics for qos, retain in WAYS]
            messages = [
                Sent(one.real(topic).encode(), payload_with(mark_of(row, one.version, topic, qos, retain)), qos, retain)
                for topic, qos, retain in tried
            ]
            codes = await intruder.publish(messages)
            siege.acks[row.name, one.version] = dict(zip(tried, codes, strict=True))


async def _wait_for_answers(stage: Stage, one: Credentials, intruder: Intruder) -> None:
    """Let the attacker do its own work once more: when that is answered, all that it did before has been done."""
    mark = b"done:" + one.client_id.encode()
    if one.at is Broker.GATE:
        topic = f"bootstrap/{one.real('<me>')}/request/{one.client_id}"
    elif one.who is Login.DEVICE:
        topic = one.real("devices/<tenant>/<me>/telemetry")
    elif one.who is Login.APPLICATION:
        topic = one.real("devices/<tenant>/<neighbour>/telemetry")
    else:
        topic = one.real("control/<tenant>/<me>/request/list")
    await intruder.publish([Sent(topic.encode(), json.dumps({"requestId": mark.decode()}).encode(), 1, False)])
    await intruder.until_heard(mark)
    if one.who is Login.DEVICE:
        await intruder.publish([Sent(one.real("devices/<tenant>/<me>/info").encode(), b'{"done":true}', 1, False)])
        await stage.until_said(one.real("<me>"), "done")


async def besiege(
    site: SpiedSite,
    breaking: Callable[[Spies], Awaitable[None]] | None = None,
    while_asleep: Callable[[Spies], Awaitable[None]] | None = None,
) -> Siege:
    """Try all rows, and return what came of each.

    ``breaking`` is done before the attackers come, ``while_asleep`` before those wake who left their sessions behind.
    """
    async with staged(site.access) as stage, spying(site) as spies, contextlib.AsyncExitStack() as stack:
        if breaking is not None:
            await breaking(spies)
        siege = Siege(stage.attackers, Entering(site.access, stage.attackers), Besetting(site.access, stage.attackers))
        intruders: list[tuple[Credentials, Intruder]] = []
        for one in stage.attackers:
            port = site.access["bootstrapPort" if one.at is Broker.GATE else "port"]
            intruder = await stack.enter_async_context(
                intruding(port, one.client_id, one.username, one.password, one.version)
            )
            assert intruder.let_in, f"{one.username} is let in"
            intruders.append((one, intruder))
            await _listen(siege, one, intruder)
        await siege.entering.enter(stack)
        await stage.traffic()
        await spies.until_all_is_heard()
        siege.flowed = {Broker.GATE: list(spies.gate.heard), Broker.OPERATIONS: list(spies.operations.heard)}
        if while_asleep is not None:
            await while_asleep(spies)
        await siege.entering.wake(stack)
        await _attack(siege, stage, spies, intruders)
        siege.kept = await retained(site)
        siege.intruders = await _let_in(site)
    return siege


async def _attack(siege: Siege, stage: Stage, spies: Spies, intruders: list[tuple[Credentials, Intruder]]) -> None:
    siege.before = await stage.state()
    for one, intruder in intruders:
        await _send(siege, one, intruder)
    await siege.entering.forge()
    await siege.besetting.send_all()
    for one, intruder in intruders:
        await _wait_for_answers(stage, one, intruder)
    await spies.until_all_is_heard()
    siege.after = await stage.state()
    await siege.entering.look()
    for one, intruder in intruders:
        await intruder.until_answered()
        siege.heard[one.who, one.version] = list(intruder.heard)
    siege.spied = [*spies.gate.heard, *spies.operations.heard]
    siege.told_of_the_bridge = [heard.payload for heard in spies.operations.heard if heard.topic == "bridge/state"]
    siege.thrown_out = stage.thrown_out + [one.username for one, each in intruders if each.ended.is_set()]
    if spies.ended:
        siege.thrown_out.append("spies")


async def _let_in(site: SpiedSite) -> list[str]:
    """Try the accounts that the attackers' messages would have made."""
    rows = [row for row in SENDING if ACCOUNTS in row.topics]
    marks = [mark_of(row, version, ACCOUNTS, *way) for row in rows for version in VERSIONS for way in WAYS]
    found = []
    for name in (mark.decode() for mark in marks):
        async with intruding(site.access["port"], name, name, name) as intruder:
            found += [name] if intruder.let_in else []
    return found
