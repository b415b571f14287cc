"""How much memory the console needs for a bulk file of a million devices, and how long each step takes.

The file is chosen in a real browser, checked and registered by a bridge on real brokers. What counts is how much the
console grows beyond what it has after a small file. Prints a table, writes build/console-bulk.json; exit status 1
above the bar.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console as Terminal
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.browser.bulk_dialog import BulkDialog
from tests.browser.station import Console, browsing, somebody
from tests.e2e.site import UpSite, running

BAR: Final = 100.0
"""Megabytes by which the console may grow."""
HEADER: Final = "ID;CREDENTIALS;TYPE;NAME;ICCID;IDTYPE;PATH;SHELL;AUTH_TYPE\r\n"
OUT: Final = Path(__file__).parent.parent / "build" / "console-bulk.json"
HOUR: Final = 3_600_000.0


def written(path: Path, first: int, rows: int) -> Path:
    """Write a file of the full form, some 100 bytes a row as in the source document."""
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(HEADER)
        for n in range(first, first + rows):
            file.write(
                f"00{n:010x};LF2PWJoL{n:08d};c8y_Device;Sample_Device{n};+49{n:09d};c8y_Serial;"
                f"bulk group/subgroup{n % 50};1;BASIC\r\n"
            )
    return path


def memory(pid: int, kind: str) -> float:
    """Return VmRSS or VmHWM of a process, in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(kind):
            return int(line.split()[1]) * 1_024 / 1_000_000
    raise AssertionError(kind)


def begin_anew(pid: int) -> None:
    """Have VmHWM tell of what comes from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


async def registered(dialog: BulkDialog, path: Path, rows: int) -> dict[str, float]:
    """Have a file checked and registered; return the seconds that each step took."""
    began = time.monotonic()
    await dialog.choose(path)
    checked = dialog.dialog.get_by_role("heading", name="The file is checked", exact=True)
    await checked.wait_for(timeout=HOUR)
    looked = time.monotonic()
    await dialog.button(f"Register {rows:,} devices").click()
    done = dialog.dialog.get_by_role("heading", name="The file is registered", exact=True)
    await done.wait_for(timeout=HOUR)
    ended = time.monotonic()
    await dialog.counts(rows, 0, 0)
    await dialog.button("Choose another file").click()
    return {"sent_and_checked_s": round(looked - began, 1), "registered_s": round(ended - looked, 1)}


async def measure(rows: int, folder: Path) -> dict[str, Any]:
    with running(UpSite(folder / "data")) as site:
        served = Console.start(site, folder)
        try:
            async with browsing() as browser, somebody(browser, served) as person:
                await person.log_in("admin", site.password_of("admin"))
                dialog = await BulkDialog.opened(person.page)
                await registered(dialog, written(folder / "small.csv", rows, 20_000), 20_000)
                pid = served.process.process.pid
                before = memory(pid, "VmRSS")
                begin_anew(pid)
                large = written(folder / "large.csv", 0, rows)
                took = await registered(dialog, large, rows)
                return {
                    "rows": rows,
                    "file_mb": round(large.stat().st_size / 1_000_000, 1),
                    **took,
                    "memory_before_mb": round(before, 1),
                    "memory_highest_mb": round(memory(pid, "VmHWM"), 1),
                    "growth_mb": round(memory(pid, "VmHWM") - before, 1),
                }
        finally:
            served.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(measure(given.rows, Path(folder)))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    table = Table("figure", "value")
    for name, value in result.items():
        table.add_row(name, f"{value:,}")
    Terminal().print(table)
    return int(result["growth_mb"] > BAR)


if __name__ == "__main__":
    sys.exit(main())
