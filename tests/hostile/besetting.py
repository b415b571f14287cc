"""The rows of ``rude`` tried, each on a connection of its own, while the others go on."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.hostile.intruder import Ended, intruding, opened
from tests.hostile.reach import Broker
from tests.hostile.rude import ATTACKS, CLIENT_ID, Rude
from tests.hostile.stage import Credentials


@dataclass
class Besetting:
    """Which rows the broker has answered by ending the connection."""

    access: Mapping[str, Any]
    attackers: list[Credentials]
    ended: dict[str, bool] = field(default_factory=dict)

    async def send_all(self) -> None:
        """Try every row."""
        for row in ATTACKS:
            self.ended[row.name] = await (self._begin(row) if row.instead else self._go_on(row))

    def _port(self, row: Rude) -> int:
        return int(self.access["bootstrapPort" if row.at is Broker.GATE else "port"])

    async def _begin(self, row: Rude) -> bool:
        async with opened(self._port(row), row.version) as intruder:
            intruder.send(row.raw)
            with contextlib.suppress(Ended):
                await intruder.until_answered()
            return intruder.ended.is_set()

    async def _go_on(self, row: Rude) -> bool:
        one = next(one for one in self.attackers if (one.who, one.version) == (row.who, row.version))
        async with intruding(self._port(row), CLIENT_ID, one.username, one.password, row.version) as intruder:
            assert intruder.let_in, row.name
            intruder.send(row.raw)
            with contextlib.suppress(Ended):
                await intruder.until_answered()
            return intruder.ended.is_set()
