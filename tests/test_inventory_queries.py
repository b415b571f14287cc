"""Pages of devices, groups and the audit, compared with the same by Python."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bridge import inventory_queries as queries
from bridge import schema
from bridge.inventory_queries import AuditQuery, DeviceQuery
from bridge.records import AuditEntry, Change
from bridge.registration import Device
from bridge.store import Store
from tests.making import BY, DEVICES, NOW, entry, waiting

SORTS = [None, *(way + key for key in ("id", "name", "type", "group", "creationTime", "lastSeen") for way in ("", "-"))]
MANY = st.lists(DEVICES, max_size=8, unique_by=lambda device: device.id)


async def filled(store: Store, devices: list[Device]) -> None:
    async with store.write() as transaction:
        for table in (schema.devices, schema.groups):
            await transaction.connection.execute(sa.delete(table))
        await transaction.save_devices(devices)
        await transaction.make_groups((one.tenant, one.group) for one in devices if one.group is not None)


async def page(store: Store, **wishes: Any) -> list[Device]:
    everything = {"tenant": "default", "search": None, "group": None, "sort": None, "limit": 100, "after": None}
    async with store.read() as connection:
        return await queries.list_devices(connection, DeviceQuery(**{**everything, **wishes}))


@settings(max_examples=20, phases=[Phase.generate])
@given(MANY, st.sampled_from(SORTS), st.integers(1, 3))
async def test_pages_of_every_order_are_complete_and_without_repeats(
    store: Store, devices: list[Device], sort: str | None, limit: int
) -> None:
    await filled(store, devices)
    found: list[Device] = []
    after: list[Any] | None = None
    for _ in range(20):
        part = await page(store, sort=sort, limit=limit, after=after)
        if not part:
            break
        found += part
        after = queries.device_position(part[-1], sort)
    own = [one for one in devices if one.tenant == "default"]
    down = (sort or "").startswith("-")
    assert found == sorted(own, key=lambda one: queries.device_position(one, sort), reverse=down)


@settings(max_examples=20, phases=[Phase.generate])
@given(
    MANY,
    st.sampled_from(["", "pump", "PUMP", "straSSE", "%", "_", "ä", "0"]),
    st.sampled_from([None, "A", "A/B", "B%"]),
)
async def test_a_page_is_narrowed_by_part_of_id_or_name_and_by_group(
    store: Store, devices: list[Device], search: str, group: str | None
) -> None:
    await filled(store, devices)
    expected = {
        one.id
        for one in devices
        if one.tenant == "default"
        and search.casefold() in f"{one.id}\n{one.name or ''}".casefold()
        and (group is None or f"{one.group}/".startswith(f"{group}/"))
    }
    assert {one.id for one in await page(store, search=search, group=group)} == expected


def test_an_unknown_order_is_an_error_and_no_list() -> None:
    with pytest.raises(ValueError, match="colour"):
        queries.device_order("colour")


@settings(max_examples=20, phases=[Phase.generate])
@given(MANY, st.integers(1, 3))
async def test_groups_are_a_tree_with_their_devices_counted(store: Store, devices: list[Device], limit: int) -> None:
    await filled(store, devices)
    found: list[tuple[str, int]] = []
    async with store.read() as connection:
        while part := await queries.list_groups(connection, "default", found[-1][0] if found else None, limit):
            found += part
    counted = Counter(one.group for one in devices if one.tenant == "default" and one.group is not None)
    paths = {"/".join(path.split("/")[:depth]) for path in counted for depth in range(1, path.count("/") + 2)}
    assert found == [(path, counted[path]) for path in sorted(paths, key=lambda path: path.split("/"))]
    async with store.read() as connection:
        for path in ("A", "A/B", "B%", "nowhere"):
            assert await queries.has_group(connection, "default", path) is (path in paths)
            below = sum(number for one, number in counted.items() if one == path or one.startswith(path + "/"))
            assert await queries.devices_below(connection, "default", path) == below


async def test_the_audit_of_a_device_has_the_files_that_wrote_it(store: Store) -> None:
    of_file = AuditEntry(NOW, "default", BY, "bulk-register", None, "ok", {}, "b1")
    async with store.write() as transaction:
        await transaction.save([Change(None, waiting(bulk="b1"))])
        await transaction.save_devices([entry(id="pump-8", bulk="b1"), entry(id="pump-9", bulk="b2")])
        await transaction.audit(
            [
                AuditEntry(NOW, "default", BY, "register", "pump-7", "ok", {"x": 1}),
                of_file,
                replace(of_file, tenant="north"),
                AuditEntry(NOW + 5, "default", BY, "delete", "pump-7", "ok", {}),
            ]
        )

    async def found(**wishes: Any) -> list[tuple[str, str]]:
        everything = {"tenant": None, "device_id": None, "since": None, "limit": 9, "before": None}
        async with store.read() as connection:
            rows = await queries.audit(connection, AuditQuery(**{**everything, **wishes}))
        assert all(isinstance(one.number, int) for one in rows)
        return [(one.tenant, one.action) for one in rows]

    file, deleted, registered = ("default", "bulk-register"), ("default", "delete"), ("default", "register")
    assert await found(tenant="default", device_id="pump-7") == [deleted, file, registered]
    assert await found(tenant="default", device_id="pump-8") == [file]
    assert await found(tenant="default", device_id="pump-9") == []
    assert await found(tenant="north", device_id="pump-7") == [], "not even that both stood in one file"
    assert await found(since=NOW + 1) == [deleted]
    assert await found(limit=1) == [deleted]
    assert await found(before=2) == [registered]
