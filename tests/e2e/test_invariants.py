"""A real installation broken on purpose, in its database and in its broker: the invariants report each breach."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.inspecting import prepare, violations
from tests.e2e.peer import administrator, device
from tests.e2e.people import bulk
from tests.e2e.scenes import accepted, bring_in
from tests.e2e.site import ApartSite
from tests.snapshot import Ledger


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Whole"]:
    """An installation with something of everything, its bridge stopped, and the ledger of who was told what."""
    site = ApartSite(tmp_path_factory.mktemp("whole") / "data")
    prepare(site)
    try:
        site.start()
        ledger = asyncio.run(lived_in(site))
        site.processes.pop("serve").stop()
        yield Whole(site, ledger)
    finally:
        site.stop()


@dataclass
class Whole:
    """A site at rest and what is known of it."""

    site: ApartSite
    ledger: Ledger


async def lived_in(site: ApartSite) -> Ledger:
    """Let things happen on ``site``, and keep the ledger."""
    ledger = Ledger()
    access = site.access
    async with administrator(access) as admin:

        async def ask(command: str, subjects: list[str], body: dict[str, Any]) -> dict[str, Any]:
            answer = await admin.answer(command, body)
            ledger.tell("default/admin", command, subjects, answer)
            return answer

        for device_id in ("whole-1", "whole-2"):
            async with device(access, device_id) as caller:
                for life in (1, 2):
                    ledger.begin(device_id)
                    await ask("register", [device_id], {"id": device_id, "group": "A/B"})
                    await caller.ask()
                    await ask("accept", [device_id], {"id": device_id})
                    ledger.give(await accepted(caller))
                    if life == 1:
                        await ask("delete", [device_id], {"id": device_id})
        async with device(access, "pending-1") as caller:
            await ask("register", ["pending-1"], {"id": "pending-1"})
            await caller.ask({"securityToken": "t"})
        await ask("register", ["waiting-1"], {"id": "waiting-1"})
        await ask("create-administrator", ["rita"], {"name": "rita", "role": "registrar"})
        file = "ID;CREDENTIALS\nbulk-1;bulk-1-password\nbulk-2;bulk-2-password\n"
        result = await bulk(admin, file)
        ledger.tell(
            "default/admin",
            "bulk-register",
            ["bulk-1", "bulk-2"],
            {"ok": True, "result": result},
            passwords={"bulk-1": "bulk-1-password", "bulk-2": "bulk-2-password"},
        )
        await bring_in(access, admin, "unknown-to-the-ledger")
    assert await violations(site, ledger) == []
    return ledger


async def test_a_whole_installation_breaks_nothing(whole: Whole) -> None:
    assert await violations(whole.site, whole.ledger) == []
