"""Decisions inside one transaction: loaded once, decided in order, written once."""

from dataclasses import replace

import pytest

from bridge import inventory_queries
from bridge.batch import AccountWork, Batch, distinct
from bridge.decisions import Call, Confirm, Delete, DeleteDevice, Register
from bridge.records import Account, Change
from bridge.registration import CallKind, Code, Device, Form, Registration, TokenPolicy
from bridge.rulebook import Rulebook
from bridge.store import Store
from tests.making import (
    ACCEPTED,
    BY,
    NEW_SEED,
    NOW,
    PENDING,
    SEED,
    WAITING,
    accept,
    accepted,
    announce,
    call,
    claim,
    installed,
    pending,
    provision,
    waiting,
)
from tests.world import KEYS

REGISTER = Register("pump-7", "default", BY)
USERNAME = "default/device_pump-7"
DEVICE = Device("pump-7", "default", BY, None, None, None, {}, NOW)


@pytest.fixture
def rulebook() -> Rulebook:
    return Rulebook(KEYS)


async def saved(store: Store, *records: Registration) -> None:
    async with store.write() as transaction:
        await transaction.save([Change(None, one) for one in records])


async def loaded(store: Store) -> dict[str, Registration]:
    async with store.write() as transaction:
        return await transaction.registrations(["pump-7", "pump-8"])


async def test_commands_for_one_device_build_on_each_other(store: Store, rulebook: Rulebook) -> None:
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        for command in (REGISTER, call(), call(client_id="client-2")):
            batch.decide(command)
        await batch.write()
    found = (await loaded(store))["pump-7"]
    assert (found.status, found.calls, len(found.claims)) == (PENDING, 2, 2)
    assert [event.event for event in batch.events] == ["registered", "requested", "requested"]


async def test_what_comes_and_goes_within_a_batch_leaves_no_row(store: Store, rulebook: Rulebook) -> None:
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        batch.decide(REGISTER)
        batch.decide(Delete("pump-7", BY))
        await batch.write()
    assert await loaded(store) == {}


async def test_a_device_deleted_and_registered_again_in_one_batch_starts_anew(store: Store, rulebook: Rulebook) -> None:
    await saved(store, pending(claim("c1", "a"), failed_attempts=3))
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        batch.decide(Delete("pump-7", BY))
        batch.decide(REGISTER)
        await batch.write()
    assert await loaded(store) == {"pump-7": waiting(created=NOW)}


async def test_a_refusal_writes_nothing(store: Store, rulebook: Rulebook) -> None:
    await saved(store, waiting())
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7", "pump-8"])
        assert batch.decide(accept()).refusal is not None
        await batch.write()
    assert await loaded(store) == {"pump-7": waiting()}
    assert not batch.account_work


async def test_an_acceptance_wants_an_account_in_the_same_transaction(store: Store, rulebook: Rulebook) -> None:
    await saved(store, pending())
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        decision = batch.decide(accept())
        await batch.write()
        found = await transaction.accounts([USERNAME])
    after = decision.after
    assert after is not None
    assert after.seed is not None
    expected = Account(USERNAME, "device", "default", "pump-7", after.seed, "k1")
    assert found == {USERNAME: expected}
    assert batch.account_work.coming == [(expected, after)]
    assert not batch.account_work.leaving


async def test_an_account_with_an_earlier_life_is_renewed(store: Store, rulebook: Rulebook) -> None:
    await saved(store, pending())
    async with store.write() as transaction:
        await transaction.save_accounts([Account(USERNAME, "device", "default", "pump-7", b"old", "k1", installed=NOW)])
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        batch.decide(accept())
        await batch.write()
        account = (await transaction.accounts([USERNAME]))[USERNAME]
    assert (account.renewed, account.installed, account.wanted) == (True, None, True)
    assert batch.account_work.coming[0][0] == account


