"""Two tenants with people, devices and an application: victims that go about their work, and logins for attackers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.e2e.peer import PATIENCE, Administrator, Device, Peer, administrator, device, private_id
from tests.e2e.people import bulk, login, new_tenant
from tests.e2e.scenes import accepted, bring_in, resident
from tests.hostile import Login
from tests.hostile.reach import FURTHER, READABLE, WRITABLE, Broker

HOME, ABROAD = "acme", "zenith"
VERSIONS: Final = (4, 5)
"""MQTT 3.1.1 and 5, as they stand in a packet."""
CALLER: Final = "acme-caller"
_SIGHTS: Final = (
    *("list", "list-devices", "list-groups", "list-options", "list-administrators", "list-applications"),
    *("audit", "stats"),
)
ROLES: Final = {Login.VIEWER: "viewer", Login.REGISTRAR: "registrar", Login.OWNER: "owner"}


def pump(tenant: str) -> str:
    """Return the device of ``tenant`` that is nobody's accomplice."""
    return f"{tenant}-pump"


def boss(tenant: str) -> str:
    """Return the owner of ``tenant`` that is nobody's accomplice."""
    return f"{tenant}-boss"


@dataclass(frozen=True)
class Credentials:
    """What an attacker logs in with, on which broker, and what the angle brackets of the table are to it."""

    who: Login
    at: Broker
    version: int
    client_id: str
    username: str
    password: str
    places: Mapping[str, str]

    def real(self, template: str) -> str:
        """Return the topic that a template stands for."""
        for name, value in self.places.items():
            template = template.replace(name, value)
        assert "<" not in template, template
        return template

    def real_bytes(self, template: bytes) -> bytes:
        """Return the name that a template of bytes stands for."""
        more = {"<login>": self.username, "<ME>": self.places["<me>"].upper()}
        for name, value in {**self.places, **more}.items():
            template = template.replace(name.encode(), value.encode())
        return template


@dataclass
class Stage:
    """The victims at work."""

    access: Mapping[str, Any]
    root: Administrator
    owners: Mapping[str, Administrator]
    pumps: Mapping[str, Peer]
    plain: Device
    private: Device
    attackers: list[Credentials]

    async def traffic(self) -> None:
        """Let the victims do all that clients do: whatever can be heard is said once, secrets among it."""
        for tenant, owner in self.owners.items():
            peer, id_ = self.pumps[tenant], pump(tenant)
            for topic in ("info", "telemetry", "commands"):
                await peer.publish(f"devices/{tenant}/{id_}/{topic}", b'{"secret":"of a device"}')
            await peer.publish(f"tele/{tenant}/{id_}/STATE", b'{"secret":"of a device"}')
            await owner.ok("list", {})
            await owner.ok("create-application", {"name": f"{tenant}-made"})
            await owner.ok("register", {"id": f"{tenant}-new"})
            await bulk(owner, f"ID\n{tenant}-file\n")
            async with device(self.access, id_) as again:
                await again.ask()  # the event of a registered device, request-after-completion
        await self.owners[HOME].ok("register", {"id": CALLER})
        for caller in (self.plain, self.private):
            await caller.ask({"securityToken": caller.client_id[:8]})
            await caller.call({"securityToken": caller.client_id[:8]}, retain=True)
            await caller.peer.next_json()
        await self.owners[HOME].ok("accept", {"id": CALLER, "securityToken": self.private.client_id[:8]})
        assert "password" in await accepted(self.private)
        await self.owners[HOME].until(CALLER, "deliveredTime")

    async def until_said(self, device_id: str, member: str) -> None:
        """Wait until the bridge has taken up what a device of the home tenant said of itself."""
        async with asyncio.timeout(PATIENCE):
            while member not in (await self.owners[HOME].ok("get-device", {"id": device_id}))["properties"]:
                pass

    async def state(self) -> dict[str, Any]:
        """Return all that administrators see, but for what attackers' devices say of themselves."""
        found: dict[str, Any] = {"tenants": await self.root.ok("list-tenants", {"limit": 1000})}
        for one in (self.root, *self.owners.values()):
            for command in _SIGHTS:
                seen = found[f"{one.name}: {command}"] = await one.ok(command, {})
                if command == "list-devices":
                    seen["devices"] = [each for each in seen["devices"] if "rogue" not in each["id"]]
        return found

    @property
    def thrown_out(self) -> list[str]:
        """The victims whose connections have ended."""
        peers = {one.name: one.peer for one in (self.root, *self.owners.values())}
        peers |= {pump(tenant): peer for tenant, peer in self.pumps.items()}
        peers |= {"plain caller": self.plain.peer, "private caller": self.private.peer}
        return [name for name, peer in peers.items() if peer.ended.is_set()]


