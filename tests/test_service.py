"""When the session with the accounts is ready, and what the service says of its state."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bridge import broker
from bridge.accounts import AccountsFault
from bridge.accounts.dynsec import Dynsec
from bridge.batch import AccountWork
from bridge.database_watch import watch_database
from bridge.health import DATABASE, RIGHTS, Health
from bridge.installer import Installer
from bridge.mending import CLOSED
from bridge.reconciler import Reconciled, Reconciler
from bridge.service import ANNOUNCED_AGAIN, COMING_BACK, PARTS, Service
from bridge.sessions import Switch
from bridge.sessions.accounts import BACKLOG, KNOWN, AccountsSession
from bridge.sessions.control import ControlSession
from bridge.sessions.herald import Herald
from bridge.store import StoreFault
from bridge.wire import Topics
from tests.hurried import hurried
from tests.world import World


class Comparing(AccountsSession):
    """The session with the accounts, in which comparing only notes when it was done."""

    def __init__(self, every: float) -> None:
        nothing: Any = None
        health = Health((RIGHTS,), lambda: 0)
        super().__init__(nothing, nothing, nothing, nothing, nothing, nothing, Herald(Topics()), health, (), every)
        self.compared_at: list[float] = []
        self.faults = 0

    async def _compare(self, accounts: Dynsec, reconciler: Reconciler, installer: Installer) -> None:
        self.compared_at.append(asyncio.get_running_loop().time())
        if self.faults:
            self.faults -= 1
            raise AccountsFault("listClients: Internal error")

    def begin(self, drain: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
        accounts: Any = None
        return asyncio.create_task(self._work(accounts, cast("Installer", SimpleNamespace(drain=drain))))


def test_accounts_that_wait_from_before_a_start_do_not_keep_the_bridge_from_being_ready_for_long() -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        session = Comparing(900)
        working = session.begin(for_ever)
        await asyncio.sleep(BACKLOG - 1)
        assert not session.ready.on.is_set()
        async with asyncio.timeout(2):
            await session.ready.on.wait()
        working.cancel()
        session.ready.turn_off()
        await asyncio.sleep(2 * BACKLOG)
        assert not session.ready.on.is_set()

    hurried(work())


def test_accounts_are_compared_at_the_start_and_again_and_again_also_while_others_come_in() -> None:
    async def nothing() -> None:
        return

    async def work() -> None:
        session = Comparing(100)
        began = asyncio.get_running_loop().time()
        working = session.begin(nothing)
        for _ in range(30):
            await asyncio.sleep(10)
            session.changed(AccountWork(leaving=True))
        await asyncio.sleep(101)
        session.faults = 1
        await asyncio.sleep(201)
        assert session.ready.on.is_set()
        working.cancel()
        assert [round(at - began, -1) for at in session.compared_at] == [0, 100, 200, 300, 400, 500, 600]

    hurried(work())


def test_the_end_does_not_wait_for_a_long_comparison_once_all_is_done() -> None:
    async def work() -> None:
        session = Comparing(900)
        drained = []

        async def drain() -> None:
            drained.append(True)

        async def none(*given: Any) -> list[str]:
            return []

        async def defaults() -> dict[str, bool]:
            return dict(CLOSED)

        async def reconcile(between: Callable[[], Awaitable[None]], noted: Callable[[], None]) -> Reconciled:
            noted()
            session.changed(AccountWork(leaving=True))
            assert not session._idle.is_set()
            await between()
            assert drained
            assert session._idle.is_set()
            return Reconciled(0, 0, 0, 0)

        accounts: Any = SimpleNamespace(faults_of=none, defaults=defaults)
        reconciler: Any = SimpleNamespace(reconcile=reconcile)
        installer: Any = SimpleNamespace(drain=drain)
        await AccountsSession._compare(session, accounts, reconciler, installer)

    hurried(work())


def test_what_waits_for_a_broker_that_is_away_is_bounded_and_left_to_the_rows() -> None:
    session = Comparing(900)
    one: Any = (None, None)
    for _ in range(5 * KNOWN):
        session.changed(AccountWork(coming=[one]))
        assert len(session._coming) <= KNOWN + 1
    assert session._leaving


class FakeControl:
    """The session with administrators, which is there or not, and keeps what it told."""

    def __init__(self) -> None:
        self.ready = Switch()
        self.lives = 0
        self.told: list[bool] = []
        self.faults = 0

    async def announce(self, whole: bool) -> None:
        if self.faults:
            self.faults -= 1
            raise broker.Disconnected("the broker has not acknowledged")
        self.told.append(whole)

    def comes(self, health: Health) -> None:
        self.lives += 1
        self.ready.turn_on()
        health.serves("control")


def announcing(work: Callable[[Service, FakeControl], Awaitable[None]]) -> list[dict[str, Any]]:
    """Let the service tell its state while ``work`` changes its health; return what the log says."""

    async def run() -> None:
        nothing: Any = SimpleNamespace(made=SimpleNamespace(database_url=""))
        service, control = Service(nothing), FakeControl()
        telling = asyncio.create_task(service._announce(cast("ControlSession", control)))
        await work(service, control)
        telling.cancel()

    with capture_logs() as log:
        hurried(run())
    return [dict(line) for line in log]


async def settled() -> None:
    await asyncio.sleep(0.01)


def test_the_state_is_online_only_while_every_part_serves_and_is_told_at_each_change() -> None:
    async def work(service: Service, control: FakeControl) -> None:
        control.comes(service.health)
        await asyncio.sleep(COMING_BACK - 0.1)
        assert control.told == [], "the others may come at once"
        await asyncio.sleep(0.2)
        assert control.told == [False], "an old word that says online may be kept by the broker"
        assert not service.ready.is_set()
        for name in PARTS:
            service.health.serves(name)
        await settled()
        assert control.told == [False, True]
        assert service.ready.is_set()
        for name in PARTS:
            if name != "control":
                service.health.fails(name, "gone")
                await settled()
                assert control.told[-1] is False, name
                service.health.serves(name)
                await settled()
                assert control.told[-1] is True, name

    log = announcing(work)
    assert [line["event"] for line in log] == ["ready", *["not ready", "ready"] * (len(PARTS) - 1)]
    assert log[1]["away"] == {"calls": "gone"}


def test_the_state_is_told_again_when_administrators_are_reached_again_since_the_last_will_has_spoken() -> None:
    async def work(service: Service, control: FakeControl) -> None:
        for name in PARTS:
            service.health.serves(name)
        control.comes(service.health)
        await settled()
        control.ready.turn_off()
        service.health.fails("control", "gone")
        await settled()
        assert control.told == [True]
        control.comes(service.health)
        await settled()
        assert control.told == [True, True]
        control.ready.turn_off()
        service.health.fails("control", "gone")
        control.comes(service.health)
        await settled()
        assert control.told == [True, True, True], "also when it is back before anybody has looked"

    announcing(work)


def test_a_state_that_could_not_be_told_is_told_later() -> None:
    async def work(service: Service, control: FakeControl) -> None:
        control.faults = 2
        control.comes(service.health)
        await asyncio.sleep(2 * ANNOUNCED_AGAIN + 3 * COMING_BACK + 1)
        assert control.told == [False]

    assert [line["event"] for line in announcing(work)] == ["state not told"] * 2


def test_with_rights_that_are_not_right_it_serves_and_does_not_say_online() -> None:
    async def work(service: Service, control: FakeControl) -> None:
        for name in PARTS:
            if name != RIGHTS:
                service.health.serves(name)
        control.comes(service.health)
        await asyncio.sleep(COMING_BACK + 1)
        assert control.told == [False]
        assert service.ready.is_set()

    announcing(work)


async def test_a_database_that_fails_is_known_and_tried_until_it_keeps_what_it_is_given(world: World) -> None:
    health = Health((DATABASE,), world.clock)
    health.serves(DATABASE)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch_database(world.store, health))
        await health.changed()
        await asyncio.sleep(0)

        with pytest.raises(StoreFault):
            async with world.store.write() as transaction:
                await transaction.connection.execute(sa.text("INSERT INTO nowhere VALUES (1)"))
        assert "nowhere" in (health.part(DATABASE).reason or "")
        await health.changed()
        await health.changed()
        assert health.part(DATABASE).serves
        assert health.counts["outages database"] == 1
        async with world.store.read() as connection:
            left = await connection.scalar(sa.text("SELECT count(*) FROM requests WHERE key = 'proof'"))
        assert left == 0
        watching.cancel()