async def test_a_deletion_before_confirmation_takes_account_and_entry_away(store: Store, rulebook: Rulebook) -> None:
    await saved(store, installed())
    there = Account(USERNAME, "device", "default", "pump-7", SEED, "k1", installed=NOW)
    async with store.write() as transaction:
        await transaction.save_accounts([there])
        await transaction.save_devices([DEVICE])
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        batch.decide(Delete("pump-7", BY))
        await batch.write()
        assert await transaction.accounts([USERNAME]) == {USERNAME: replace(there, wanted=False, installed=None)}
        assert await transaction.devices(["pump-7"]) == {}
    assert batch.account_work.leaving


async def test_a_deletion_after_confirmation_leaves_account_and_entry(store: Store, rulebook: Rulebook) -> None:
    await saved(store, installed(confirmed=NOW))
    there = Account(USERNAME, "device", "default", "pump-7", SEED, "k1", installed=NOW)
    async with store.write() as transaction:
        await transaction.save_accounts([there])
        await transaction.save_devices([DEVICE])
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        batch.decide(Delete("pump-7", BY))
        await batch.write()
        assert await transaction.accounts([USERNAME]) == {USERNAME: there}
        assert await transaction.devices(["pump-7"]) == {"pump-7": DEVICE}
    assert not batch.account_work


async def test_a_device_of_another_tenant_keeps_its_id(store: Store, rulebook: Rulebook) -> None:
    async with store.write() as transaction:
        await transaction.save_devices([replace(DEVICE, tenant="north")])
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        refusal = batch.decide(REGISTER).refusal
        assert refusal is not None
        assert refusal.code is Code.ALREADY_EXISTS
        assert "north" not in refusal.message


async def test_a_hidden_record_is_as_if_there_were_none_and_stays(store: Store, rulebook: Rulebook) -> None:
    before = pending(tenant="north")
    await saved(store, before)
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        assert batch.registration("pump-7") == before
        assert batch.registration("pump-7", "default") is None
        for command in (accept(), Delete("pump-7", BY)):
            refusal = batch.decide(command, hidden=True).refusal
            assert refusal is not None
            assert refusal.code is Code.NOT_FOUND
        await batch.write()
    assert await loaded(store) == {"pump-7": before}
    assert batch.events == []


async def test_each_tenants_own_policy_decides(store: Store, rulebook: Rulebook) -> None:
    await saved(store, waiting(), waiting(id="pump-8", tenant="north"))
    rulebook.follow({("north", "security-token.policy"): "REQUIRED"}, rulebook.tenants, rulebook.roles)
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7", "pump-8"])
        ends = [batch.decide(Call(id_, CallKind.PRIVATE, "x", Form.JSON)).after for id_ in ("pump-7", "pump-8")]
    assert [end.status.value for end in ends if end] == ["PENDING_ACCEPTANCE", "BLOCKED"]


def test_changed_options_hold_from_the_next_decision_on(rulebook: Rulebook) -> None:
    assert rulebook.policy("default").tokens is TokenPolicy.OPTIONAL
    rulebook.follow({("default", "security-token.policy"): "IGNORED"}, rulebook.tenants, rulebook.roles)
    assert rulebook.policy("default").tokens is TokenPolicy.IGNORED


def test_each_decision_has_randomness_of_its_own(rulebook: Rulebook) -> None:
    draws = [rulebook.draw() for _ in range(20)]
    assert len({one.seed for one in draws}) == len({one.fingerprint for one in draws}) == 20
    assert all((len(one.seed), len(one.fingerprint), one.key_id) == (16, 8, "k1") for one in draws)


async def test_a_confirmation_of_an_unknown_device_writes_nothing(store: Store, rulebook: Rulebook) -> None:
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        batch.decide(Confirm("pump-7", "default"))
        await batch.write()
    assert await loaded(store) == {}


