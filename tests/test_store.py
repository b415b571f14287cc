"""The store's contract, on a database in a file."""

import asyncio
import gc
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path

import alembic.command
import pytest
import sqlalchemy as sa
from alembic.config import Config
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import bridge
from bridge import inventory_queries, queries, schema
from bridge.database_file import log_of
from bridge.decisions import Event
from bridge.records import Account, Answered, AuditEntry, Change
from bridge.registration import Device, Registration, Status
from bridge.rows import account_row, device_row, registration_row
from bridge.store import Store, StoreFault, StoreUnusable
from bridge.transaction import HOUR, MAX_UNREGISTERED, Transaction
from tests.making import BY, NOW, PENDING, REGISTRATIONS, WAITING, claim, pending, waiting

ACCOUNT = Account("default/device_pump-7", "device", "default", "pump-7", b"seed", "k1")
DEVICE = Device("pump-7", "default", BY, "Pump", None, "A/B", {"x": [1, None]}, NOW)
ENTRY = AuditEntry(NOW, "default", BY, "register", "pump-7", "ok", {"x": 1})


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


async def scalars(store: Store, statement: sa.Executable) -> list[object]:
    async with store.read() as connection:
        return list((await connection.execute(statement)).scalars())


async def pragma(transaction: Transaction, name: str) -> object:
    return (await transaction.connection.exec_driver_sql(f"PRAGMA {name}")).scalar()


async def emptied(store: Store) -> None:
    async with store.write() as transaction:
        for table in schema.metadata.tables.values():
            await transaction.connection.execute(sa.delete(table))


async def test_a_commit_is_durable_before_it_returns(tmp_path: Path) -> None:
    store = await Store.open(url_of(tmp_path / "registrations.db"))
    async with store.write() as transaction:
        assert await pragma(transaction, "journal_mode") == "wal"
        assert await pragma(transaction, "synchronous") == 2  # FULL
        assert await pragma(transaction, "busy_timeout") == 5_000
    async with store.read() as connection:
        assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar() == "wal"
    await store.close()


async def test_what_was_replaced_or_deleted_is_not_in_the_database_any_more(tmp_path: Path) -> None:
    path = tmp_path / "registrations.db"
    store = await Store.open(url_of(path))
    old, new, claimed = b"an-old-secret-encrypted", b"a-new-secret-encrypted-", "digest-of-an-old-token"
    first = pending(claim("c1", token=claimed))
    async with store.write() as transaction:
        await transaction.save([Change(None, first)])
        await transaction.save_accounts([replace(ACCOUNT, secret=old)])
    async with store.write() as transaction:
        await transaction.save_accounts([replace(ACCOUNT, secret=new)])
        await transaction.save([Change(first, None)])
    await store.close()  # the log goes into the database
    assert not log_of(path).exists()
    raw = path.read_bytes()
    assert new in raw
    assert old not in raw
    assert claimed.encode() not in raw


async def test_opening_again_migrates_nothing_and_loses_nothing(tmp_path: Path) -> None:
    for attempt in range(2):
        store = await Store.open(url_of(tmp_path / "x.db"))
        async with store.write() as transaction:
            found = await transaction.registrations(["pump-7"])
            assert len(found) == attempt
            if not found:
                await transaction.save([Change(None, waiting())])
        await store.close()


async def test_the_migrations_make_exactly_the_tables_that_the_program_uses(store: Store) -> None:
    def shape(connection: sa.Connection) -> dict[str, tuple[set[str], set[str]]]:
        found = sa.inspect(connection)
        return {
            table: ({c["name"] for c in found.get_columns(table)}, {str(i["name"]) for i in found.get_indexes(table)})
            for table in found.get_table_names()
            if table != "alembic_version"
        }

    async with store.read() as connection:
        made = await connection.run_sync(shape)
    assert made == {
        table.name: ({column.name for column in table.c}, {str(index.name) for index in table.indexes})
        for table in schema.metadata.tables.values()
    }


@pytest.mark.parametrize("fault", ["garbage", "folder", "nowhere", "newer"])
async def test_a_database_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "x.db"
    match fault:
        case "garbage":
            path.write_bytes(b"this is no database" * 100)
        case "folder":
            path.mkdir()
        case "nowhere":
            path = tmp_path / "missing" / "x.db"
        case "newer":
            await (await Store.open(url_of(path))).close()
            with sqlite3.connect(path) as connection:
                connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.close()
    with pytest.raises(StoreUnusable, match=r"x\.db .*"):
        await Store.open(url_of(path))


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "oracle+none://user:s3cret@host/x", "sqlite+aiosqlite://user:s3cret@/x.db"],
)
async def test_an_address_of_no_database_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(StoreUnusable) as caught:
        await Store.open(url)
    assert "s3cret" not in str(caught.value)


