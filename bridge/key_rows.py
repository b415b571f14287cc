"""The rows that name master keys: counted, and passwords that lie encrypted in them encrypted anew under another key.

For the commands, beside a running bridge: while rows are held still no other process changes any, so that what is
counted is true until the block ends. No rules stand here.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import schema
from bridge.credentials import KeyRing
from bridge.database_file import path_of
from bridge.records import ADMINISTRATOR
from bridge.store import engine_of

AT_ONCE: Final = 500
"""Passwords encrypted anew in one transaction: the bridge waits for no more than that."""
LOOKING: Final = "BEGIN"
"""Begins a transaction in which nobody is kept from anything."""
REGISTRATIONS: Final = "registrations"
ANSWERS: Final = "remembered answers"
STORED: Final = "stored passwords"
Uses = dict[str, Counter[str]]
"""Master keys by their ids, and how many rows of which kind name them."""


Rows = AsyncConnection


class RowsFault(Exception):
    """The database does not let its rows be looked at or held; the sentence says why."""


@asynccontextmanager
async def held_still(url: str, begin: str = "BEGIN IMMEDIATE") -> AsyncIterator[AsyncConnection | None]:
    """Hold all rows for one transaction, committed when the block ends; None where there is no database yet.

    Raises RowsFault.
    """
    path = path_of(url)
    if path is not None and not path.exists():
        yield None
        return
    try:
        engine = engine_of(url, begin)
        try:
            async with engine.begin() as connection:
                if begin != LOOKING and engine.dialect.name == "postgresql":
                    await connection.execute(sa.text("LOCK TABLE accounts, registrations, requests IN EXCLUSIVE MODE"))
                yield connection
        finally:
            await engine.dispose()
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        reason = getattr(error, "orig", None) or error
        raise RowsFault(
            f"the database cannot be used ({reason}). Where it is of an earlier version, start the bridge once"
        ) from error


def looked_at(url: str) -> AbstractAsyncContextManager[AsyncConnection | None]:
    """Look at the rows as they are at one moment, while others change them. Raises RowsFault."""
    return held_still(url, LOOKING)


async def named(connection: AsyncConnection, key_ids: Collection[str]) -> set[str]:
    """Return those of a few keys that a row of an account or a registration names: no more than has to be known while
    rows are held."""
    found = set()
    for key_id in key_ids:
        for table in (schema.accounts, schema.registrations):
            row = sa.select(sa.literal(1)).select_from(table).where(table.c.key_id == key_id).limit(1)
            if (await connection.execute(row)).first() is not None:
                found.add(key_id)
    return found | set(await _answers(connection))


async def _answers(connection: AsyncConnection) -> Counter[str]:
    """Count the remembered answers by the key that a password in them comes from."""
    found: Counter[str] = Counter()
    answers = sa.select(schema.requests.c.answer).where(schema.requests.c.answer.contains('"keyId"'))
    for (answer,) in await connection.execute(answers):
        made = json.loads(answer).get("result", {}).get("password")
        if isinstance(made, dict):
            found[made["keyId"]] += 1
    return found


async def uses(connection: AsyncConnection) -> Uses:
    """Count the rows by the master key that they name and what they are."""
    accounts, registrations = schema.accounts, schema.registrations
    found: Uses = {}
    stored = accounts.c.secret.is_not(None)
    by_account = sa.select(accounts.c.key_id, accounts.c.kind, stored, sa.func.count()).group_by(
        accounts.c.key_id, accounts.c.kind, stored
    )
    for key_id, kind, is_stored, number in await connection.execute(by_account):
        found.setdefault(key_id, Counter())[kind] += number
        if is_stored:
            found[key_id][STORED] += number
    by_registration = (
        sa.select(registrations.c.key_id, sa.func.count())
        .where(registrations.c.key_id.is_not(None))
        .group_by(registrations.c.key_id)
    )
    for key_id, number in await connection.execute(by_registration):
        found.setdefault(key_id, Counter())[REGISTRATIONS] += number
    for key_id, number in (await _answers(connection)).items():
        found.setdefault(key_id, Counter())[ANSWERS] += number
    return found


async def seeds(connection: AsyncConnection) -> dict[str, bytes]:
    """Return the administrators there are, with their seeds; none: the bridge has not begun with this database."""
    table = schema.accounts
    rows = sa.select(table.c.username, table.c.seed).where(table.c.kind == ADMINISTRATOR, table.c.wanted.is_(True))
    return {name: seed for name, seed in await connection.execute(rows)}  # noqa: C416 - rows are no pairs to mypy


async def encrypt_anew(url: str, keys: KeyRing) -> int:
    """Encrypt each stored password under the current key, in parts; return how many there were.

    A registration that a full bulk file made names the key too, with the same seed. Raises RowsFault, BadSecret.
    """
    done, after = 0, ""
    while True:
        async with held_still(url) as connection:
            part = [] if connection is None else await _part(connection, keys, after)
        if not part:
            return done
        done, after = done + len(part), part[-1]


async def _part(connection: AsyncConnection, keys: KeyRing, after: str) -> list[str]:
    accounts, registrations = schema.accounts, schema.registrations
    columns = sa.select(accounts.c.username, accounts.c.subject, accounts.c.seed, accounts.c.key_id, accounts.c.secret)
    where = (accounts.c.secret.is_not(None), accounts.c.key_id != keys.current, accounts.c.username > after)
    rows = (await connection.execute(columns.where(*where).order_by(accounts.c.username).limit(AT_ONCE))).all()
    for username, subject, seed, key_id, secret in rows:
        locked = keys.locked(username, keys.unlocked(username, secret, key_id), keys.current)
        await connection.execute(
            sa.update(accounts).where(accounts.c.username == username).values(secret=locked, key_id=keys.current)
        )
        await connection.execute(
            sa.update(registrations)
            .where(registrations.c.id == subject, registrations.c.seed == seed)
            .values(key_id=keys.current)
        )
    return [row[0] for row in rows]
