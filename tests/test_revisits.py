"""Accounts that come from files, and accounts that may do other things than before: the installer's further work."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from bridge import schema
from bridge.accounts import AccountsFault, Login
from bridge.records import Account
from tests.files import CREDENTIALS
from tests.making import NOW
from tests.world import World

TOPICS = {"category": "devices", "key": "topics"}
USERNAME = "default/device_pump-7"


async def provided(world: World, *ids: str) -> None:
    rows = "".join(f"{one};{CREDENTIALS}\n" for one in ids)
    await world.done("bulk-register", f"ID;CREDENTIALS\n{rows}".encode())


def steps(world: World) -> list[str]:
    return [step.split()[0] for step in world.script]


async def damaged(world: World, *usernames: str) -> None:
    """Spoil the stored passwords of accounts."""
    async with world.store.write() as transaction:
        table = schema.accounts
        await transaction.connection.execute(
            sa.update(table).where(table.c.username.in_(usernames)).values(secret=b"damaged beyond repair")
        )


async def test_a_device_of_a_file_gets_the_password_of_the_file_and_nothing_is_sent(world: World) -> None:
    await provided(world, "pump-7")
    before = await world.done("get", {"id": "pump-7"})
    assert "installedTime" not in before
    await world.installer.drain()
    assert world.accounts.there[USERNAME].password == CREDENTIALS
    assert world.accounts.there[USERNAME].client_id == "pump-7"
    assert world.pushed == []
    assert (await world.done("get", {"id": "pump-7"})) == {**before, "installedTime": "2026-01-01T00:00:00.000Z"}
    assert await world.reconcile() == 0


async def test_what_a_file_brought_is_installed_without_reading_it_first(world: World) -> None:
    handled = await world.ask("bulk-register", f"ID;CREDENTIALS\npump-7;{CREDENTIALS}\n".encode())
    await world.installer.install_known(handled.account_work.coming)
    assert steps(world) == ["install", "push"]
    assert world.pushed == []
    account = await world.account(USERNAME)
    assert account is not None
    assert account.installed == NOW


async def test_a_device_that_waits_for_credentials_gets_those_of_the_file_and_none_are_sent(world: World) -> None:
    await world.accepted("pump-7")
    await provided(world, "pump-7")
    await world.installer.drain()
    assert world.accounts.there[USERNAME].password == CREDENTIALS
    assert world.pushed == []
    taken = await world.call("pump-7")
    assert b"ACCEPTED" not in taken.answers[0].payload


@pytest.mark.parametrize("who", ["default/admin", "management/root"])
async def test_changed_topics_change_what_devices_may_and_end_no_session(world: World, who: str) -> None:
    await provided(world, "pump-7")
    await world.done("bulk-register", f"ID;CREDENTIALS\ncold-1;{CREDENTIALS}\n".encode(), who="north/nora")
    await world.installer.drain()
    before = dict(world.accounts.there)
    world.script.clear()
    handled = await world.ask("set-option", {**TOPICS, "value": ["plant/{tenant}/{id}/#"]}, who=who)
    assert handled.account_work.leaving
    await world.installer.drain()
    login = world.accounts.there[USERNAME]
    assert "plant/default/pump-7/#" in {grant.topic for grant in login.grants}
    assert (login.password, login.mark, login.client_id) == (CREDENTIALS, before[USERNAME].mark, "pump-7")
    assert not {"clear", "remove", "heard"}.intersection(steps(world)), "no life of an account ended"
    north = {grant.topic for grant in world.accounts.there["north/device_cold-1"].grants}
    assert ("plant/north/cold-1/#" in north) is (who == "management/root")
    assert await world.reconcile() == 0
    world.script.clear()
    handled = await world.ask("set-option", {**TOPICS, "value": ["plant/{tenant}/{id}/#"]}, who=who)
    assert not handled.account_work
    await world.installer.drain()
    assert world.script == [], "what was set already changes nothing"


async def test_a_broker_whose_grants_are_others_is_put_right_without_ending_a_life(world: World) -> None:
    await provided(world, "pump-7")
    await world.installer.drain()
    right = world.accounts.there[USERNAME]
    world.accounts.there[USERNAME] = replace(right, grants=())
    world.script.clear()
    assert await world.reconcile() == 1
    await world.installer.drain()
    assert world.accounts.there[USERNAME] == right
    assert "clear" not in steps(world)


async def test_a_password_that_cannot_be_decrypted_holds_up_nobody(world: World) -> None:
    await provided(world, "a", "b", "c")
    await damaged(world, "default/device_b")
    with pytest.raises(AccountsFault, match="default/device_b"):
        await world.installer.drain()
    assert set(world.accounts.there) == {"default/device_a", "default/device_c"}
    await provided(world, "b")
    await world.installer.drain()
    assert world.accounts.there["default/device_b"].password == CREDENTIALS


async def test_an_account_that_cannot_be_compared_is_neither_lost_nor_in_the_way(world: World) -> None:
    await provided(world, "a", "b")
    await world.installer.drain()
    await damaged(world, "default/device_a")
    del world.accounts.there["default/device_b"]
    assert await world.reconcile() == 1
    await world.installer.drain()
    assert set(world.accounts.there) == {"default/device_a", "default/device_b"}


async def test_a_device_whose_password_cannot_be_decrypted_can_be_deleted(world: World) -> None:
    await provided(world, "pump-7")
    await world.installer.drain()
    await damaged(world, USERNAME)
    await world.done("delete-device", {"id": "pump-7"})
    await world.installer.drain()
    assert world.accounts.there == {}
    assert await world.account(USERNAME) is None


async def test_an_application_is_installed_with_what_it_was_granted(world: World) -> None:
    wish: dict[str, Any] = {"name": "app", "write": ["devices/default/+/cmd"]}
    password = (await world.done("create-application", wish))["password"]
    await world.installer.drain()
    login = world.accounts.there["app"]
    assert (login.password, login.client_id) == (password, None)
    assert {grant.topic for grant in login.grants if grant.allow} == {"devices/default/#", "devices/default/+/cmd"}
    assert {grant.topic for grant in login.grants if not grant.allow} == {"devices/default/+/info"}
    account = await world.account("app")
    assert isinstance(account, Account)
    assert account.installed == NOW
    assert world.pushed == []


async def test_topics_that_change_again_while_the_broker_works_on_the_first_change_are_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await provided(world, "pump-7")
    await world.installer.drain()
    await world.done("set-option", {**TOPICS, "value": ["first/{tenant}/{id}/#"]})
    install = world.accounts.install

    async def meanwhile_changed(logins: Sequence[Login]) -> None:
        monkeypatch.setattr(world.accounts, "install", install)
        await world.done("set-option", {**TOPICS, "value": ["second/{tenant}/{id}/#"]})
        await install(logins)

    monkeypatch.setattr(world.accounts, "install", meanwhile_changed)
    await world.installer.drain()
    topics = {grant.topic for grant in world.accounts.there[USERNAME].grants}
    assert topics == {"devices/default/pump-7/#", "second/default/pump-7/#"}
    account = await world.account(USERNAME)
    assert account is not None
    assert not account.revisit
