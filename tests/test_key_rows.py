"""Rows that name master keys, beside a bridge that has the database open."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from bridge import key_rows, schema
from bridge.credentials import BadSecret, KeyRing
from bridge.key_rows import RowsFault, encrypt_anew, held_still, looked_at, named, seeds, uses
from bridge.records import ADMINISTRATOR, APPLICATION, DEVICE, Account, Answered, Change
from bridge.store import Store
from tests.making import NOW, SEED, accepted, waiting

RING = KeyRing({"k1": bytes(range(32))}, "k1").rotated("k2", bytes(32))
PUMP = Account("default/device_pump-7", DEVICE, "default", "pump-7", SEED, "k1")


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path / 'registrations.db'}"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """The database as a running bridge has it."""
    found = await Store.open(url_of(tmp_path))
    yield found
    await found.close()


def chosen(name: str, password: str = "chosen-password", key_id: str = "k1", **changes: object) -> Account:
    made = Account(name, ADMINISTRATOR, "default", name, SEED, key_id, secret=RING.locked(name, password, key_id))
    return replace(made, **changes)  # type: ignore[arg-type]


async def wanted(store: Store, *accounts: Account) -> None:
    async with store.write() as transaction:
        await transaction.want_accounts(accounts)


async def there(store: Store, *names: str) -> dict[str, Account]:
    async with store.write() as transaction:
        return await transaction.accounts(names)


async def test_rows_are_counted_by_their_key_and_kind(store: Store, tmp_path: Path) -> None:
    answer = {"ok": True, "result": {"name": "jo", "password": {"seed": "00", "keyId": "k3"}}}
    async with store.write() as transaction:
        await transaction.want_accounts(
            [PUMP, chosen("ada"), chosen("bob", key_id="k2"), replace(PUMP, username="app", kind=APPLICATION)]
        )
        await transaction.save([Change(None, accepted()), Change(None, waiting(id="pump-8"))])
        for number, said in enumerate((answer, {"ok": True, "result": {"name": '"keyId"'}}, {"ok": False})):
            key = f"id:{number}"
            await transaction.remember(Answered("default", "admin", key, "x", "d", json.dumps(said), NOW))
    async with held_still(url_of(tmp_path)) as rows:
        assert rows is not None
        assert await uses(rows) == {
            "k1": {"device": 1, "administrator": 1, "application": 1, "stored passwords": 1, "registrations": 1},
            "k2": {"administrator": 1, "stored passwords": 1},
            "k3": {"remembered answers": 1},
        }
        assert await seeds(rows) == {"ada": SEED, "bob": SEED}


def test_where_no_database_is_none_is_made(tmp_path: Path) -> None:
    async def hold() -> None:
        async with held_still(url_of(tmp_path)) as rows:
            assert rows is None

    asyncio.run(hold())
    assert list(tmp_path.iterdir()) == []


async def test_while_rows_are_held_the_bridge_waits_and_loses_nothing(store: Store, tmp_path: Path) -> None:
    async with held_still(url_of(tmp_path)) as rows:
        assert rows is not None
        writing = asyncio.create_task(wanted(store, PUMP))
        await asyncio.sleep(0.05)
        assert await uses(rows) == {}
    await writing
    assert await there(store, PUMP.username) == {PUMP.username: PUMP}


async def test_looking_keeps_nobody_from_writing_and_sees_one_moment(store: Store, tmp_path: Path) -> None:
    async with looked_at(url_of(tmp_path)) as rows:
        assert rows is not None
        assert await uses(rows) == {}
        await wanted(store, PUMP)
        assert await uses(rows) == {}
        assert await named(rows, ["k1"]) == set()
    async with held_still(url_of(tmp_path)) as rows:
        assert rows is not None
        assert await named(rows, ["k1", "k2"]) == {"k1"}


async def test_a_key_is_named_by_an_account_a_registration_or_an_answer(store: Store, tmp_path: Path) -> None:
    answer = json.dumps({"ok": True, "result": {"name": "jo", "password": {"seed": "00", "keyId": "k3"}}})
    async with store.write() as transaction:
        await transaction.want_accounts([replace(PUMP, wanted=False)])
        await transaction.save([Change(None, accepted(key_id="k2"))])
        await transaction.remember(Answered("default", "admin", "id:1", "x", "d", answer, NOW))
    async with held_still(url_of(tmp_path)) as rows:
        assert rows is not None
        assert await named(rows, ["k1", "k2", "k3", "k4"]) == {"k1", "k2", "k3"}


async def test_a_database_that_is_none_or_not_ours_is_told(tmp_path: Path) -> None:
    (tmp_path / "registrations.db").write_bytes(b"no database" * 100)
    with pytest.raises(RowsFault, match="cannot be used"):
        await encrypt_anew(url_of(tmp_path), RING)
    (tmp_path / "registrations.db").write_bytes(b"")
    with pytest.raises(RowsFault, match="start the bridge once"):
        await encrypt_anew(url_of(tmp_path), RING)


async def test_stored_passwords_are_encrypted_anew_and_stay_what_they_are(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rows, "AT_ONCE", 3)
    names = [f"user-{number:02}" for number in range(10)]
    before = {name: chosen(name, f"password of {name}", installed=NOW, renewed=True) for name in names}
    device = replace(PUMP, secret=RING.locked(PUMP.username, "of a file", "k1"))
    derived = replace(PUMP, username="default/device_pump-9", subject="pump-9")
    async with store.write() as transaction:
        await transaction.save_accounts([*before.values(), device, derived, chosen("new", key_id="k2")])
        await transaction.save([Change(None, accepted()), Change(None, accepted(id="pump-9", seed=bytes(16)))])
    assert await encrypt_anew(url_of(tmp_path), RING) == 11
    after = await there(store, *names, PUMP.username, derived.username)
    for name in names:
        assert RING.unlocked(name, after[name].secret or b"", "k2") == f"password of {name}"
        assert replace(after[name], secret=None, key_id="") == replace(before[name], secret=None, key_id="")
    assert RING.unlocked(PUMP.username, after[PUMP.username].secret or b"", "k2") == "of a file"
    assert after[derived.username] == derived, "what is derived comes from its key for ever"
    async with store.read() as connection:
        keys = sa.select(schema.registrations.c.id, schema.registrations.c.key_id)
        assert {tuple(row) for row in await connection.execute(keys)} == {("pump-7", "k2"), ("pump-9", "k1")}
    assert await encrypt_anew(url_of(tmp_path), RING) == 0


async def test_a_registration_of_another_life_keeps_its_key(store: Store, tmp_path: Path) -> None:
    """Registered again since the file: the password to come is derived from its own seed, under its own key."""
    async with store.write() as transaction:
        await transaction.want_accounts([replace(PUMP, secret=RING.locked(PUMP.username, "of a file", "k1"))])
        await transaction.save([Change(None, accepted(seed=bytes(16)))])
    await encrypt_anew(url_of(tmp_path), RING)
    async with store.write() as transaction:
        assert (await transaction.registrations(["pump-7"]))["pump-7"].key_id == "k1"


async def test_a_password_that_cannot_be_read_is_named_and_what_was_done_before_stays(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rows, "AT_ONCE", 1)
    await wanted(store, chosen("ada"), chosen("bob", secret=b"spoilt, and long enough to be one"), chosen("cid"))
    with pytest.raises(BadSecret, match="bob"):
        await encrypt_anew(url_of(tmp_path), RING)
    found = await there(store, "ada", "bob", "cid")
    assert {name: account.key_id for name, account in found.items()} == {"ada": "k2", "bob": "k1", "cid": "k1"}
