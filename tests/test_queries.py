"""What people read: pages, search, counts, statistics."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bridge import queries, schema
from bridge.decisions import Event
from bridge.queries import ListQuery
from bridge.records import Account, Caller, Change
from bridge.registration import Registration, Status
from bridge.rows import RANKS
from bridge.store import Store
from tests.making import (
    ACCEPTED,
    BLOCKED,
    BY,
    IDS,
    NOW,
    PENDING,
    REGISTRATIONS,
    WAITING,
    accepted,
    blocked,
    claim,
    installed,
    pending,
    waiting,
)

SORTS = [None, *(f"{way}{key}" for key in ("id", "name", "status", "creationTime", "lastSeen") for way in ("", "-"))]


async def filled(store: Store, *records: Registration) -> None:
    async with store.write() as transaction:
        await transaction.connection.execute(sa.delete(schema.registrations))
        await transaction.connection.execute(sa.delete(schema.tallies))
        await transaction.save([Change(None, one) for one in records])


async def listed(store: Store, **wishes: Any) -> list[str]:
    query = ListQuery(
        **{"tenant": None, "statuses": None, "search": None, "sort": None, "limit": 100, "after": None, **wishes}
    )
    async with store.read() as connection:
        return [one.id for one in await queries.list_registrations(connection, query)]


async def paged(store: Store, sort: str | None, limit: int, **wishes: Any) -> list[str]:
    """Turn the pages until there is none."""
    found: list[str] = []
    after: list[Any] | None = None
    for _ in range(20):
        query = ListQuery(
            **{"tenant": None, "statuses": None, "search": None, **wishes}, sort=sort, limit=limit, after=after
        )
        async with store.read() as connection:
            page = await queries.list_registrations(connection, query)
        if not page:
            return found
        found += [one.id for one in page]
        after = queries.position_of(page[-1], sort)
    raise AssertionError("pages without end")


def ordered(records: list[Registration], sort: str | None) -> list[str]:
    """The same order, by Python."""
    keys: dict[str, Any] = {
        "id": lambda one: (one.id.encode(),),
        "name": lambda one: ((one.name or "").encode(), one.id.encode()),
        "status": lambda one: (RANKS[one.status], one.created, one.id.encode()),
        "creationTime": lambda one: (one.created, one.id.encode()),
        "lastSeen": lambda one: (one.last_seen or 0, one.id.encode()),
    }
    key = "status" if sort is None else sort.removeprefix("-")
    return [one.id for one in sorted(records, key=keys[key], reverse=sort is not None and sort.startswith("-"))]


@settings(max_examples=12, phases=[Phase.generate])
@given(st.lists(REGISTRATIONS, min_size=1, max_size=12, unique_by=lambda one: one.id), st.integers(1, 5))
async def test_pages_of_every_order_are_complete_and_without_repeats(
    store: Store, records: list[Registration], limit: int
) -> None:
    await filled(store, *records)
    for sort in SORTS:
        assert await paged(store, sort, limit) == ordered(records, sort)


@settings(max_examples=12, phases=[Phase.generate])
@given(
    st.lists(REGISTRATIONS, min_size=1, max_size=12, unique_by=lambda one: one.id),
    st.sets(st.sampled_from(Status)),
    st.integers(1, 5),
)
async def test_pages_of_some_statuses_of_one_tenant_are_complete_in_every_order(
    store: Store, records: list[Registration], statuses: set[Status], limit: int
) -> None:
    await filled(store, *records)
    tenant = records[0].tenant
    expected = [one for one in records if one.status in statuses and one.tenant == tenant]
    for sort in SORTS:
        assert await paged(store, sort, limit, statuses=list(statuses), tenant=tenant) == ordered(expected, sort)


@settings(max_examples=30, phases=[Phase.generate])
@given(st.lists(REGISTRATIONS, min_size=1, max_size=8, unique_by=lambda one: one.id), IDS)
async def test_the_search_finds_a_part_of_id_or_name_in_any_case(
    store: Store, records: list[Registration], search: str
) -> None:
    await filled(store, *records)
    expected = {
        one.id
        for one in records
        if search.casefold() in one.id.casefold() or search.casefold() in (one.name or "").casefold()
    }
    assert set(await listed(store, search=search)) == expected


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("GERÄT", ["Gerät-1"]),
        ("strasse", ["s"]),
        ("STRASSE", ["s"]),
        ("%", ["50%"]),
        ("_", ["a_b"]),
        ("\\", ["back\\"]),
        ("5%", []),
        ("a%b", []),
        ("axb", ["axb"]),
        ("", ["50%", "Gerät-1", "a_b", "axb", "back\\", "s"]),
        ("nowhere", []),
    ],
)
async def test_the_search_takes_every_character_as_itself(store: Store, search: str, found: list[str]) -> None:
    ids = ["Gerät-1", "50%", "a_b", "axb", "back\\"]
    await filled(store, *(waiting(id=one) for one in ids), waiting(id="s", name="Hauptstraße"))
    assert await listed(store, search=search, sort="id") == found


async def test_what_waits_for_a_person_is_first_and_within_a_status_the_oldest(store: Store) -> None:
    await filled(
        store,
        waiting(id="w2", created=NOW + 2),
        waiting(id="w1", created=NOW + 1),
        accepted(id="a"),
        pending(id="p2", created=NOW + 9),
        pending(id="p1", created=NOW + 8),
        blocked(id="b"),
    )
    assert await listed(store) == ["p1", "p2", "b", "w1", "w2", "a"]


async def test_a_page_can_be_narrowed_by_tenant_and_status(store: Store) -> None:
    await filled(store, waiting(id="a"), pending(id="b"), pending(id="c", tenant="north"), blocked(id="d"))
    assert await listed(store, tenant="default", statuses=[PENDING, BLOCKED]) == ["b", "d"]
    assert await listed(store, statuses=[PENDING]) == ["b", "c"]
    assert await listed(store, statuses=[]) == []
    assert await listed(store, tenant="nobody") == []


async def test_pages_hold_while_the_list_is_narrowed(store: Store) -> None:
    await filled(store, *(pending(id=f"p{number}", name="x") for number in range(7)), pending(id="other"))
    assert await paged(store, "-name", 2, search="p", statuses=[PENDING]) == [f"p{n}" for n in range(6, -1, -1)]


async def test_counts_are_of_all_that_a_tenant_has(store: Store) -> None:
    await filled(store, waiting(id="a"), pending(id="b"), pending(id="c", tenant="north"))
    async with store.read() as connection:
        assert await queries.counts(connection, "default") == {WAITING: 1, PENDING: 1, ACCEPTED: 0, BLOCKED: 0}
        assert await queries.counts(connection, None) == {WAITING: 1, PENDING: 2, ACCEPTED: 0, BLOCKED: 0}


async def test_an_unknown_order_is_an_error_and_no_list() -> None:
    with pytest.raises(ValueError, match="colour"):
        queries.sort_columns("colour")


async def test_ids_with_a_status_come_in_chunks(store: Store) -> None:
    await filled(store, *(pending(id=f"p{n}") for n in range(5)), pending(id="p9", tenant="north"), waiting(id="w"))
    async with store.read() as connection:
        assert await queries.ids_with_status(connection, "default", PENDING, "", 2) == ["p0", "p1"]
        assert await queries.ids_with_status(connection, None, PENDING, "p3", 9) == ["p4", "p9"]


async def test_the_oldest_pending_is_the_one_that_has_waited_longest_for_a_person(store: Store) -> None:
    await filled(
        store, waiting(id="w", first_called=1), pending(id="p", first_called=7), pending(id="q", first_called=5)
    )
    async with store.read() as connection:
        assert await queries.oldest_pending(connection, None) == 5
        assert await queries.oldest_pending(connection, "north") is None


@given(st.lists(st.integers(0, 500), max_size=30))
@settings(max_examples=15, phases=[Phase.generate])
async def test_quantiles_are_those_of_the_seconds_from_call_to_confirmation(store: Store, waits: list[int]) -> None:
    records = [installed(id=f"p{n}", first_called=NOW, confirmed=NOW + 1_000 * wait) for n, wait in enumerate(waits)]
    await filled(store, *records, installed(id="unconfirmed"), installed(id="early", first_called=0, confirmed=NOW - 1))
    async with store.read() as connection:
        found = await queries.confirmation_quantiles(connection, None, NOW, (0.0, 0.5, 0.99))
        assert await queries.confirmation_quantiles(connection, "north", NOW, (0.5,)) == [None]
    ranked = sorted(waits)
    assert found == [
        float(ranked[min(len(ranked) - 1, int(len(ranked) * q))]) if ranked else None for q in (0, 0.5, 0.99)
    ]


async def test_what_was_never_delivered_is_found_again(store: Store) -> None:
    await filled(
        store,
        accepted(id="not-installed"),
        installed(id="delivered", delivered=NOW),
        installed(id="confirmed", confirmed=NOW),
        installed(id="x1"),
        installed(id="x2"),
    )
    async with store.read() as connection:
        assert [one.id for one in await queries.undelivered(connection, "", 9)] == ["x1", "x2"]
        assert [one.id for one in await queries.undelivered(connection, "x1", 9)] == ["x2"]
        assert len(await queries.undelivered(connection, "", 1)) == 1


async def test_accounts_that_leave_are_done_before_those_that_come(store: Store) -> None:
    coming = Account("a", "device", "default", "a", b"seed", "k1")
    leaving, there = replace(coming, username="z", wanted=False), replace(coming, username="m", installed=NOW)
    async with store.write() as transaction:
        await transaction.save_accounts([coming, leaving, there])
    async with store.read() as connection:
        assert await queries.accounts_to_do(connection, 9) == [leaving, coming]
        assert await queries.accounts_to_do(connection, 1) == [leaving]
        assert await queries.accounts(connection, "", 2) == [coming, there]
        assert await queries.accounts(connection, "m", 2) == [leaving]


async def test_what_may_have_expired_or_is_over_is_found_in_pages(store: Store) -> None:
    await filled(
        store,
        waiting(id="a", created=10),
        pending(claim("c1"), id="b", created=10),
        waiting(id="young", created=11),
        blocked(id="blocked", created=1),
        installed(id="c", created=1, confirmed=20),
        installed(id="fresh", created=1, confirmed=21),
        accepted(id="unconfirmed", created=1),
    )
    async with store.read() as connection:
        assert await queries.aged(connection, created=10, confirmed=20, after="", limit=9) == ["a", "b", "c"]
        assert await queries.aged(connection, created=10, confirmed=20, after="a", limit=1) == ["b"]
        assert await queries.aged(connection, created=-1, confirmed=-1, after="", limit=9) == []


async def test_only_administrators_that_are_wanted_have_a_role(store: Store) -> None:
    admin = Account("ada", "administrator", "north", "ada", b"seed", "k1", "viewer")
    gone = replace(admin, username="bob", wanted=False)
    async with store.write() as transaction:
        await transaction.save_accounts([admin, gone, replace(admin, username="dev", kind="device", role=None)])
    async with store.read() as connection:
        assert await queries.roles(connection) == {("north", "ada"): "viewer"}


async def test_hours_are_told_oldest_first_and_the_present_is_none_of_them(store: Store) -> None:
    events = [Event("accepted", "x", "default", Status.ACCEPTED, NOW + hour * 3_600_000, BY) for hour in (2, 0, 1)]
    async with store.write() as transaction:
        await transaction.save([Change(None, waiting())], events)
    async with store.read() as connection:
        assert [hour for hour, _, _ in await queries.hours(connection, "default", 0)] == [
            NOW + hour * 3_600_000 for hour in range(3)
        ]


async def test_people_are_those_of_a_kind_that_are_wanted_in_pages(store: Store) -> None:
    ada = Account("ada", "administrator", "north", "ada", b"seed", "k1", "viewer", secret=b"x")
    app = replace(ada, username="app", kind="application", role=None, tenant="default", details="{}")
    others = [replace(ada, username="gone", wanted=False), replace(ada, username="n/device_x", kind="device")]
    bob = replace(ada, username="bob", tenant="default")
    async with store.write() as transaction:
        await transaction.save_accounts([bob, app, ada, *others])
    async with store.read() as connection:
        assert await queries.people(connection, "administrator", None, "", 9) == [ada, bob]
        assert await queries.people(connection, "administrator", None, "ada", 9) == [bob]
        assert await queries.people(connection, "administrator", None, "", 1) == [ada]
        assert await queries.people(connection, "administrator", "default", "", 9) == [bob]
        assert await queries.people(connection, "application", "north", "", 9) == []
        assert await queries.people(connection, "application", None, "", 9) == [app]
        assert await queries.key_ids(connection) == {"k1"}


async def test_tenants_are_told_by_id_in_pages(store: Store) -> None:
    async with store.write() as transaction:
        for tenant, name in (("south", "Süd"), ("north", None), ("east", "Ost")):
            await transaction.make_tenant(tenant, name, NOW)
    async with store.read() as connection:
        assert await queries.tenants(connection, None, 2) == [("east", "Ost"), ("north", None)]
        assert await queries.tenants(connection, "north", 2) == [("south", "Süd")]


async def test_callers_without_registration_are_told_the_last_one_first(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.note_unregistered([("b", False, 1), ("a", False, 1)], NOW)
        await transaction.note_unregistered([("c", True, 2)], NOW + 1)
    expected = [Caller("c", 2, NOW + 1, NOW + 1, True), *(Caller(one, 1, NOW, NOW, False) for one in "ab")]
    async with store.read() as connection:
        assert await queries.unregistered(connection, None, 9) == expected
        for place, one in enumerate(expected):
            after = [one.last_seen, one.id]
            assert await queries.unregistered(connection, after, 9) == expected[place + 1 :]


async def test_how_things_stand_is_options_tenants_and_roles(store: Store) -> None:
    async with store.write() as transaction:
        await transaction.ensure_tenants(NOW)
        await transaction.set_option("default", "topics", ["a/{tenant}/{id}"])
        await transaction.save_accounts([Account("ada", "administrator", "north", "ada", b"seed", "k1", "owner")])
        inside = await queries.standing(transaction.connection)
    async with store.read() as connection:
        assert await queries.standing(connection) == inside
    assert inside.values == {("default", "topics"): ["a/{tenant}/{id}"]}
    assert inside.tenants == {"default", "management"}
    assert inside.roles == {("north", "ada"): "owner"}