def _places(tenant: str, me: str, client_id: str, private: str) -> dict[str, str]:
    elsewhere = ABROAD if tenant == HOME else HOME
    return {
        "<tenant>": tenant,
        "<me>": me,
        "<client id>": client_id,
        "<neighbour>": pump(tenant),
        "<colleague>": boss(tenant),
        "<elsewhere>": elsewhere,
        "<their device>": pump(elsewhere),
        "<their owner>": boss(elsewhere),
        "<caller>": CALLER,
        "<their call>": private,
    }


async def _logins(
    access: Mapping[str, Any], owners: Mapping[str, Administrator], private: str
) -> AsyncIterator[Credentials]:
    """Make one login of each kind, and yield it for each version of the protocol."""
    made: list[tuple[Login, str, str, str]] = []
    for who, role in ROLES.items():
        name = f"{HOME}-{role}"
        answer = await owners[HOME].ok("create-administrator", {"name": name, "role": role})
        made.append((who, HOME, name, answer["password"]))
    name = f"{ABROAD}-second"
    answer = await owners[ABROAD].ok("create-administrator", {"name": name, "role": "owner"})
    made.append((Login.TENANT, ABROAD, name, answer["password"]))
    granted = {"read": [READABLE.replace("<tenant>", HOME)], "write": [WRITABLE.replace("<tenant>", HOME)]}
    answer = await owners[HOME].ok("create-application", {"name": f"{HOME}-app", **granted})
    made.append((Login.APPLICATION, HOME, f"{HOME}-app", answer["password"]))
    for version in VERSIONS:
        for who, tenant, name, password in made:
            async with login(access, name, password):
                client_id = f"{name}-{version}"
                places = _places(tenant, name, client_id, private)
                yield Credentials(who, Broker.OPERATIONS, version, client_id, name, password, places)
        id_ = f"{HOME}-rogue-{version}"
        own = await bring_in(access, owners[HOME], id_)
        places = _places(HOME, id_, id_, private)
        yield Credentials(Login.DEVICE, Broker.OPERATIONS, version, id_, own["username"], own["password"], places)
        shared, client_id = access["bootstrap"], private_id()
        places = _places(HOME, f"stranger-{version}", client_id, private)
        yield Credentials(
            Login.BOOTSTRAP, Broker.GATE, version, client_id, shared["username"], shared["password"], places
        )


@contextlib.asynccontextmanager
async def staged(access: Mapping[str, Any]) -> AsyncIterator[Stage]:
    """Make the tenants and let the victims connect."""
    async with contextlib.AsyncExitStack() as stack:
        root = await stack.enter_async_context(administrator(access, "management"))
        owners, pumps = {}, {}
        for tenant in (HOME, ABROAD):
            owners[tenant] = await stack.enter_async_context(new_tenant(access, root, tenant))
            option = {"category": "devices", "key": "topics", "value": [FURTHER]}
            await owners[tenant].ok("set-option", option)
            own = await bring_in(access, owners[tenant], pump(tenant))
            peer = pumps[tenant] = await stack.enter_async_context(resident(access, own))
            await peer.subscribe(f"devices/{tenant}/{pump(tenant)}/commands")
            await peer.publish(f"devices/{tenant}/{pump(tenant)}/telemetry", b"kept", retain=True)
        plain = await stack.enter_async_context(device(access, CALLER, plain=True))
        private = await stack.enter_async_context(device(access, CALLER))
        attackers = [one async for one in _logins(access, owners, private.client_id)]
        yield Stage(access, root, owners, pumps, plain, private, attackers)
