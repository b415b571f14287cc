"""Measure against the bars, print a table, write bench/latest.json. Exit status 1 below a bar.

All ratios come from one run: the bridge and what it is measured against take turns on the same brokers.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aiomqtt
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import create_async_engine

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.large import measure_large
from bridge.credentials import mosquitto_hash
from tests.e2e.fairness import fairness, ratio_of
from tests.e2e.malformations import flood_with_malformed
from tests.e2e.peer import PATIENCE, V5, administrator, device
from tests.e2e.site import ApartSite, free_ports, run

HERE = Path(__file__).parent
BARS = {
    "herd_ratio": (">=", 0.6),
    "accept_p50_ratio": ("<=", 2.0),
    "accept_p99_ratio": ("<=", 5.0),
    "bulk_ratio": ("<=", 3.0),
    "bulk_evenness": (">=", 0.8),
    "large_start_s": ("<=", 2.0),
    "large_page_ms": ("<=", 50.0),
    "large_memory_mb": ("<=", 200.0),
    "fairness_ratio": ("<=", 5.0),
    "malformed_memory_ratio": ("<=", 1.1),
}
FLOOD = 1_000
"""Calls a second by one id, while others call."""
FAIR_CALLS = 500
NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
PARTS = ("herd", "accept", "overload", "large")
console = Console()


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which ``part`` of ``values`` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


class Bench:
    """One installation with its brokers running all the time, and the bridge coming and going."""

    def __init__(self, data: Path) -> None:
        self.site = ApartSite(data)
        self.bench_password = "bench-" + os.urandom(8).hex()

    def start(self) -> None:
        """Make the installation, with one more account that may make accounts, and start the brokers."""
        port, bootstrap_port = free_ports(2)
        done = self.site.cli("init", "--port", str(port), "--bootstrap-port", str(bootstrap_port))
        assert done.returncode == 0, done.stderr
        path = self.site.data / "operations-broker" / "dynamic-security.json"
        content = json.loads(path.read_text())
        acls = [
            {"acltype": kind, "topic": "$CONTROL/dynamic-security/#", "priority": 0, "allow": True}
            for kind in ("publishClientSend", "publishClientReceive", "subscribePattern")
        ]
        content["roles"].append({"rolename": "bench", "acls": acls})
        content["clients"].append(
            {"username": "bench", "roles": [{"rolename": "bench"}], **mosquitto_hash(self.bench_password).members}
        )
        path.write_text(json.dumps(content))
        for name in ("operations", "bootstrap"):
            self.site.start_broker(name)

    @property
    def gate(self) -> tuple[str, str]:
        """The bridge's login at the bootstrap broker."""
        facts = json.loads((self.site.data / "bridge" / "installation.json").read_text())
        return facts["gate"]["username"], facts["gate"]["password"]

    def generate(self, first: int, number: int) -> float:
        """Let a herd call, and return its seconds."""
        access = self.site.access
        login = access["bootstrap"]
        words = [sys.executable, "-m", "bench.generator", str(access["bootstrapPort"]), login["username"]]
        done = run(*words, str(first), str(number), stdin=login["password"] + "\n", timeout=180)
        assert done.returncode == 0, done.stderr
        return float(done.stdout)

    def echo(self, first: int, number: int) -> float:
        """Measure the bare echo."""
        user, password = self.gate
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.echo", str(self.site.access["bootstrapPort"]), user],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(password + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"
            return self.generate(first, number)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdin.close()
            process.stdout.close()

    def bridge(self, first: int, number: int) -> float:
        """Measure first contacts: each is durable, pending and answered."""
        self.site.start_bridge()
        try:
            ids = "".join(f"herd-{one}\n" for one in range(first, first + number))
            done = self.site.cli("register", "-", stdin=ids, timeout=120)
            assert done.returncode == 0, done.stderr
            seconds = self.generate(first, number)
            answer = json.loads(self.site.cli("list", "--limit", "1", "--json").stdout)
            pending = answer["result"]["counts"]["PENDING_ACCEPTANCE"]
            assert pending == first + number, f"{pending} of {first + number} are pending"
        finally:
            self.site.processes.pop("serve").stop()
        return seconds


