"""Comparing accounts with rows while both go on changing: what only seemed wrong is left alone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from bridge.accounts import AccountsFault, Login
from bridge.reconciler import Reconciled
from tests.making import NOW
from tests.world import World

PEOPLE = 5
"""Accounts of administrators that a World begins with."""


async def with_devices(world: World, *ids: str) -> None:
    for device_id in ids:
        await world.accepted(device_id)
    await world.installer.drain()
    world.script.clear()
    world.pushed.clear()


def user(device_id: str) -> str:
    return f"default/device_{device_id}"


def once(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Do ``work`` after the first page that is read."""
    left = [work]

    async def between() -> None:
        if left:
            await left.pop()()

    return between


async def test_what_is_as_it_should_be_costs_one_list_and_no_further_look(world: World) -> None:
    await with_devices(world, "a", "b")
    assert await world.reconciler.reconcile() == Reconciled(PEOPLE + 2, 0, 0, 0)
    assert world.accounts.looked_at == []
    assert world.script == []


async def test_an_account_installed_while_the_list_is_read_is_neither_repaired_nor_removed(world: World) -> None:
    await with_devices(world, "a", "b")

    async def install() -> None:
        await world.accepted("new")
        await world.installer.drain()

    left_out = world.accounts.people.pop("root")  # listed before it was there
    world.accounts.page = 1

    async def back() -> None:
        world.accounts.people["root"] = left_out
        await install()

    found = await world.reconciler.reconcile(once(back))
    assert (found.repaired, found.removed) == (0, 0)
    assert user("new") in world.accounts.there


async def test_an_account_that_left_out_of_the_pages_seemed_lost_is_not_touched(world: World) -> None:
    await with_devices(world, "a", "b", "c")
    listed = world.accounts.listed
    world.accounts.page = 2

    async def skipping():  # type: ignore[no-untyped-def]
        """Another account was deleted between two pages, so that one stands in neither."""
        async for page in listed():
            yield [one for one in page if one.username != user("b")]

    world.accounts.listed = skipping  # type: ignore[method-assign]
    assert (await world.reconciler.reconcile()).repaired == 0
    assert world.accounts.looked_at == [user("b")]
    row = await world.account(user("b"))
    assert row is not None
    assert (row.installed, row.renewed) == (NOW, False)


async def test_an_account_removed_while_the_list_is_read_is_not_removed_again(world: World) -> None:
    await with_devices(world, "a", "b")

    async def remove() -> None:
        await world.done("delete", {"id": "a"})
        await world.installer.drain()
        world.script.clear()

    world.accounts.page = 100
    found = await world.reconciler.reconcile(once_after_the_list(remove))
    assert (found.repaired, found.removed) == (0, 0)
    assert world.script == []


def once_after_the_list(work: Callable[[], Awaitable[None]], turn: int = 2) -> Callable[[], Awaitable[None]]:
    """Do ``work`` after the second page: the first is empty, the second has everything; in turn 3 rows are read too."""
    calls = 0

    async def between() -> None:
        nonlocal calls
        calls += 1
        if calls == turn:
            await work()

    return between


@pytest.mark.parametrize("turn", [2, 3], ids=["before the rows are read", "after"])
async def test_a_stray_whose_id_is_accepted_meanwhile_becomes_that_devices_account(world: World, turn: int) -> None:
    stray = Login(user("a"), "old", "old mark", (), "a")
    world.accounts.there[stray.username] = stray

    async def accept() -> None:
        await world.accepted("a")

    found = await world.reconciler.reconcile(once_after_the_list(accept, turn))
    assert (found.repaired, found.removed) == (0, 0)
    assert world.accounts.there[user("a")] is stray, "draining gives it its new password"
    await world.installer.drain()
    assert world.accounts.there[user("a")].mark != stray.mark


async def test_what_may_have_been_said_under_a_stray_is_cleared_before_it_goes(world: World) -> None:
    await with_devices(world, "a")
    world.accounts.there[user("stray")] = Login(user("stray"), "old", "mark", (), "stray")
    world.accounts.there["ada"] = Login("ada", "old", "mark", ())
    found = await world.reconciler.reconcile()
    assert found == Reconciled(PEOPLE + 3, 0, 2, 0)
    assert [step.split(":")[0] for step in world.script] == [
        f"renew {user('stray')}",
        "clear stray",
        "heard ",
        f"remove ada {user('stray')}",
    ]
    assert set(world.accounts.there) == {user("a")}


async def test_a_stray_that_cannot_be_removed_does_not_hold_the_others(world: World) -> None:
    for name in ("x", "y", "z"):
        world.accounts.there[user(name)] = Login(user(name), "old", "mark", (), name)
    world.accounts.never.add(user("y"))
    found = await world.reconciler.reconcile()
    assert (found.removed, found.held) == (2, 1)
    assert set(world.accounts.there) == {user("y")}
    world.accounts.never.clear()
    assert (await world.reconciler.reconcile()).removed == 1
    assert world.accounts.there == {}


async def test_rows_are_compared_before_anything_is_removed(world: World) -> None:
    """The session that hears devices begins then, and removing waits for it."""
    world.accounts.there[user("stray")] = Login(user("stray"), "old", "mark", (), "stray")
    await world.reconciler.reconcile(noted=lambda: world.script.append("noted"))
    assert world.script[0] == "noted"


@pytest.mark.parametrize("what", ["client_id", "grants"])
async def test_an_account_that_may_do_other_things_is_looked_at_again_and_keeps_its_password(
    world: World, what: str
) -> None:
    await with_devices(world, "a")
    right = world.accounts.there[user("a")]
    changed = replace(right, client_id="b") if what == "client_id" else replace(right, grants=right.grants[1:])
    world.accounts.there[user("a")] = changed
    assert (await world.reconciler.reconcile()).repaired == 1
    row = await world.account(user("a"))
    assert row is not None
    assert (row.installed, row.revisit) == (NOW, True)
    await world.installer.drain()
    assert world.accounts.there[user("a")] == right
    assert not any(step.startswith("clear") for step in world.script), "its session may stay"


async def test_what_an_account_may_do_can_change_while_it_is_installed(world: World) -> None:
    install = world.accounts.install

    async def slowly(logins: Sequence[Login]) -> None:
        await install(logins)
        await world.done("set-option", {"category": "devices", "key": "topics", "value": ["plant/{tenant}/{id}/#"]})

    world.accounts.install = slowly  # type: ignore[method-assign]
    await world.accepted("a")
    await world.installer.drain()
    assert "plant/default/a/#" in {grant.topic for grant in world.accounts.there[user("a")].grants}
    row = await world.account(user("a"))
    assert row is not None
    assert not row.revisit


async def test_a_broker_that_refuses_the_list_is_a_fault(world: World) -> None:
    async def refuse():  # type: ignore[no-untyped-def]
        raise AccountsFault("listClients: Internal error")
        yield []

    world.accounts.listed = refuse  # type: ignore[method-assign]
    with pytest.raises(AccountsFault):
        await world.reconciler.reconcile()
