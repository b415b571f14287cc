"""Measure how fast accounts come into Mosquitto, on the system's and on others named with ``--mosquitto``, in turns.

It is the bridge's own way: as many accounts in a message as its pace finds right, each answered before the next.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from bridge import broker, installation
from bridge.accounts import Login, grants
from bridge.accounts.dynsec import RESPONSES, Dynsec, file_client, file_role
from bridge.installer import Pace
from bridge.wire import Topics
from tests import lines
from tests.e2e.site import ApartSite, free_ports

console = Console()


def device(number: int) -> Login:
    """An account as each device has it."""
    device_id = f"device-{number:06}"
    granted = grants.for_device(Topics(), "default", device_id)
    return Login(f"default/device_{device_id}", f"{number:032}", "mark", granted, device_id)


def fill(path: Path, number: int) -> None:
    """Put ``number`` accounts into the plugin's file, all with one hash: making one for each would take minutes."""
    content = json.loads(path.read_text(encoding="utf-8"))
    like = file_client(device(0))
    for one in range(1, number + 1):
        login = device(one)
        named = {"username": login.username, "clientid": login.client_id, "textdescription": login.description}
        role = file_role(login)
        content["clients"].append({**like, **named, "roles": [{"rolename": role["rolename"], "priority": 0}]})
        content["roles"].append(role)
    path.write_text(json.dumps(content), encoding="utf-8")


async def hear(connection: broker.Connection, accounts: Dynsec) -> None:
    async for messages in connection.batches():
        for message in messages:
            accounts.heard(json.loads(message.payload)["responses"])


async def install(site: ApartSite, first: int, number: int) -> tuple[float, int]:
    """Install accounts; return how many a second, and how many went into the last message."""
    facts = installation.load(site.data).facts
    own = facts.accounts
    login = broker.Login(facts.host, facts.port, own.username, own.password, own.client_id)
    async with broker.connect(login) as connection:
        await connection.subscribe(RESPONSES)
        accounts, pace = Dynsec(connection), Pace()
        hearing = asyncio.create_task(hear(connection, accounts), name="hear")
        began = time.monotonic()
        done = 0
        while done < number:
            part = [device(first + done + one) for one in range(min(pace.at_once, number - done))]
            with pace.measured(len(part)):
                await accounts.install(part)
            done += len(part)
        rate = number / (time.monotonic() - began)
        hearing.cancel()
        await asyncio.wait({hearing})
    return rate, pace.at_once


def measure(program: str, there: int, number: int, folder: Path) -> tuple[str, float, int]:
    """Install ``number`` accounts beside those ``there``; return the version, the rate and the size of a message."""
    os.environ["BOOTSTRAP_BRIDGE_MOSQUITTO"] = program
    site = ApartSite(folder / "data")
    port, bootstrap_port = free_ports(2)
    done = site.cli("init", "--port", str(port), "--bootstrap-port", str(bootstrap_port))
    assert done.returncode == 0, done.stderr
    fill(site.data / "operations-broker" / "dynamic-security.json", there)
    try:
        site.start_broker("operations")
        return lines.version(), *asyncio.run(install(site, there + 1, number))
    finally:
        site.stop()


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mosquitto", action="append", default=[], help="a program besides the system's")
    parser.add_argument("--there", type=int, nargs="+", default=[0, 2_000, 10_000], help="accounts that are there")
    parser.add_argument("--accounts", type=int, default=200, help="accounts to install")
    parser.add_argument("--rounds", type=int, default=3, help="turns; the median counts")
    options = parser.parse_args(words)
    programs = [str(lines.broker()), *(str(Path(one).absolute()) for one in options.mosquitto)]
    table = Table("accounts there", "Mosquitto", "accounts/s", "in the last message", box=None, header_style="bold")
    for there in options.there:
        found: dict[str, list[tuple[float, int]]] = {}
        for _ in range(options.rounds):
            for program in programs:
                with tempfile.TemporaryDirectory(prefix="bootstrap-bridge-bench-") as folder:
                    version, rate, at_once = measure(program, there, options.accounts, Path(folder))
                    found.setdefault(version, []).append((rate, at_once))
        for version, rates in found.items():
            rate = statistics.median(one for one, _ in rates)
            table.add_row(f"{there:,}", version, f"{rate:,.0f}", str(max(at_once for _, at_once in rates)))
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
