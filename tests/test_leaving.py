"""The sessions' part of the shutdown: the order of its stages, and that each of them may hang."""

import asyncio
from dataclasses import dataclass, field

import pytest

from bridge.leaving import leave
from bridge.sessions import Hands, Switch, as_long_as
from bridge.stopping import DRAIN, FAREWELL, LEAVE, REST, STAGES, Ending
from tests.hurried import hurried


@dataclass
class Site:
    """Four sessions that write down what they are told, and hang at the step named ``stuck``."""

    stuck: str = ""
    script: list[str] = field(default_factory=list)

    async def step(self, name: str) -> None:
        self.script.append(name)
        if name == self.stuck:
            await asyncio.Event().wait()


class FakeHands(Hands):
    def __init__(self, site: Site, name: str) -> None:
        super().__init__()
        self._site = site
        self._name = name

    async def rest(self) -> None:
        await super().rest()
        await self._site.step(f"{self._name} rests")


class FakeSession:
    def __init__(self, site: Site, name: str) -> None:
        self._site = site
        self._name = name
        self.hands: Hands = FakeHands(site, name)

    async def settle(self) -> None:
        await self._site.step(f"{self._name} settles")

    async def farewell(self) -> None:
        await self._site.step(f"{self._name} says farewell")


ORDER = [
    "gate rests",
    "control rests",
    "accounts settles",
    "gate settles",
    "control settles",
    "info rests",
    "control says farewell",
    "sessions end",
]


def ended(site: Site) -> tuple[Ending, float]:
    """Go through the stages and return how it went and how long it took."""

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.shield(asyncio.ensure_future(site.step("sessions end")))

    async def go() -> tuple[Ending, float]:
        ending = Ending()
        gate, control, info, accounts = (FakeSession(site, name) for name in ("gate", "control", "info", "accounts"))
        working = asyncio.create_task(work())
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        await leave(ending, gate, control, info, accounts, working)
        return ending, asyncio.get_running_loop().time() - began

    return hurried(go())


def test_all_of_it_is_done_in_its_order() -> None:
    site = Site()
    ending, took = ended(site)
    assert site.script == ORDER
    assert ending.hung == []
    assert took < 1


@pytest.mark.parametrize(
    ("stuck", "stage"),
    [
        ("gate rests", REST),
        ("control rests", REST),
        ("accounts settles", DRAIN),
        ("gate settles", DRAIN),
        ("control settles", DRAIN),
        ("info rests", DRAIN),
        ("control says farewell", FAREWELL),
        ("sessions end", LEAVE),
    ],
)
def test_whichever_step_hangs_its_stage_is_named_and_the_later_ones_are_done(stuck: str, stage: object) -> None:
    site = Site(stuck)
    ending, took = ended(site)
    assert [one for one in STAGES if one.name in ending.hung] == [stage]
    assert stuck in site.script
    assert site.script[-1] == "sessions end"
    assert "control says farewell" in site.script
    assert took <= sum(one.seconds for one in (REST, DRAIN, FAREWELL, LEAVE))


async def test_hands_are_empty_when_all_that_is_held_is_done() -> None:
    hands = Hands()
    resting = None
    with hands.full():
        with hands.full():
            resting = asyncio.create_task(hands.rest())
            await asyncio.sleep(0)
            assert hands.resting
        await asyncio.sleep(0)
        assert not resting.done()
    await resting
    await hands.rest()


async def test_what_a_broker_owes_is_not_waited_for_once_it_is_gone() -> None:
    ready = Switch()
    ready.turn_on()
    waiting = asyncio.create_task(as_long_as(ready, asyncio.sleep(3600)))
    await asyncio.sleep(0)
    assert not waiting.done()
    ready.turn_off()
    await waiting
    ready.turn_on()
    await as_long_as(ready, asyncio.sleep(0))
