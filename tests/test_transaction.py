"""What is written beside registrations: groups, tenants, accounts to be looked at again, the audit of files."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from bridge import inventory_queries, queries, schema
from bridge.records import Account, AuditEntry
from bridge.store import Store, StoreFault
from tests.making import BY, NOW, entry

ACCOUNT = Account("default/device_a", "device", "default", "a", b"seed", "k1", installed=NOW)
ENTRY = AuditEntry(NOW, "default", BY, "bulk-register", None, "ok", {"complete": False}, "b1")


async def paths(store: Store, tenant: str = "default") -> list[str]:
    async with store.read() as connection:
        return [path for path, _ in await inventory_queries.list_groups(connection, tenant, None, 99)]


async def test_groups_are_made_once_with_those_above_them(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.make_groups([])
        for _ in range(2):
            await transaction.make_groups([("default", "A/B/C"), ("default", "A/B/C"), ("north", "N")])
    assert await paths(store) == ["A", "A/B", "A/B/C"]
    assert await paths(store, "north") == ["N"]


async def test_a_forgotten_group_takes_those_below_it_and_no_other(store: Store) -> None:
    async with store.write() as transaction:
        for tenant in ("default", "north"):
            await transaction.make_groups((tenant, path) for path in ("A%/B", "A%C", "AX/B", "A%"))
        await transaction.forget_group("default", "A%")
    assert await paths(store) == ["A%C", "AX", "AX/B"]
    assert "A%/B" in await paths(store, "north")


async def test_a_tenant_is_made_once(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.make_tenant("south", "Süd", NOW)
    with pytest.raises(StoreFault, match="UNIQUE"):
        async with store.write() as transaction:
            await transaction.make_tenant("south", None, NOW)
    async with store.read() as connection:
        assert await queries.tenants(connection, None, 9) == [("south", "Süd")]


async def test_wanted_accounts_of_the_kind_and_tenant_are_looked_at_again(store: Store) -> None:
    """Also those that are being installed at this moment, with what they might do before."""
    rows = [
        ACCOUNT,
        replace(ACCOUNT, username="north/device_b", tenant="north"),
        replace(ACCOUNT, username="app", kind="application"),
        replace(ACCOUNT, username="default/device_c", wanted=False, installed=None, renewed=True),
        replace(ACCOUNT, username="default/device_d", installed=None, renewed=True),
    ]
    async with store.write() as transaction:
        await transaction.save_accounts(rows)
        await transaction.revisit_accounts("device", "default")
        found = await transaction.accounts([row.username for row in rows])
        again = {row.username: replace(row, revisit=True) for row in (rows[0], rows[4])}
        assert found == {row.username: row for row in rows} | again
        await transaction.revisit_accounts("device", None)
        found = await transaction.accounts(["north/device_b", "app"])
    assert (found["north/device_b"].revisit, found["app"].revisit) == (True, False)


async def test_who_waits_for_a_first_login_goes_before_those_whose_rights_have_changed(store: Store) -> None:
    fresh = replace(ACCOUNT, username="zoe", kind="administrator", installed=None)
    leaving = replace(ACCOUNT, username="default/device_z", wanted=False, installed=None, revisit=True)
    anew = replace(ACCOUNT, username="default/device_b", installed=None, renewed=True)
    async with store.write() as transaction:
        await transaction.save_accounts([ACCOUNT, anew, fresh, leaving])
        await transaction.revisit_accounts("device", None)
    async with store.read() as connection:
        first = [one.username for one in await queries.accounts_to_do(connection, 9)]
        assert first == ["default/device_z", "zoe", "default/device_b"], "a new password is not a first one"
        left = await queries.accounts_to_do(connection, 9, without=first)
        assert [one.username for one in left] == [ACCOUNT.username]


async def test_a_file_is_one_audit_entry_a_tenant_however_often_it_is_written(store: Store) -> None:
    done = replace(ENTRY, details={"complete": True})
    plain = replace(ENTRY, bulk=None)
    async with store.write() as transaction:
        await transaction.audit([ENTRY, replace(ENTRY, tenant="north")])
        await transaction.audit([plain, plain])
        await transaction.audit([done, replace(done, tenant="north"), replace(done, bulk="b2")])
    async with store.read() as connection:
        table = schema.audit
        rows = await connection.execute(
            sa.select(table.c.bulk, table.c.tenant, table.c.details).order_by(table.c.number)
        )
        found = [tuple(row) for row in rows]
    assert found == [
        ("b1", "default", '{"complete":true}'),
        ("b1", "north", '{"complete":true}'),
        (None, "default", '{"complete":false}'),
        (None, "default", '{"complete":false}'),
        ("b2", "default", '{"complete":true}'),
    ]


async def test_all_of_an_entry_and_of_an_account_is_kept(store: Store) -> None:
    device = entry(iccid="8949", id_type="imei", shell=True, bulk="b1", last_info=NOW)
    account = replace(ACCOUNT, secret=b"\0\xff", details="{}", role="viewer", renewed=True)
    async with store.write() as transaction:
        await transaction.save_devices([device])
        await transaction.save_accounts([account])
        assert await transaction.devices([device.id]) == {device.id: device}
        assert await transaction.accounts([account.username]) == {account.username: account}
