"""The outbox of accounts: in which order the broker is told, and that every step can be done again."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from bridge.accounts import AccountsFault, Login
from bridge.credentials import mark_of
from bridge.installer import MOST_AT_ONCE, PAUSE, Pace
from bridge.records import Account, Change
from bridge.registration import Status
from tests.making import NOW
from tests.world import KEYS, World

USERNAME = "default/device_pump-7"


async def confirmed(world: World, device_id: str = "pump-7") -> None:
    """Bring a device to the end of its way in, and let its registration retire."""
    await world.accepted(device_id)
    await world.installer.drain()
    async with world.store.write() as transaction:
        (found,) = (await transaction.registrations([device_id])).values()
        await transaction.save([Change(found, None)])
    world.script.clear()
    world.pushed.clear()


async def test_credentials_are_pushed_only_after_the_broker_has_confirmed_the_account(world: World) -> None:
    await world.accepted("pump-7")
    await world.installer.drain()
    assert world.script == [f"install {USERNAME}", "push pump-7"]
    found = await world.registration("pump-7")
    assert found is not None
    assert (found.installed, found.delivered) == (NOW, None)
    account = await world.account(USERNAME)
    assert account is not None
    assert account.installed == NOW


async def test_while_the_broker_refuses_nothing_is_pushed_and_nothing_noted(world: World) -> None:
    await world.accepted("pump-7")
    world.accounts.faults["install"] = 1
    with pytest.raises(AccountsFault):
        await world.installer.drain()
    assert world.pushed == []
    assert await world.device("pump-7") is None
    found = await world.registration("pump-7")
    assert found is not None
    assert found.installed is None


async def test_an_account_that_the_broker_refuses_does_not_hold_up_the_others(world: World) -> None:
    for device_id in ("a", "b", "c"):
        await world.accepted(device_id)
    world.accounts.never.add("default/device_b")
    with pytest.raises(AccountsFault, match="device_b"):
        await world.installer.drain()
    assert sorted(one.id for one in world.pushed) == ["a", "c"]
    world.accounts.never.clear()
    await world.installer.drain()
    assert sorted(one.id for one in world.pushed) == ["a", "b", "c"]


async def test_the_account_is_bound_to_device_id_and_password_of_the_registration(world: World) -> None:
    await world.accepted("pump-7")
    await world.installer.drain()
    found = await world.registration("pump-7")
    assert found is not None
    assert found.seed is not None
    login = world.accounts.there[USERNAME]
    assert login.password == KEYS.device_password("default", "pump-7", found.seed, "k1")
    assert (login.client_id, login.mark) == ("pump-7", mark_of(found.seed))
    assert {grant.topic for grant in login.grants} == {"devices/default/pump-7/#"}
    assert login.password not in repr(login)


async def test_the_inventory_entry_comes_with_the_account(world: World) -> None:
    await world.done("register", {"id": "pump-7", "name": "Pump", "group": "A", "properties": {"x": 1}})
    await world.call("pump-7")
    await world.done("accept", {"id": "pump-7"})
    assert await world.device("pump-7") is None
    await world.installer.drain()
    entry = await world.device("pump-7")
    assert entry is not None
    assert (entry.name, entry.group, entry.properties, entry.created) == ("Pump", "A", {"x": 1}, NOW)


async def test_what_leaves_is_removed_before_anything_is_installed(world: World) -> None:
    await world.accepted("old")
    await world.installer.drain()
    await world.done("delete", {"id": "old"})
    await world.accepted("new")
    world.script.clear()
    await world.installer.drain()
    assert [step.split()[0] for step in world.script] == ["renew", "clear", "heard", "remove", "install", "push"]
    assert set(world.accounts.there) == {"default/device_new"}
    assert await world.account("default/device_old") is None


async def test_a_device_that_leaves_is_locked_out_cleared_and_heard_before_its_account_goes(world: World) -> None:
    await world.accepted("pump-7")
    await world.installer.drain()
    password = world.accounts.there[USERNAME].password
    await world.done("delete", {"id": "pump-7"})
    world.script.clear()
    world.accounts.faults["remove"] = 1
    with pytest.raises(AccountsFault):
        await world.installer.drain()
    assert world.script == [f"renew {USERNAME}:ended", "clear pump-7", "heard ", f"remove {USERNAME}"]
    assert world.accounts.there[USERNAME].password != password


async def test_of_a_renewed_account_the_earlier_life_is_cleared_and_heard_before_credentials_leave(
    world: World,
) -> None:
    await confirmed(world)
    old = world.accounts.there[USERNAME]
    await world.accepted("pump-7")
    await world.installer.drain()
    assert [step.split()[0] for step in world.script] == ["renew", "clear", "heard", "renew", "push"]
    assert world.script[0] == f"renew {USERNAME}:ended", "who comes with the new password is not cleared"
    new = world.accounts.there[USERNAME]
    assert new.password != old.password
    account = await world.account(USERNAME)
    assert account is not None
    assert account.installed == NOW


async def test_a_device_deleted_and_registered_again_before_the_removal_gets_one_renewed_account(world: World) -> None:
    await world.accepted("pump-7")
    await world.installer.drain()
    await world.done("delete", {"id": "pump-7"})
    await world.accepted("pump-7")
    world.script.clear()
    await world.installer.drain()
    assert [step.split()[0] for step in world.script] == ["renew", "clear", "heard", "renew", "push"]


async def accept_one(world: World) -> None:
    await world.accepted("pump-7")


async def delete_one(world: World) -> None:
    await world.accepted("pump-7")
    await world.installer.drain()
    await world.done("delete", {"id": "pump-7"})


async def renew_one(world: World) -> None:
    await confirmed(world)
    await world.accepted("pump-7")


async def end_of(world: World) -> dict[str, object]:
    """Everything that must be the same in the end, however often it was tried."""
    found = await world.registration("pump-7")
    account = await world.account(USERNAME)
    seed = None if found is None else found.seed
    login = world.accounts.there.get(USERNAME)
    return {
        "installed": found is not None and found.installed is not None,
        "account": None if account is None else (account.seed == seed, account.wanted, account.installed is not None),
        "login": None if login is None else (seed is not None and login.mark == mark_of(seed)),
        "entry": await world.device("pump-7") is not None,
        "pushed": bool(world.pushed),
    }


@pytest.mark.parametrize(
    ("begin", "step"),
    [
        (accept_one, "install"),
        (delete_one, "renew"),
        (delete_one, "clear"),
        (delete_one, "heard"),
        (delete_one, "remove"),
        (renew_one, "renew"),
        (renew_one, "clear"),
        (renew_one, "heard"),
    ],
)
async def test_a_fault_at_any_step_is_healed_by_doing_it_again(
    world: World, begin: Callable[[World], Awaitable[None]], step: str
) -> None:
    await begin(world)
    world.pushed.clear()
    world.accounts.faults[step] = 2
    for _ in range(2):
        with pytest.raises(AccountsFault):
            await world.installer.drain()
        assert world.pushed == []
    await world.installer.drain()
    gone = begin is delete_one
    assert await end_of(world) == {
        "installed": not gone,
        "account": None if gone else (True, True, True),
        "login": None if gone else True,
        "entry": not gone,
        "pushed": not gone,
    }


async def test_a_broker_that_did_it_and_could_not_say_so_is_asked_again(world: World) -> None:
    """The account is there, the commit was lost: the same password is installed and sent once more."""
    await world.accepted("pump-7")
    async with world.store.write() as transaction:
        await transaction.connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE UPDATE ON registrations BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    with pytest.raises(Exception, match="no room"):
        await world.installer.drain()
    first = world.accounts.there[USERNAME]
    async with world.store.write() as transaction:
        await transaction.connection.exec_driver_sql("DROP TRIGGER full")
    await world.installer.drain()
    assert world.accounts.there[USERNAME] == first
    assert [one.id for one in world.pushed] == ["pump-7", "pump-7"]
    assert (await end_of(world))["installed"]


async def test_what_was_accepted_just_now_is_installed_without_reading_it_first(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    await world.call("pump-7")
    handled = await world.ask("accept", {"id": "pump-7"})
    await world.installer.install_known(handled.account_work.coming)
    assert world.script == [f"install {USERNAME}", "push pump-7"]
    await world.installer.drain()
    assert len(world.script) == 2


async def test_a_renewed_account_is_left_to_the_long_way(world: World) -> None:
    await confirmed(world)
    await world.done("register", {"id": "pump-7"})
    await world.call("pump-7")
    handled = await world.ask("accept", {"id": "pump-7"})
    await world.installer.install_known(handled.account_work.coming)
    assert world.script == []


async def test_a_herd_is_installed_in_few_messages(world: World) -> None:
    devices = [{"id": f"p{number:03}"} for number in range(150)]
    await world.done("register", {"devices": devices})
    await world.intake.take([world.message(one["id"]) for one in devices])
    await world.done("accept-all")
    await world.installer.drain()
    installs = [step for step in world.script if step.startswith("install")]
    assert sum(len(step.split()) - 1 for step in installs) == 150
    assert len(installs) < 15
    assert len(world.pushed) == 150


def test_more_accounts_go_into_a_message_while_the_broker_is_quick_and_fewer_when_it_is_slow() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    for accounts, seconds, then in [(10, 0.1, 20), (5, 0.1, 20), (20, 0.3, 20), (20, 0.6, 10), (10, 0.6, 5)]:
        with pace.measured(accounts):
            now += seconds
        assert pace.at_once == then
    for _ in range(20):
        with pace.measured(pace.at_once):
            now += 0.01
    assert pace.at_once == MOST_AT_ONCE
    for _ in range(20):
        with pace.measured(pace.at_once):
            now += 5
    assert pace.at_once == 1


async def test_an_administrators_account_is_installed_with_the_grants_of_the_role(world: World) -> None:
    row = Account("ada", "administrator", "north", "ada", bytes(16), "k1", "viewer")
    async with world.store.write() as transaction:
        await transaction.save_accounts([row])
    await world.installer.drain()
    login = world.accounts.there["ada"]
    assert login.password == KEYS.administrator_password("ada", bytes(16), "k1")
    assert login.client_id is None
    topics = {grant.topic for grant in login.grants}
    assert "control/north/ada/request/list" in topics
    assert "control/north/ada/request/accept" not in topics
    assert world.pushed == []


# Comparing the broker with the rows.


async def test_a_broker_that_is_as_the_rows_say_is_left_alone(world: World) -> None:
    await confirmed(world)
    assert await world.reconcile() == 0
    assert world.script == []


async def test_an_account_that_the_broker_has_lost_or_has_otherwise_is_made_again(world: World) -> None:
    for device_id in ("lost", "other", "right"):
        await confirmed(world, device_id)
    before = dict(world.accounts.there)
    del world.accounts.there["default/device_lost"]
    other = world.accounts.there["default/device_other"]
    world.accounts.there["default/device_other"] = replace(other, password="old", mark="old")
    assert await world.reconcile() == 2
    await world.installer.drain()
    assert world.accounts.there == before
    assert not any("right" in step for step in world.script)
    assert world.pushed == [], "nobody waits for credentials"


async def test_an_account_of_ours_that_no_row_knows_is_removed(world: World) -> None:
    await confirmed(world)
    stray = Login("default/device_stray", "x", "mark", (), "stray")
    world.accounts.there[stray.username] = stray
    assert await world.reconcile() == 1
    assert [step.split()[0] for step in world.script] == ["renew", "clear", "heard", "remove"]
    assert set(world.accounts.there) == {USERNAME}


async def test_an_account_that_the_broker_made_just_before_the_end_is_noted_and_pushed(world: World) -> None:
    await world.accepted("pump-7")
    account = await world.account(USERNAME)
    assert account is not None
    world.accounts.there[USERNAME] = world.installer.login_for(account)
    assert await world.reconcile() == 0
    assert world.script == ["push pump-7"]
    found = await world.registration("pump-7")
    assert found is not None
    assert (found.status, found.installed) == (Status.ACCEPTED, NOW)


async def test_an_account_that_is_to_leave_is_no_stray(world: World) -> None:
    await world.accepted("pump-7")
    await world.installer.drain()
    await world.done("delete", {"id": "pump-7"})
    world.script.clear()
    assert await world.reconcile() == 0
    assert world.script == []
    await world.installer.drain()
    assert world.accounts.there == {}


async def test_comparing_again_finds_nothing_more(world: World) -> None:
    await confirmed(world)
    world.accounts.there.clear()
    assert await world.reconcile() == 1
    await world.installer.drain()
    assert await world.reconcile() == 0


async def test_a_reader_of_the_accounts_log_finds_no_password(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world.accepted("pump-7")
    await world.installer.drain()
    said = capsys.readouterr()
    assert "installed" in said.out
    assert world.accounts.there[USERNAME].password not in said.out + said.err


async def test_passwords_that_the_broker_replaces_slowly_go_to_it_fewer_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    renew = world.accounts.renew

    async def slowly(logins: Sequence[Login]) -> None:
        nonlocal now
        now += 2 * PAUSE
        await renew(logins)

    def file(password: str) -> bytes:
        return b"ID;CREDENTIALS\n" + b"".join(f"d{number:02};{password}\n".encode() for number in range(17))

    await world.done("bulk-register", file("first-password"))
    await world.installer.drain()
    await world.done("bulk-register", file("other-password"))
    monkeypatch.setattr(world.accounts, "renew", slowly)
    monkeypatch.setattr(world.installer, "_pace", Pace(lambda: now))
    await world.installer.drain()
    renewed = [len(line.split()) - 1 for line in world.script if line.startswith("renew") and ":ended" not in line]
    assert renewed == [10, 2, 1, 1, 1, 1, 1]
