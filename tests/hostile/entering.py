"""The rows of ``entry`` tried: who is let in stays, listens for all there is while victims work, then forges."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.hostile import Login
from tests.hostile.entry import ATTACKS, Door, Entry, Manner, Word
from tests.hostile.intruder import Ended, Heard, Intruder, Sent, intruding
from tests.hostile.reach import OF_ALL_KINDS, TO_ALL_KINDS, Broker
from tests.hostile.stage import VERSIONS, Credentials

_STANDS_IN = {Broker.GATE: Login.BOOTSTRAP, Broker.OPERATIONS: Login.VIEWER}
"""Whose tenant and neighbours somebody without a login has."""

_OLDER = {Manner.OLD: 3, Manner.BRIDGE: 4}
_BRIDGE_BIT = 0x80


@dataclass
class Entered:
    """What came of one attempt."""

    row: Entry
    version: int
    let_in: bool
    heard: list[Heard] = field(default_factory=list)
    thrown_out: bool = False


@dataclass
class Entering:
    """All attempts, and the connections of those that were let in."""

    access: Mapping[str, Any]
    attackers: list[Credentials]
    tried: list[Entered] = field(default_factory=list)
    _inside: list[tuple[Entered, Credentials, Intruder]] = field(default_factory=list)
    _asleep: list[tuple[Entry, Credentials]] = field(default_factory=list)

    async def enter(self, stack: contextlib.AsyncExitStack) -> None:
        """Try every row with both versions, or in turns where both would have one client id, and listen."""
        for number, row in enumerate(ATTACKS):
            if row.door is Door.SHUT or row.manner is Manner.ASLEEP:
                versions: Sequence[int] = VERSIONS
            else:
                versions = [VERSIONS[number % 2] if row.manner is Manner.AWAKE else _OLDER[row.manner]]
            for version in versions:
                await self._try(stack, row, version)

    async def _try(self, stack: contextlib.AsyncExitStack, row: Entry, version: int) -> None:
        who = row.who if row.who is not Login.NONE else _STANDS_IN[row.at]
        one = next(one for one in self.attackers if (one.who, one.version) == (who, max(version, VERSIONS[0])))
        if row.manner is Manner.ASLEEP:
            async with self._connected(row, one, version) as before:
                assert before.let_in, row.name
                await before.subscribe([one.real(topic).encode() for topic in OF_ALL_KINDS])
            self._asleep.append((row, one))
            return
        intruder = await stack.enter_async_context(self._connected(row, one, version))
        entered = Entered(row, version, intruder.let_in and not intruder.ended.is_set())
        self.tried.append(entered)
        if entered.let_in:
            self._inside.append((entered, one, intruder))
            with contextlib.suppress(Ended):
                await intruder.subscribe([one.real(topic).encode() for topic in OF_ALL_KINDS])

    def _connected(
        self, row: Entry, one: Credentials, version: int
    ) -> contextlib.AbstractAsyncContextManager[Intruder]:
        passwords = {Word.OWN: one.password, Word.WRONG: "wrong", Word.EMPTY: "", Word.ABSENT: None}
        return intruding(
            self.access["bootstrapPort" if row.at is Broker.GATE else "port"],
            one.real_bytes(row.client_id),
            None if row.username is None else one.real_bytes(row.username),
            passwords[row.password],
            version,
            _BRIDGE_BIT if row.manner is Manner.BRIDGE else 0,
            clean=row.manner is not Manner.ASLEEP,
        )

    async def wake(self, stack: contextlib.AsyncExitStack) -> None:
        """Let those come back who left their sessions: the broker first sends what it kept for them."""
        for row, one in self._asleep:
            intruder = await stack.enter_async_context(self._connected(row, one, one.version))
            entered = Entered(row, one.version, intruder.let_in)
            self.tried.append(entered)
            self._inside.append((entered, one, intruder))

    async def forge(self) -> None:
        """Let those inside publish what is not theirs."""
        for entered, one, intruder in self._inside:
            payload = f'{{"mark":"mark:{entered.row.name}:","status":"ACCEPTED","name":"forged"}}'.encode()
            with contextlib.suppress(Ended):
                await intruder.publish(
                    [Sent(one.real(topic).encode(), payload, qos, qos > 0) for topic in TO_ALL_KINDS for qos in (0, 1)]
                )

    async def look(self) -> None:
        """Note what those inside have heard until now."""
        for entered, _, intruder in self._inside:
            with contextlib.suppress(Ended):
                await intruder.until_answered()
            entered.heard, entered.thrown_out = list(intruder.heard), intruder.ended.is_set()

    def of(self, row: Entry) -> list[Entered]:
        return [one for one in self.tried if one.row == row]
