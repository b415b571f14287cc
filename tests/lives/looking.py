"""What an installation at rest looks like here, so that the invariants of tests/invariants.py can be asked about it."""

import sqlalchemy as sa

from bridge import queries, schema
from bridge.accounts import Login
from bridge.accounts.dynsec import role_name
from bridge.accounts.grants import digest_of
from bridge.records import Account
from bridge.registration import Status
from bridge.rows import NOW, accounts_selected, device_of, devices_selected, registration_of, registrations_selected
from tests.lives.house import House
from tests.snapshot import BrokerAccount, Snapshot


async def snapshot_of(house: House) -> Snapshot:
    """Collect rows and accounts."""
    async with house.store.read() as connection:
        standing = await queries.standing(connection)
        accounts = {row[0]: Account(*row) for row in await connection.execute(accounts_selected())}
        registrations = map(registration_of, await connection.execute(registrations_selected()))
        devices = map(device_of, await connection.execute(devices_selected()))
        tallies = schema.tallies.c
        counted = await connection.execute(
            sa.select(tallies.tenant, tallies.what, tallies.number).where(tallies.hour == NOW)
        )
        groups = await connection.execute(sa.select(schema.groups.c.tenant, schema.groups.c.path))
        wanted = {one.username: house.installer.login_for(one) for one in accounts.values() if one.wanted}
        return Snapshot(
            now=house.clock(),
            registrations={one.id: one for one in registrations},
            accounts=accounts,
            devices={one.id: one for one in devices},
            counts={(tenant, Status(what)): number for tenant, what, number in counted},
            tenants=standing.tenants,
            groups=frozenset((tenant, path) for tenant, path in groups),
            passwords={username: login.password for username, login in wanted.items()},
            wanted={username: _account(login) for username, login in wanted.items()},
            broker={username: _account(login) for username, login in house.broker.there.items()},
        )


def _account(login: Login) -> BrokerAccount:
    granted = digest_of(login.grants)
    return BrokerAccount(login.username, login.client_id, login.mark, granted, (role_name(login.username),))