async def test_a_change_that_the_database_refuses_is_a_fault_and_reading_goes_on(store: Store, tmp_path: Path) -> None:
    async with store.write() as transaction:
        await transaction.save([Change(None, waiting())])
        await transaction.connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(StoreFault, match="readonly"):
        async with store.write() as transaction:
            await transaction.save([Change(None, waiting(id="pump-8"))])
    async with store.read() as connection:
        assert (await queries.counts(connection, None))[WAITING] == 1


async def test_a_query_that_the_database_refuses_is_a_fault(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.connection.exec_driver_sql("DROP TABLE tenants")
    with pytest.raises(StoreFault, match="tenants"):
        async with store.read() as connection:
            await queries.tenants(connection, None, 10)


async def test_of_a_transaction_that_fails_nothing_is_kept(store: Store) -> None:
    async def fail() -> None:
        async with store.write() as transaction:
            await transaction.save([Change(None, waiting())], [event("registered")])
            await transaction.audit([ENTRY])
            await transaction.save_accounts([ACCOUNT])
            await transaction.save_devices([DEVICE])
            await transaction.set_option("default", "retry-after", 7)
            await transaction.note_unregistered([("x", True, 1)], NOW)
            await transaction.remember(answered())
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await fail()
    for table in schema.metadata.tables.values():
        assert await scalars(store, sa.select(sa.func.count()).select_from(table)) == [0]


async def test_a_reader_sees_a_change_only_once_it_is_committed(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.save([Change(None, waiting())])
        async with store.read() as connection:
            assert (await queries.counts(connection, None))[WAITING] == 0
    async with store.read() as connection:
        assert (await queries.counts(connection, None))[WAITING] == 1


async def test_writers_take_turns_in_the_order_in_which_they_came(store: Store) -> None:
    order: list[str] = []
    inside, leave = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with store.write():
            inside.set()
            await leave.wait()
            order.append("first")

    async def later(name: str) -> None:
        async with store.write():
            order.append(name)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(first())
        await inside.wait()
        tasks.create_task(later("second"))
        tasks.create_task(later("third"))
        leave.set()
    assert order == ["first", "second", "third"]


@settings(max_examples=25, phases=[Phase.generate])
@given(st.lists(REGISTRATIONS, max_size=6, unique_by=lambda one: one.id), st.lists(REGISTRATIONS, max_size=6))
async def test_what_is_saved_is_loaded_and_counts_are_a_recount(
    store: Store, first: list[Registration], second: list[Registration]
) -> None:
    await emptied(store)
    async with store.write() as transaction:
        await transaction.save([Change(None, one) for one in first])
    before = {one.id: one for one in first}
    after: dict[str, Registration | None] = {one.id: one for one in second}
    after |= {id_: None for number, id_ in enumerate(before) if id_ not in after and number % 2}
    async with store.write() as transaction:
        assert await transaction.registrations(before) == before
        await transaction.save([Change(before.get(id_), one) for id_, one in after.items()])
    expected = {id_: one for id_, one in {**before, **after}.items() if one is not None}
    async with store.write() as transaction:
        assert await transaction.registrations([*before, *after, "none"]) == expected
    recount = Counter((one.tenant, one.status) for one in expected.values())
    async with store.read() as connection:
        for tenant in ("default", "north", "management"):
            assert await queries.counts(connection, tenant) == {one: recount[tenant, one] for one in Status}
        assert sum((await queries.counts(connection, None)).values()) == len(expected)


def event(name: str, at: int = NOW, tenant: str = "default") -> Event:
    return Event(name, "pump-7", tenant, WAITING, at, BY)


async def test_what_happened_is_tallied_by_tenant_and_hour(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.save([], [event("registered"), event("registered"), event("deleted")])
        await transaction.save([], [event("registered", NOW + HOUR), event("blocked", NOW, "north")])
    async with store.read() as connection:
        assert await queries.hours(connection, "default", 0) == [(NOW, "registered", 2), (NOW + HOUR, "registered", 1)]
        assert await queries.hours(connection, None, NOW + 1) == [(NOW + HOUR, "registered", 1)]
        assert (NOW, "blocked", 1) in await queries.hours(connection, None, 0)


async def test_more_ids_than_one_query_takes_are_loaded_all(store: Store) -> None:
    many = [waiting(id=f"pump-{number}") for number in range(1_201)]
    async with store.write() as transaction:
        await transaction.save([Change(None, one) for one in many])
        await transaction.save_devices([replace(DEVICE, id=one.id) for one in many])
        ids = [one.id for one in many]
        assert len(await transaction.registrations(ids)) == 1_201
        assert len(await transaction.devices(ids)) == len(await transaction.device_tenants(ids)) == 1_201
        await transaction.forget_devices(ids)
        assert await transaction.devices(ids) == {}


async def test_devices_and_accounts_are_written_over(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.save_devices([DEVICE])
        await transaction.save_devices([replace(DEVICE, name=None, last_info=NOW)])
        assert await transaction.devices(["pump-7"]) == {"pump-7": replace(DEVICE, name=None, last_info=NOW)}
        await transaction.save_accounts([ACCOUNT])
        await transaction.save_accounts([replace(ACCOUNT, wanted=False)])
        assert await transaction.accounts([ACCOUNT.username]) == {ACCOUNT.username: replace(ACCOUNT, wanted=False)}
        await transaction.forget_accounts([ACCOUNT.username])
        assert await transaction.accounts([ACCOUNT.username]) == {}


async def test_an_account_wanted_again_is_marked_as_one_with_an_earlier_life(store: Store) -> None:
    fresh = replace(ACCOUNT, username="default/device_new", subject="new")
    again = replace(ACCOUNT, seed=b"other")
    async with store.write() as transaction:
        assert await transaction.want_accounts([]) == set()
        await transaction.save_accounts([replace(ACCOUNT, wanted=False, installed=NOW)])
        assert await transaction.want_accounts([again, fresh]) == {ACCOUNT.username}
        found = await transaction.accounts([ACCOUNT.username, fresh.username])
    assert found == {ACCOUNT.username: replace(again, renewed=True), fresh.username: fresh}


async def test_audit_entries_stand_in_the_transaction_of_their_change(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.save([Change(None, waiting())])
        await transaction.audit([ENTRY, replace(ENTRY, device_id=None, outcome="NOT_FOUND")])
    async with store.read() as connection:
        rows = (await connection.execute(sa.select(schema.audit).order_by(schema.audit.c.number))).all()
    assert [tuple(row[1:-1]) for row in rows] == [
        (NOW, "default", BY, "register", "pump-7", "ok", '{"x":1}'),
        (NOW, "default", BY, "register", None, "NOT_FOUND", '{"x":1}'),
    ]


def answered(key: str = "id:r-1", at: int = NOW) -> Answered:
    return Answered("default", "admin", key, "accept", "digest", '{"ok":true}', at)


async def test_an_answer_is_remembered_for_its_asker_and_for_a_time(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.remember(answered())
        assert await transaction.answered("default", "admin", "id:r-1", NOW) == answered()
        assert await transaction.answered("default", "admin", "id:r-1", NOW + 1) is None
        for stranger in (("default", "rita"), ("north", "admin")):
            assert await transaction.answered(*stranger, "id:r-1", 0) is None
        await transaction.remember(replace(answered(at=NOW + 5), answer="later"))
        found = await transaction.answered("default", "admin", "id:r-1", 0)
        assert found is not None
        assert found.answer == "later"
        await transaction.forget_answers(NOW + 5)
        assert await transaction.answered("default", "admin", "id:r-1", 0) is not None
        await transaction.forget_answers(NOW + 6)
        assert await transaction.answered("default", "admin", "id:r-1", 0) is None


async def test_callers_without_registration_are_counted_and_bounded(store: Store) -> None:
    table = schema.unregistered
    async with store.write() as transaction:
        await transaction.note_unregistered([], NOW)
        await transaction.note_unregistered([("old", True, 2)], NOW)
        await transaction.note_unregistered([("old", False, 3)], NOW + 5)
        (row,) = (await transaction.connection.execute(sa.select(table))).all()
        assert tuple(row) == ("old", 5, NOW, NOW + 5, True)
        crowd = [(f"x{number}", False, 1) for number in range(MAX_UNREGISTERED)]
        await transaction.note_unregistered(crowd, NOW + 9)
        await transaction.trim_unregistered()
    kept = await scalars(store, sa.select(table.c.id))
    assert len(kept) == MAX_UNREGISTERED
    assert "old" not in kept
    async with store.write() as transaction:
        await transaction.forget_unregistered(["x1"])
    assert "x1" not in await scalars(store, sa.select(table.c.id))


async def test_options_are_loaded_as_they_were_set(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.set_option("default", "security-token.policy", "IGNORED")
        await transaction.set_option("default", "security-token.policy", "REQUIRED")
        await transaction.set_option("management", "retry-after", 7)
        await transaction.set_option("management", "topics", ["plant/{id}/#"])
    async with store.read() as connection:
        assert (await queries.standing(connection)).values == {
            ("default", "security-token.policy"): "REQUIRED",
            ("management", "retry-after"): 7,
            ("management", "topics"): ["plant/{id}/#"],
        }


async def test_a_fresh_installation_has_two_tenants_and_a_second_start_changes_none(store: Store) -> None:
    for at in (NOW, NOW + 1):
        async with store.write() as transaction:
            await transaction.ensure_tenants(at)
    assert await scalars(store, sa.select(schema.tenants.c.created)) == [NOW, NOW]
    async with store.read() as connection:
        assert await queries.tenants(connection, None, 10) == [("default", None), ("management", None)]


async def test_only_what_changed_is_written(store: Store) -> None:
    before = pending(claim("c1"))
    async with store.write() as transaction:
        await transaction.save([Change(None, before)])
        after = replace(before, calls=9)
        await transaction.save([Change(replace(before, name="not in the row"), replace(after, name="not in the row"))])
        assert await transaction.registrations(["pump-7"]) == {"pump-7": after}
    async with store.read() as connection:
        assert (await queries.counts(connection, None))[PENDING] == 1


async def test_a_group_goes_with_those_below_it_and_no_other_whatever_its_case_or_wildcards(store: Store) -> None:
    paths = ["a/x/y", "A/x", "a_/x", "ab/x", "a%/z"]
    async with store.write() as transaction:
        await transaction.make_groups([("default", path) for path in paths] + [("north", "a/x")])
        await transaction.forget_group("default", "a")
    table = schema.groups
    assert await scalars(store, sa.select(table.c.path).where(table.c.tenant == "default").order_by(table.c.path)) == [
        *("A", "A/x", "a%", "a%/z", "a_", "a_/x", "ab", "ab/x")
    ]
    assert await scalars(store, sa.select(table.c.path).where(table.c.tenant == "north")) == ["a", "a/x"]


async def test_a_database_of_the_first_version_is_brought_to_this_one_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    await asyncio.to_thread(old_database, path)
    for _ in range(2):
        store = await Store.open(url_of(path))
        async with store.write() as transaction:
            (kept,) = (await transaction.registrations(["pump-7"])).values()
            assert kept == pending(claim("c1"), group="A/B", name="Größe")
            (device,) = (await transaction.devices(["pump-8"])).values()
            assert device == replace(DEVICE, id="pump-8", name="Größe", group="C", properties={})
            account = replace(ACCOUNT, installed=NOW)
            assert await transaction.accounts([ACCOUNT.username]) == {ACCOUNT.username: account}
        async with store.read() as connection:
            groups = await inventory_queries.list_groups(connection, "default", None, 9)
            query = inventory_queries.DeviceQuery("default", "GRÖSSE", None, None, 9, None)
            assert [one.id for one in await inventory_queries.list_devices(connection, query)] == ["pump-8"]
            entries = await inventory_queries.audit(
                connection, inventory_queries.AuditQuery(None, "pump-7", None, 9, None)
            )
        assert groups == [("A", 0), ("A/B", 0), ("C", 1)]
        assert entries == [replace(ENTRY, number=1)]
        await store.close()


def old_database(path: Path) -> None:
    """Make a database of the first version, with a row in each table that has changed since."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(bridge.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
        connection.commit()
        old = sa.MetaData()
        old.reflect(connection)
        device = replace(DEVICE, id="pump-8", name="Größe", group="C", properties={})
        for table, row in {
            "registrations": registration_row(pending(claim("c1"), group="A/B", name="Größe")),
            "devices": device_row(device),
            "accounts": account_row(replace(ACCOUNT, installed=NOW)),
            "audit": {
                "at": NOW,
                "tenant": "default",
                "actor": BY,
                "action": "register",
                "device_id": "pump-7",
                "outcome": "ok",
                "details": '{"x":1}',
            },
        }.items():
            columns = set(old.tables[table].c.keys())
            connection.execute(
                sa.insert(old.tables[table]), [{name: value for name, value in row.items() if name in columns}]
            )
        connection.commit()
    engine.dispose()


LONG = "WITH RECURSIVE c(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM c LIMIT 1000000) SELECT max(v) FROM c"


async def test_a_statement_that_is_cancelled_leaves_no_lock_though_somebody_holds_its_traceback(
    store: Store,
) -> None:
    held: list[BaseException] = []

    async def work() -> None:
        async with store.write() as transaction:
            await transaction.make_tenant("half", None, 1)
            began.set()
            await transaction.connection.execute(sa.text(LONG))

    gc.disable()
    try:
        for _ in range(3):
            began = asyncio.Event()
            working = asyncio.create_task(work())
            await began.wait()
            await asyncio.sleep(0.02)  # into the statement, which takes much longer
            working.cancel()
            with pytest.raises(asyncio.CancelledError) as cancelled:
                await working
            held.append(cancelled.value)
            async with store.write() as transaction:
                assert "half" not in [name for name, _ in await queries.tenants(transaction.connection, None, 10)]
    finally:
        gc.enable()
