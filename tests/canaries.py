"""Everything that involves secrets, done in a world without brokers, and the secrets by which to find them again."""

import json
from collections.abc import Awaitable, Callable

from tests.e2e.hpke import Key
from tests.world import KEYS, World

Step = Callable[[], Awaitable[object]]


class Canaries:
    """Secrets by their names, and where they stand in a text."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def know(self, name: str, value: str) -> str:
        """Remember a secret, and return it."""
        self.known[name] = value
        return value

    def found_in(self, text: str) -> set[str]:
        """Return the names of the secrets that stand in ``text``, also as Python or JSON escape them."""
        return {
            name
            for name, value in self.known.items()
            if value in text or repr(value)[1:-1] in text or json.dumps(value)[1:-1] in text
        }


def steps(world: World, canaries: Canaries, run: str = "one") -> list[Step]:
    """Return what devices and people do, step by step; each may fail by itself. ``run`` keeps the ids of runs apart."""

    def secret(name: str) -> str:
        return canaries.know(f"{name} ({run})", f"{name.replace(' ', '-')}-of-{run}-4711")

    token, wrong, given = secret("token"), secret("wrong token"), secret("given token")
    row, replaced, of_a_row = secret("CREDENTIALS"), secret("replaced CREDENTIALS"), secret("TOKEN of a row")
    chosen, of_application = secret("chosen password"), secret("password of an application")
    malformed, misnamed = secret("token in a malformed call"), secret("token under a wrong name")
    private = canaries.know(f"client id ({run})", f"client-id-of-a-call-{run}")
    canaries.know("master key", repr(KEYS.masters["k1"])[2:-1])
    key = Key()
    a, b, c, d, e = (f"{letter}-{run}" for letter in "abcde")

    async def ask(command: str, payload: object, **how: str) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        answer = await world.answer(command, body, **how)
        made = answer.get("result", {}).get("password") if answer.get("ok") else None
        if made is not None:
            canaries.know(f"made for {command} ({run})", made)

    async def call(device_id: str, payload: object, client_id: str | None = private) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        await world.call(device_id, body, client_id)

    async def learn() -> None:
        for device_id in (a, b, c):
            found = await world.registration(device_id)
            if found is not None and found.seed is not None and found.key_id is not None:
                password = KEYS.device_password(found.tenant, device_id, found.seed, found.key_id)
                canaries.know(f"password of {device_id}", password)
                canaries.know(f"seed of {device_id}", repr(found.seed)[2:-1])
            if found is not None and found.token is not None:
                canaries.know(f"token digest of {device_id}", found.token)

    async def push() -> None:
        for registration in list(world.pushed):
            world.intake.push(registration)

    async def unread() -> None:
        await world.intake.take([world.message(e, b"{" + token.encode(), private)])

    return [
        lambda: ask("register", {"id": a}),
        lambda: call(a, {"securityToken": token, "publicKey": key.public}),
        lambda: ask("accept", {"id": a, "securityToken": wrong}),
        lambda: ask("accept", {"id": a, "securityToken": token}),
        lambda: world.installer.drain(),
        push,
        lambda: call(a, {"securityToken": token, "publicKey": key.public}),
        lambda: ask("register", {"id": b}),
        lambda: call(b, token.encode(), None),
        lambda: ask("accept", {"id": b, "securityToken": token}),
        lambda: ask("register", {"id": c, "securityToken": given, "autoAccept": True}),
        lambda: call(c, {"securityToken": wrong}),
        lambda: call(c, {"securityToken": given}),
        lambda: world.installer.drain(),
        learn,
        lambda: call(c, {"securityToken": given}),
        lambda: call(e, {"securityToken": [malformed]}),
        unread,
        lambda: ask("register", {"id": e, "security_token": misnamed}),
        lambda: ask("list", {}),
        lambda: ask("get", {"id": a}),
        lambda: ask("bulk-validate", f"ID;CREDENTIALS\n{d};{row}\n".encode()),
        lambda: ask("bulk-register", f"ID;CREDENTIALS\n{d};{row}\n".encode()),
        lambda: ask("bulk-register", f"ID;CREDENTIALS\n{d};{replaced}\n".encode()),
        lambda: ask("bulk-register", f"ID;TOKEN;AUTOACCEPT\n{e};{of_a_row};true\n".encode()),
        lambda: ask("create-administrator", {"name": f"x-{run}", "role": "viewer", "password": chosen}),
        lambda: ask("create-administrator", {"name": f"y-{run}", "role": "viewer"}),
        lambda: ask("create-application", {"name": f"z-{run}", "password": of_application}),
        lambda: world.installer.drain(),
        world.reconcile,
        lambda: ask("audit", {}),
        lambda: ask("delete-device", {"id": d}),
        lambda: world.installer.drain(),
        lambda: ask("accept-all", {}),
    ]
