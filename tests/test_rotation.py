"""The master keys change in steps; whoever dies between two has lost nothing, and goes on where he stopped."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bridge import installation
from bridge.facts import FirstAdministrator
from bridge.folder import InstallationFault
from bridge.installation import Installation, load
from bridge.keys_file import read_keys
from bridge.queries import key_ids
from bridge.records import ADMINISTRATOR, DEVICE, Account, Change
from bridge.rotation import Removal, Step, counted, remove_unused, rotate, with_own_logins
from bridge.rulebook import Rulebook
from bridge.service import take_keys
from bridge.store import Store
from tests.making import SEED, accepted

PUMP = Account("default/device_pump-7", DEVICE, "default", "pump-7", SEED, "")


class Died(Exception):
    """The command ended here, as by a power cut."""


def dying_at(step: Step) -> Callable[[Step], None]:
    def at(here: Step) -> None:
        if here is step:
            raise Died

    return at


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return installation.make(tmp_path / "data")


@pytest.fixture
async def store(made: Installation) -> AsyncIterator[Store]:
    """The database as a running bridge has it, with the first administrators."""
    found = await Store.open(made.database_url)
    async with found.write() as transaction:
        await transaction.save_accounts([beginning(one) for one in made.facts.administrators])
    yield found
    await found.close()


def beginning(one: FirstAdministrator) -> Account:
    return Account(one.username, ADMINISTRATOR, one.tenant, one.username, one.seed_bytes, one.key_id)


async def renew_people(made: Installation, store: Store) -> None:
    """Delete the first administrators and make others, as a person does who wants to be rid of a key."""
    current = read_keys(made.folder.keys).current
    async with store.write() as transaction:
        await transaction.forget_accounts([one.username for one in made.facts.administrators])
        await transaction.save_accounts([Account("jo", ADMINISTRATOR, "default", "jo", SEED, current)])


async def unbroken(made: Installation, store: Store) -> None:
    """Insist that a bridge can start: the folder can be read, and each key that something names is there."""
    found = installation.make(made.folder.path)
    async with store.read() as connection:
        assert await key_ids(connection) <= set(found.keys.masters)
    assert {one.key_id for one in found.facts.administrators} <= set(found.keys.masters)
    assert found.keys.agrees_with(made.keys)


async def test_a_new_key_is_current_and_the_old_one_stays(made: Installation, store: Store) -> None:
    (old,) = made.keys.masters
    ring = rotate(made)
    assert set(ring.masters) == {old, ring.current}
    assert load(made.folder.path).keys == ring
    assert await remove_unused(made, made.database_url) == Removal(
        (), {old: Counter({"administrator": 2, "first administrators": 2})}
    )
    await unbroken(made, store)


async def test_a_key_that_nothing_names_goes_and_the_current_one_never(made: Installation, store: Store) -> None:
    (old,) = made.keys.masters
    assert await remove_unused(made, made.database_url) == Removal()
    second, third = rotate(made).current, rotate(made).current
    assert (await remove_unused(made, made.database_url)).removed == (second,)
    await renew_people(made, store)
    assert await remove_unused(load(made.folder.path), made.database_url) == Removal((old,))
    assert set(load(made.folder.path).keys.masters) == {third}
    await unbroken(made, store)
    assert await remove_unused(load(made.folder.path), made.database_url) == Removal()


async def test_a_key_stays_for_a_registration_alone(made: Installation, store: Store) -> None:
    (old,) = made.keys.masters
    rotate(made)
    await renew_people(made, store)
    async with store.write() as transaction:
        await transaction.save([Change(None, accepted(key_id=old))])
    done = await remove_unused(load(made.folder.path), made.database_url)
    assert done == Removal((), {old: Counter({"registrations": 1})})


async def test_before_the_bridge_has_begun_the_first_administrators_keep_their_key(made: Installation) -> None:
    (old,) = made.keys.masters
    rotate(made)
    assert await remove_unused(made, made.database_url) == Removal((), {old: Counter({"first administrators": 2})})
    store = await Store.open(made.database_url)
    assert (await remove_unused(made, made.database_url)).removed == ()
    await store.close()


async def test_an_account_that_is_leaving_keeps_its_key_until_it_has_left(made: Installation, store: Store) -> None:
    (old,) = made.keys.masters
    rotate(made)
    await renew_people(made, store)
    leaving = replace(PUMP, key_id=old, wanted=False)
    async with store.write() as transaction:
        await transaction.save_accounts([leaving])
    assert (await remove_unused(load(made.folder.path), made.database_url)).kept == {old: {"device": 1}}


@pytest.mark.parametrize("step", Step)
async def test_dying_anywhere_leaves_a_bridge_that_starts_and_can_be_finished(
    made: Installation, store: Store, step: Step
) -> None:
    (old,) = made.keys.masters
    try:
        rotate(made, dying_at(step))
    except Died:
        assert step is Step.NEW_KEY_WRITTEN
    await unbroken(made, store)
    await renew_people(made, store)
    found = load(made.folder.path)
    try:
        await remove_unused(found, made.database_url, dying_at(step))
    except Died:
        assert step is not Step.NEW_KEY_WRITTEN
    await unbroken(made, store)
    await remove_unused(load(made.folder.path), made.database_url)
    await unbroken(made, store)
    assert old not in load(made.folder.path).keys.masters


async def test_a_key_that_rows_name_and_the_file_lacks_stops_all(made: Installation, store: Store) -> None:
    rotate(made)
    async with store.write() as transaction:
        await transaction.save_accounts([replace(PUMP, key_id="lost")])
    before = made.folder.keys.read_bytes()
    with pytest.raises(InstallationFault, match="lost"):
        await remove_unused(made, made.database_url)
    assert made.folder.keys.read_bytes() == before
    assert (await counted(made, made.database_url))["lost"] == {"device": 1}


async def test_a_bridge_at_work_never_names_a_key_that_is_removed(made: Installation, store: Store) -> None:
    """It draws for rows all the time, takes each new key up as it comes, and old keys are removed meanwhile."""
    rulebook, ended = Rulebook(made.keys), asyncio.Event()

    async def accept() -> int:
        number = 0
        while not ended.is_set():
            async with store.write() as transaction:
                draw = rulebook.draw()
                await asyncio.sleep(0)
                account = replace(PUMP, username=f"default/device_{number % 3}", seed=draw.seed, key_id=draw.key_id)
                await transaction.want_accounts([account])
            number += 1
            await asyncio.sleep(0)
        return number

    accepting = asyncio.create_task(accept())
    removed: list[str] = []
    for _ in range(8):
        await take_keys(store, rulebook, await asyncio.to_thread(rotate, load(made.folder.path)))
        removed += (await remove_unused(load(made.folder.path), made.database_url)).removed
        await unbroken(made, store)
    ended.set()
    assert await accepting > 8
    assert removed, "keys did go"


async def test_keys_that_lack_one_are_not_taken_and_the_earlier_ones_stay(made: Installation, store: Store) -> None:
    rulebook = Rulebook(made.keys)
    (old,) = made.keys.masters
    with pytest.raises(InstallationFault, match=old):
        await take_keys(store, rulebook, rotate(made).without((old,)))
    assert rulebook.keys is made.keys


async def test_work_that_began_with_an_old_key_is_finished_with_it(made: Installation, store: Store) -> None:
    rulebook = Rulebook(made.keys)
    (old,) = made.keys.masters
    password = made.keys.device_password("default", "pump-7", SEED, old)
    await renew_people(made, store)
    ring = rotate(made)
    async with store.write() as transaction:
        await transaction.save_accounts([Account("jo", ADMINISTRATOR, "default", "jo", SEED, ring.current)])
    await take_keys(store, rulebook, ring.without((old,)))
    assert rulebook.password_of(replace(PUMP, key_id=old)) == password
    assert rulebook.draw().key_id == ring.current


def test_new_logins_of_the_bridge_are_all_others_and_its_names_stay(made: Installation) -> None:
    renewed = with_own_logins(made).facts
    for name in ("gate", "control", "info", "accounts"):
        before, after = getattr(made.facts, name), getattr(renewed, name)
        assert before.username == after.username
        assert before.password != after.password
        assert before.client_id != after.client_id
    assert renewed.bootstrap_password == made.facts.bootstrap_password
    with_own_logins(made).write_facts()
    (gate, *own) = installation.make(made.folder.path).mended
    assert "bootstrap-broker/passwords" in gate
    assert len(own) == 3, "the brokers' files follow at the next start"


async def test_a_key_that_a_row_came_to_name_while_it_was_counted_stays(made: Installation, store: Store) -> None:
    """As by a bridge that did not use the current key after all."""
    second = rotate(made).current
    rotate(made)

    def at(step: Step) -> None:
        if step is Step.ROWS_COUNTED:
            with closing(sqlite3.connect(made.folder.database)) as rows:
                rows.execute("UPDATE accounts SET key_id = ? WHERE username = 'admin'", (second,))
                rows.commit()

    done = await remove_unused(made, made.database_url, at)
    assert done.removed == ()
    assert set(done.kept) == {*made.keys.masters, second}
    await unbroken(made, store)
