"""What may be read and changed inside ``Store.write``. No rules stand here."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import schema
from bridge.decisions import Event
from bridge.names import DEFAULT, MANAGEMENT
from bridge.options import OptionValue
from bridge.records import Account, Answered, AuditEntry, Change
from bridge.registration import Device, Registration
from bridge.rows import (
    NOW,
    account_row,
    accounts_selected,
    changed_columns,
    device_of,
    device_row,
    devices_selected,
    is_below,
    registration_of,
    registration_values,
    registrations_selected,
    to_json,
)

HOUR: Final = 3_600_000
COUNTED_EVENTS: Final = frozenset({"registered", "requested", "accepted", "confirmed", "blocked"})
MAX_UNREGISTERED: Final = 10_000
"""How many callers without registration are remembered; the ones not heard for longest go first."""


class Transaction:
    """What may be read and changed inside ``Store.write``; all of it is committed together or not at all."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self._on_postgresql = connection.dialect.name == "postgresql"
        self._insert: Any = postgresql.insert if self._on_postgresql else sqlite.insert

    def _among(self, column: sa.ColumnElement[Any], values: Collection[str]) -> sa.ColumnElement[bool]:
        """Tell whether ``column`` is one of ``values``, which go over as one: a long list takes long to compile."""
        if self._on_postgresql:
            return column == sa.any_(sa.bindparam(None, list(values), type_=postgresql.ARRAY(sa.Text())))
        each = sa.func.json_each(json.dumps(list(values))).table_valued("value")
        return column.in_(sa.select(each.c.value))

    async def registrations(self, ids: Collection[str]) -> dict[str, Registration]:
        """Load the registrations of ``ids`` that exist."""
        rows = await self.connection.execute(
            registrations_selected().where(self._among(schema.registrations.c.id, ids))
        )
        return {row[0]: registration_of(row) for row in rows}

    async def device_tenants(self, ids: Collection[str]) -> dict[str, str]:
        """Load the tenant of each of ``ids`` that is a device in somebody's inventory."""
        if not ids:
            return {}
        columns = sa.select(schema.devices.c.id, schema.devices.c.tenant)
        rows = await self.connection.execute(columns.where(self._among(schema.devices.c.id, ids)))
        return {row[0]: row[1] for row in rows}

    async def devices(self, ids: Collection[str]) -> dict[str, Device]:
        """Load the inventory entries of ``ids`` that exist."""
        rows = await self.connection.execute(devices_selected().where(self._among(schema.devices.c.id, ids)))
        return {row[0]: device_of(row) for row in rows}

    async def accounts(self, usernames: Collection[str]) -> dict[str, Account]:
        """Load the accounts of ``usernames`` that exist, wanted or to be removed."""
        rows = await self.connection.execute(
            accounts_selected().where(self._among(schema.accounts.c.username, usernames))
        )
        return {row[0]: Account(*row) for row in rows}

    async def authors(self, files: Collection[str]) -> dict[str, str]:
        """Return who brought each of the bulk ``files``, as far as the audit knows."""
        table = schema.audit
        rows = await self.connection.execute(
            sa.select(table.c.bulk, table.c.actor).where(self._among(table.c.bulk, files)).distinct()
        )
        return {row[0]: row[1] for row in rows}

    async def save(self, changes: Sequence[Change], events: Iterable[Event] = (), *, alike: bool = False) -> None:
        """Write what decisions made of registrations, each id at most once, and count it for the statistics.

        ``alike``: with a statement where there is nothing to count too, since its time would tell.
        """
        table = schema.registrations
        numbers: Counter[tuple[str, int, str]] = Counter()
        happened = Counter((event.tenant, event.at, event.event) for event in events)
        for (tenant, at, what), number in happened.items():
            if what in COUNTED_EVENTS:
                numbers[tenant, at - at % HOUR, what] += number
        inserts: list[tuple[Any, ...]] = []
        deletes: list[dict[str, Any]] = []
        updates: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for change in changes:
            before, after = change.before, change.after
            if before is not None:
                numbers[before.tenant, NOW, before.status] -= 1
            if after is not None:
                numbers[after.tenant, NOW, after.status] += 1
            if before is None:
                if after is not None:
                    inserts.append(registration_values(after))
            elif after is None:
                deletes.append({"gone": before.id})
            elif row := changed_columns(before, after):
                key = tuple(row)
                row["same"] = before.id
                updates.setdefault(key, []).append(row)
        if deletes:
            await self.connection.execute(sa.delete(table).where(table.c.id == sa.bindparam("gone")), deletes)
        if inserts:
            await self._insert_registrations(inserts)
        for columns, rows in updates.items():
            statement = sa.update(table).where(table.c.id == sa.bindparam("same"))
            await self.connection.execute(statement.values({column: sa.bindparam(column) for column in columns}), rows)
        rows = [
            {"tenant": tenant, "hour": hour, "what": what, "number": number}
            for (tenant, hour, what), number in numbers.items()
            if number != 0
        ]
        if rows:
            tally = self._insert(schema.tallies)
            added = schema.tallies.c.number + tally.excluded.number
            tally = tally.on_conflict_do_update(["tenant", "hour", "what"], set_={"number": added})
            await self.connection.execute(tally, rows)
        elif alike:
            counted = schema.tallies.c
            await self.connection.execute(
                sa.update(schema.tallies).where(counted.tenant == "").values(number=counted.number)
            )

    async def _insert_registrations(self, rows: list[tuple[Any, ...]]) -> None:
        """Insert whole rows as the driver takes them; the library's own way costs more than the database."""
        statement = sa.insert(schema.registrations).compile(dialect=self.connection.dialect)
        await self.connection.exec_driver_sql(str(statement), rows)

    async def want_accounts(self, wanted: Sequence[Account]) -> set[str]:
        """Write accounts that shall be made; return the user names that had a row before, marked as renewed."""
        if not wanted:
            return set()
        table = schema.accounts
        statement = self._insert(table)
        values = {c.name: statement.excluded[c.name] for c in table.c if c.name != "username"}
        statement = statement.on_conflict_do_update(["username"], set_={**values, "renewed": True})
        rows = await self.connection.execute(
            statement.returning(table.c.username, table.c.renewed), [account_row(account) for account in wanted]
        )
        return {username for username, renewed in rows if renewed}

    async def save_accounts(self, saved: Sequence[Account]) -> None:
        """Write accounts, new or again."""
        if saved:
            statement = self._insert(schema.accounts)
            values = {c.name: statement.excluded[c.name] for c in schema.accounts.c if c.name != "username"}
            statement = statement.on_conflict_do_update(["username"], set_=values)
            await self.connection.execute(statement, [account_row(account) for account in saved])

    async def forget_accounts(self, usernames: Collection[str]) -> None:
        """Delete the rows of accounts that the broker no longer has."""
        if usernames:
            await self.connection.execute(
                sa.delete(schema.accounts).where(self._among(schema.accounts.c.username, usernames))
            )

    async def save_devices(self, saved: Sequence[Device]) -> None:
        """Write inventory entries, new or again."""
        if saved:
            statement = self._insert(schema.devices)
            values = {c.name: statement.excluded[c.name] for c in schema.devices.c if c.name != "id"}
            statement = statement.on_conflict_do_update(["id"], set_=values)
            await self.connection.execute(statement, [device_row(device) for device in saved])

    async def forget_devices(self, ids: Collection[str]) -> None:
        """Delete inventory entries."""
        if ids:
            await self.connection.execute(sa.delete(schema.devices).where(self._among(schema.devices.c.id, ids)))

    async def make_groups(self, paths: Iterable[tuple[str, str]]) -> None:
        """Make groups, as (tenant, path), with those above them; what is there already stays."""
        named = {
            (tenant, "/".join(path.split("/")[:depth]))
            for tenant, path in paths
            for depth in range(1, path.count("/") + 2)
        }
        if named:
            statement = self._insert(schema.groups).on_conflict_do_nothing(["tenant", "path"])
            await self.connection.execute(statement, [{"tenant": tenant, "path": path} for tenant, path in named])

    async def forget_group(self, tenant: str, path: str) -> None:
        """Delete a group with those below it."""
        table = schema.groups
        of_it = sa.or_(table.c.path == path, is_below(table.c.path, path))
        await self.connection.execute(sa.delete(table).where(table.c.tenant == tenant, of_it))

    async def make_tenant(self, tenant: str, name: str | None, now: int) -> None:
        """Make a tenant that was not there."""
        await self.connection.execute(sa.insert(schema.tenants), [{"id": tenant, "name": name, "created": now}])

    async def revisit_accounts(self, kind: str, tenant: str | None) -> None:
        """Have the accounts of ``kind`` looked at again, since what they may do has changed; None: of all tenants."""
        table = schema.accounts
        statement = sa.update(table).where(table.c.kind == kind, table.c.wanted.is_(True)).values(revisit=True)
        if tenant is not None:
            statement = statement.where(table.c.tenant == tenant)
        await self.connection.execute(statement)

    async def note_unregistered(self, callers: Sequence[tuple[str, bool, int]], now: int) -> None:
        """Remember ids that called without registration, as (id, token sent, calls), within a bound."""
        if not callers:
            return
        table = schema.unregistered
        statement = self._insert(table)
        statement = statement.on_conflict_do_update(
            ["id"],
            set_={
                "calls": table.c.calls + statement.excluded.calls,
                "last_seen": statement.excluded.last_seen,
                "token_sent": sa.or_(table.c.token_sent, statement.excluded.token_sent),
            },
        )
        rows = [
            {"id": id_, "calls": calls, "first_seen": now, "last_seen": now, "token_sent": sent}
            for id_, sent, calls in callers
        ]
        await self.connection.execute(statement, rows)

    async def trim_unregistered(self) -> None:
        """Forget the callers without registration that were not heard for longest, beyond the bound."""
        table = schema.unregistered
        kept = sa.select(table.c.id).order_by(table.c.last_seen.desc(), table.c.id).limit(MAX_UNREGISTERED)
        await self.connection.execute(sa.delete(table).where(table.c.id.not_in(kept)))

    async def forget_unregistered(self, ids: Collection[str]) -> None:
        """Forget callers that are registered now."""
        table = schema.unregistered
        if ids and (await self.connection.execute(sa.select(table.c.id).limit(1))).first() is not None:
            await self.connection.execute(sa.delete(table).where(self._among(table.c.id, ids)))

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Write audit entries, in the transaction of the change they tell of."""
        if entries:
            rows = [
                {
                    "at": entry.at,
                    "tenant": entry.tenant,
                    "actor": entry.actor,
                    "action": entry.action,
                    "device_id": entry.device_id,
                    "outcome": entry.outcome,
                    "details": to_json(entry.details),
                    "bulk": entry.bulk,
                }
                for entry in entries
            ]
            statement = self._insert(schema.audit)
            # A bulk file is one entry for each tenant, written again with every part that was committed.
            written = {"details": statement.excluded.details, "outcome": statement.excluded.outcome}
            await self.connection.execute(statement.on_conflict_do_update(["bulk", "tenant"], set_=written), rows)

    async def answered(self, tenant: str, administrator: str, key: str, since: int) -> Answered | None:
        """Return the answer to the same request, if it was given not before ``since``."""
        table = schema.requests
        row = (
            await self.connection.execute(
                sa.select(table).where(
                    table.c.tenant == tenant,
                    table.c.administrator == administrator,
                    table.c.key == key,
                    table.c.at >= since,
                )
            )
        ).first()
        return None if row is None else Answered(*row)

    async def remember(self, answered: Answered) -> None:
        """Keep the answer to a changing request for its repeat."""
        statement = self._insert(schema.requests)
        names = ("command", "digest", "answer", "at")
        statement = statement.on_conflict_do_update(
            ["tenant", "administrator", "key"], set_={name: statement.excluded[name] for name in names}
        )
        row = {name: getattr(answered, name) for name in ("tenant", "administrator", "key", *names)}
        await self.connection.execute(statement, [row])

    async def forget_answers(self, before: int) -> None:
        """Delete remembered answers older than ``before``."""
        await self.connection.execute(sa.delete(schema.requests).where(schema.requests.c.at < before))

    async def forget_answers_to(self, tenant: str, administrator: str) -> None:
        """Delete what is remembered of an administrator's requests: who has the name next must not be told of them."""
        table = schema.requests
        whose = sa.and_(table.c.tenant == tenant, table.c.administrator == administrator)
        await self.connection.execute(sa.delete(table).where(whose))

    async def prove(self) -> None:
        """Write something and take it back, so that the commit shows whether the database keeps what it is given."""
        await self.remember(Answered("", "", "proof", "", "", "", -1))
        await self.forget_answers(0)

    async def set_option(self, tenant: str, key: str, value: OptionValue) -> None:
        """Set one option of a tenant."""
        statement = self._insert(schema.options)
        statement = statement.on_conflict_do_update(["tenant", "key"], set_={"value": statement.excluded.value})
        await self.connection.execute(statement, [{"tenant": tenant, "key": key, "value": json.dumps(value)}])

    async def ensure_tenants(self, now: int) -> None:
        """Make the tenants of a fresh installation."""
        statement = self._insert(schema.tenants).on_conflict_do_nothing(["id"])
        rows = [{"id": id_, "name": None, "created": now} for id_ in (MANAGEMENT, DEFAULT)]
        await self.connection.execute(statement, rows)
