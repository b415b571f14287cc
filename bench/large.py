"""Measure a large installation: a bulk file of many rows, and a bridge that starts, lists and rests on them."""

import asyncio
import csv
import sqlite3
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from bridge.registration import Registration
from bridge.rows import registration_row
from bridge.store import Store
from bridge.uploading import Upload
from tests.e2e.peer import administrator
from tests.e2e.site import ApartSite

console = Console()
EDGE = 100_000
"""Rows at the beginning and at the end whose pace is compared."""
PAGES = 50


def write_file(path: Path, rows: int) -> None:
    """Write a simple bulk file."""
    with path.open("w", encoding="utf-8") as file:
        file.write("ID;PATH\n")
        file.writelines(f"device-{one:07};Hall {one % 50}/Line {one % 7}\n" for one in range(rows))


def plain(path: Path, folder: Path) -> float:
    """Insert the rows of the file as a plain script would, into the same tables; return its seconds."""
    database = folder / "plain.db"

    async def make() -> None:
        await (await Store.open(f"sqlite+aiosqlite:///{database}")).close()

    asyncio.run(make())
    template = registration_row(Registration("", "default", "default/admin", 0))
    columns = list(template)
    places = [columns.index(name) for name in ("id", "group_path", "folded", "created")]
    statement = f"INSERT INTO registrations ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    with path.open(encoding="utf-8", newline="") as file:
        began = time.perf_counter()
        reader = csv.reader(file, delimiter=";")
        next(reader)

        def values() -> Iterator[list[Any]]:
            for device_id, group in reader:
                row = list(template.values())
                for place, value in zip(
                    places, (device_id, group, device_id, time.time_ns() // 1_000_000), strict=True
                ):
                    row[place] = value
                yield row

        connection = sqlite3.connect(database)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        with connection:
            connection.executemany(statement, values())
        seconds = time.perf_counter() - began
        connection.close()
    return seconds


def upload(site: ApartSite, path: Path) -> tuple[float, list[tuple[int, float]]]:
    """Send the file part by part, as an administrator; return the seconds, and rows and seconds of each part."""
    with Upload(path.open("rb")) as file:
        parts = [(part.records, part.payload) for part in file.parts()]

    async def send() -> list[tuple[int, float]]:
        times = []
        async with administrator(site.access) as admin:
            for records, payload in parts:
                began = time.perf_counter()
                answer = await admin.answer("bulk-register", payload)
                times.append((records, time.perf_counter() - began))
                assert answer["result"]["numberOfCreated"] == records, answer
        return times

    took = asyncio.run(send())
    return sum(seconds for _, seconds in took), took


def pace(parts: list[tuple[int, float]]) -> float:
    """Return the rows per second of the first parts that hold ``EDGE`` rows."""
    rows, seconds = 0, 0.0
    for number, took in parts:
        rows += number
        seconds += took
        if rows >= EDGE:
            break
    return rows / seconds


def memory(site: ApartSite, what: str) -> float:
    """Return what the bridge's process holds, in MB: VmRSS now, or VmHWM at most."""
    status = Path(f"/proc/{site.processes['serve'].process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1]) / 1000


async def pages(site: ApartSite) -> list[float]:
    """Return the seconds of one page of the list after the other."""
    times = []
    cursor = None
    async with administrator(site.access) as admin:
        for _ in range(PAGES):
            began = time.perf_counter()
            page = await admin.ok("list", {"limit": 100} | ({} if cursor is None else {"cursor": cursor}))
            times.append(time.perf_counter() - began)
            cursor = page["next"]
            if cursor is None:
                break
    return times


def measure_large(site: ApartSite, rows: int) -> dict[str, Any]:
    """Measure bulk-register against plain inserts, then the bridge on what it has stored."""
    path = site.data.parent / "devices.csv"
    write_file(path, rows)
    plain_seconds = plain(path, site.data.parent)
    site.start_bridge()
    seconds, parts = upload(site, path)
    console.print(f"  bulk: plain {plain_seconds:.1f} s, bridge {seconds:.1f} s", highlight=False)
    most = memory(site, "VmHWM")
    site.processes.pop("serve").stop()
    began = time.perf_counter()
    site.start_bridge()
    started = time.perf_counter() - began
    times = asyncio.run(pages(site))
    return {
        "bulk_ratio": seconds / plain_seconds,
        "bulk_evenness": pace(parts[::-1]) / pace(parts),
        "large_start_s": started,
        "large_page_ms": statistics.median(times) * 1000,
        "large_memory_mb": memory(site, "VmRSS"),
        "bulk_rows": rows,
        "bulk_rows_per_second": rows / seconds,
        "bulk_plain_rows_per_second": rows / plain_seconds,
        "bulk_memory_at_most_mb": most,
    }
