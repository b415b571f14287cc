"""The table of attacks by topic on brokers with holes: each is noticed, by the rows that it concerns and no others."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

from tests.e2e.site import running
from tests.hostile import entry
from tests.hostile.entry import Door
from tests.hostile.intruder import Sent
from tests.hostile.reach import LISTENING, SENDING, Broker
from tests.hostile.siege import WAYS, Siege, besiege
from tests.hostile.spied import ACCOUNTS, SpiedSite, Spies
from tests.hostile.stage import VERSIONS

SENDS = ("publishClientSend",)
READS = ("publishClientReceive", "subscribePattern")
AT_OPERATIONS: dict[str, tuple[tuple[str, ...], str, set[str]]] = {
    # Who gets what besides, and the rows that must notice it.
    "acme/device_acme-rogue-4": (SENDS, "devices/acme/acme-pump/info", {"device-sends-neighbours"}),
    "acme/device_acme-rogue-5": (
        READS,
        "devices/acme/acme-pump/#",
        {f"device-hears-{one}" for one in ("neighbours", "shares", "devices-elsewhere", "everything", "telemetry")},
    ),
    "acme-viewer": (SENDS, "control/acme/acme-viewer/request/set-option", {"viewer-sends-beyond-its-role"}),
    "acme-registrar": (
        READS,
        "control/acme/acme-boss/response",
        {f"registrar-hears-{one}" for one in ("colleagues", "shares", "everything")},
    ),
    "acme-owner": (SENDS, ACCOUNTS, {"owner-sends-control"}),
    "acme-app": (SENDS, "events/acme/bulk", {"application-sends-events", "application-sleeps"}),
    "zenith-second": (READS, "$SYS/#", {"tenant-hears-figures", "tenant-sleeps"}),
}
AT_GATE = {
    "topic write bootstrap/+/response/+": {"bootstrap-sends-answers"},
    "topic read $SYS/#": {
        "bootstrap-hears-figures",
        *(row.name for row in entry.ATTACKS if row.at is Broker.GATE and row.door is Door.NO_MORE),
    },
}


class BrokenSite(SpiedSite):
    gate_lines = ("user devicebootstrap", *AT_GATE)

    def make(self) -> None:
        super().make()
        for path in self.data.glob("*-broker/mosquitto.conf"):
            with path.open("a", encoding="utf-8") as file:
                file.write("sys_interval 1\n")


async def figures_come(spies: Spies) -> None:
    """Brokers tell of themselves now and then: those asleep must have missed it once."""
    await spies.gate.until_told_of("$SYS/")
    await spies.operations.until_told_of("$SYS/")


async def make_holes(spies: Spies) -> None:
    """Give the attackers of the operations broker more than they should have."""
    commands: list[dict[str, Any]] = []
    for number, (username, (acts, topic, _)) in enumerate(AT_OPERATIONS.items()):
        acls = [{"acltype": act, "topic": topic, "priority": 9, "allow": True} for act in acts]
        commands.append({"command": "createRole", "rolename": f"hole-{number}", "acls": acls})
        commands.append({"command": "addClientRole", "username": username, "rolename": f"hole-{number}"})
    done = len(spies.operations.heard)
    await spies.operations.publish([Sent(ACCOUNTS.encode(), json.dumps({"commands": commands}).encode(), 1, False)])
    await spies.operations.until_heard(b"addClientRole")
    answers = [json.loads(one.payload) for one in spies.operations.heard[done:] if one.topic.startswith(ACCOUNTS)]
    assert [one for answer in answers for one in answer["responses"] if "error" in one] == []


def noticed(siege: Siege) -> set[str]:
    """Return the names of the rows that are not as the table says."""
    found = {row.name for row in (*LISTENING, *SENDING, *entry.ATTACKS)}
    for row in (*LISTENING, *SENDING):
        with contextlib.suppress(AssertionError):
            siege.judge(row)
            found.discard(row.name)
    for one in entry.ATTACKS:
        with contextlib.suppress(AssertionError):
            siege.judge_entry(one)
            found.discard(one.name)
    return found


def test_each_hole_is_noticed_by_the_rows_that_it_concerns_and_no_others(tmp_path: Path) -> None:
    site = BrokenSite(tmp_path / "data")
    with running(site):
        siege = asyncio.run(besiege(site, make_holes, figures_come))
    assert noticed(siege) == set().union(*(rows for _, _, rows in AT_OPERATIONS.values()), *AT_GATE.values())
    assert siege.after != siege.before, "an info of the neighbour was forged"
    assert len(siege.intruders) == len(VERSIONS) * len(WAYS), "each order for an account was carried out"