def measure_herd(bench: Bench, number: int, rounds: int) -> dict[str, Any]:
    """Take turns between echo and bridge; the ratio is the median of the pairs'."""
    pairs = []
    for one in range(rounds):
        echoed = number / bench.echo(one * number, number)
        served = number / bench.bridge(one * number, number)
        console.print(f"  herd {one + 1}/{rounds}: echo {echoed:,.0f}/s, bridge {served:,.0f}/s", highlight=False)
        pairs.append((echoed, served))
    return {
        "herd_ratio": statistics.median(served / echoed for echoed, served in pairs),
        "herd_devices": number,
        "herd_echo_per_second": statistics.median(echoed for echoed, _ in pairs),
        "herd_bridge_per_second": statistics.median(served for _, served in pairs),
    }


async def measure_accept(bench: Bench, number: int) -> dict[str, Any]:
    """Measure accept to credentials at the device, and its floor, in turns, with nothing else going on."""
    access = bench.site.access
    floors: list[tuple[float, float, float]] = []
    accepted: list[float] = []
    gate_user, gate_password = bench.gate
    database = bench.site.data.parent / "floor.db"
    engine = create_async_engine(f"sqlite+aiosqlite:///{database}")
    table = sa.Table("floor", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        await connection.run_sync(table.metadata.create_all)
    async with (
        aiomqtt.Client(
            "127.0.0.1",
            access["port"],
            username="bench",
            password=bench.bench_password,
            protocol=V5,
            socket_options=NODELAY,
        ) as accounts,
        aiomqtt.Client(
            "127.0.0.1",
            access["bootstrapPort"],
            username=gate_user,
            password=gate_password,
            identifier="floor",
            protocol=V5,
            socket_options=NODELAY,
        ) as gate,
        administrator(access) as admin,
        device(access, "accept-floor") as listener,
    ):
        await accounts.subscribe("$CONTROL/dynamic-security/v1/response", 1)

        async def commit(one: int) -> None:
            async with engine.begin() as connection:
                await connection.execute(sa.insert(table), [{"id": one, "text": "x" * 400}])

        async def make_account(one: int) -> None:
            acls = [
                {"acltype": kind, "topic": f"devices/default/floor-{one}/#", "priority": 0, "allow": True}
                for kind in ("publishClientSend", "publishClientReceive", "subscribePattern")
            ]
            role, client = f"floor-{one}", f"default/device_floor-{one}"
            commands = [
                {"command": "createRole", "rolename": role, "acls": acls},
                {
                    "command": "createClient",
                    "username": client,
                    "password": "x" * 32,
                    "clientid": f"floor-{one}",
                    "roles": [{"rolename": role}],
                },
            ]
            await accounts.publish("$CONTROL/dynamic-security/v1", json.dumps({"commands": commands}), 1)
            async with asyncio.timeout(PATIENCE):
                await anext(aiter(accounts.messages))

        async def round_trip(one: int) -> None:
            await gate.publish(listener.response_topic, b"x" * 200, 1)
            await listener.peer.next()

        for one in range(number):
            times = [await _timed(step, one) for step in (commit, make_account, round_trip)]
            floors.append((times[0], times[1], times[2]))
            device_id = f"accept-{one}"
            async with device(access, device_id) as caller:
                await admin.ok("register", {"id": device_id})
                await caller.ask()
                started = time.perf_counter()
                topic = f"control/{admin.tenant}/{admin.name}/request/accept"
                await admin.peer.client.publish(topic, json.dumps({"id": device_id}), 1)
                credentials = await caller.peer.next_json()
                accepted.append(time.perf_counter() - started)
                assert credentials["status"] == "ACCEPTED"
                assert (await admin.peer.next_json())["ok"]
    await engine.dispose()
    sums = [sum(parts) for parts in floors]
    floor = statistics.median(sums)
    return {
        "accept_p50_ratio": quantile(accepted, 0.5) / floor,
        "accept_p99_ratio": quantile(accepted, 0.99) / floor,
        "accept_devices": number,
        "accept_p50_ms": quantile(accepted, 0.5) * 1000,
        "accept_p99_ms": quantile(accepted, 0.99) * 1000,
        "floor_p50_ms": floor * 1000,
        "floor_commit_ms": statistics.median(part[0] for part in floors) * 1000,
        "floor_account_ms": statistics.median(part[1] for part in floors) * 1000,
        "floor_round_trip_ms": statistics.median(part[2] for part in floors) * 1000,
    }


def measure_overload(bench: Bench, rounds: int, malformed: int) -> dict[str, Any]:
    """Measure what others wait while one id floods, and what malformed calls of every kind leave in memory."""
    found = fairness(bench.site.access, FLOOD, rounds, FAIR_CALLS)
    for number, one in enumerate(found, 1):
        console.print(
            f"  flood {number}/{rounds}: {one.rate:,.0f}/s, p99 {one.idle * 1000:.1f} ms without it,"
            f" {one.flooded * 1000:.1f} ms with it",
            highlight=False,
        )
    sent = flood_with_malformed(bench.site, malformed // 10, malformed)
    assert sent.counted == sent.sent, sent
    return {
        "fairness_ratio": ratio_of(found),
        "fairness_calls": FAIR_CALLS * rounds,
        "fairness_flood_per_second": statistics.median(one.rate for one in found),
        "fairness_idle_p99_ms": statistics.median(one.idle for one in found) * 1000,
        "fairness_flooded_p99_ms": statistics.median(one.flooded for one in found) * 1000,
        "malformed_memory_ratio": sent.memory_ratio,
        "malformed_messages": malformed,
        "malformed_memory_mb": sent.last / 1e6,
    }


async def _timed(step: Callable[[int], Any], one: int) -> float:
    started = time.perf_counter()
    await step(one)
    return time.perf_counter() - started


def report(figures: dict[str, Any]) -> bool:
    """Print the figures against their bars; tell whether all hold."""
    table = Table("figure", "value", "bar", "", box=None, header_style="bold", padding=(0, 3, 0, 0))
    good = True
    for name, value in figures.items():
        if name in BARS:
            sign, bar = BARS[name]
            holds = value >= bar if sign == ">=" else value <= bar
            good &= holds
            table.add_row(name, f"{value:.2f}", f"{sign} {bar}", "[green]holds" if holds else "[red]MISSED")
        elif isinstance(value, int | float):
            table.add_row(
                f"[dim]{name}", f"[dim]{value:,.2f}" if isinstance(value, float) else f"[dim]{value:,}", "", ""
            )
    console.print(table)
    return good


def main() -> int:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000, help="the size of the herd")
    parser.add_argument("--rounds", type=int, default=5, help="turns of echo and bridge")
    parser.add_argument("--accepts", type=int, default=300, help="accepts to measure")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the bulk file")
    parser.add_argument("--malformed", type=int, default=100_000, help="malformed calls; a tenth is compared with")
    parser.add_argument("--only", choices=PARTS, help="measure only this, and write nothing")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bootstrap-bridge-bench-") as folder:
        for name in PARTS:
            if options.only not in (None, name):
                continue
            bench = Bench(Path(folder) / name)
            try:
                bench.start()
                if name == "herd":
                    figures |= measure_herd(bench, options.devices, options.rounds)
                elif name == "large":
                    figures |= measure_large(bench.site, options.rows)
                elif name == "overload":
                    bench.site.start_bridge()
                    figures |= measure_overload(bench, options.rounds, options.malformed)
                else:
                    bench.site.start_bridge()
                    figures |= asyncio.run(measure_accept(bench, options.accepts))
            finally:
                bench.site.stop()
    good = report(figures)
    if options.only is None:
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
        content = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
        (HERE / "latest.json").write_text(json.dumps({**content, **machine}, indent=2) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