def test_the_hints_of_several_batches_add_up() -> None:
    account = Account(USERNAME, "device", "default", "pump-7", SEED, "k1")
    work = AccountWork()
    assert not work
    work.add(AccountWork([(account, accepted())]))
    assert work
    assert not work.leaving
    work.add(AccountWork(leaving=True))
    assert (len(work.coming), work.leaving) == (1, True)


def test_ids_are_taken_once_in_their_order() -> None:
    assert distinct(["b", "a", "b"]) == ["b", "a"]


async def test_a_status_nobody_changed_is_written_as_it_was(store: Store, rulebook: Rulebook) -> None:
    await saved(store, waiting(), accepted(id="pump-8"))
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7", "pump-8"])
        batch.decide(call())
        await batch.write()
    found = await loaded(store)
    assert [found[id_].status for id_ in ("pump-7", "pump-8")] == [PENDING, ACCEPTED]
    assert found["pump-8"] == accepted(id="pump-8")
    assert WAITING not in {one.status for one in found.values()}


async def test_a_full_line_wants_an_account_with_its_password_and_writes_entry_and_groups(
    store: Store, rulebook: Rulebook
) -> None:
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"], devices=True)
        batch.decide(provision(name="N", group="A/B"))
        await batch.write()
        found = await transaction.accounts([USERNAME])
        assert found == {USERNAME: Account(USERNAME, "device", "default", "pump-7", NEW_SEED, "k1", secret=b"secret")}
        (device,) = (await transaction.devices(["pump-7"])).values()
        assert (device.name, device.group, device.bulk) == ("N", "A/B", "b1")
        assert await inventory_queries.has_group(transaction.connection, "default", "A")
        assert await inventory_queries.has_group(transaction.connection, "default", "A/B")
    assert [account.username for account, _ in batch.account_work.coming] == [USERNAME]


async def test_what_was_entered_is_what_the_next_line_meets(store: Store, rulebook: Rulebook) -> None:
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"], devices=True)
        batch.decide(provision(name="N"))
        batch.decide(announce(group="G"))
        assert batch.device("pump-7") == batch.device("pump-7", "default")
        assert batch.device("pump-7", "north") is None
        await batch.write()
        (device,) = (await transaction.devices(["pump-7"])).values()
    assert (device.name, device.group) == ("N", "G")


async def test_what_was_decided_elsewhere_is_put_in_place_of_what_was_loaded(store: Store, rulebook: Rulebook) -> None:
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"], devices=True)
        batch.place("pump-7", None, replace(DEVICE, tenant="north"))
        refusal = batch.decide(announce()).refusal
    assert refusal is not None
    assert refusal.code is Code.ALREADY_EXISTS


@pytest.mark.parametrize("with_registration", [True, False])
async def test_a_deleted_device_leaves_no_entry_and_an_account_to_be_removed(
    store: Store, rulebook: Rulebook, with_registration: bool
) -> None:
    if with_registration:
        await saved(store, installed(confirmed=NOW))
    there = Account(USERNAME, "device", "default", "pump-7", SEED, "k1", installed=NOW)
    async with store.write() as transaction:
        await transaction.save_accounts([there])
        await transaction.save_devices([DEVICE])
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"], devices=True)
        batch.decide(DeleteDevice("pump-7", BY))
        await batch.write()
        assert await transaction.devices(["pump-7"]) == {}
        assert await transaction.accounts([USERNAME]) == {USERNAME: replace(there, wanted=False, installed=None)}
    assert await loaded(store) == {}
    assert batch.account_work.leaving


async def test_a_registration_makes_the_groups_that_it_names(store: Store, rulebook: Rulebook) -> None:
    async with store.write() as transaction:
        batch = Batch(transaction, rulebook, NOW)
        await batch.load(["pump-7"])
        batch.decide(replace(REGISTER, group="A/B"))
        await batch.write()
        assert await inventory_queries.list_groups(transaction.connection, "default", None, 9) == [("A", 0), ("A/B", 0)]
