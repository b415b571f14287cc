"""Measure the console's table on many registrations, in a real browser: first rows, other rows, the row of an event.

Prints a table, writes build/console-bench.json. Exit status 1 below a bar. Run with `make console-bench`.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from playwright.async_api import Page
from rich.console import Console as Terminal
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.large import upload
from bench.run import Bench, quantile
from tests.browser.station import Console, browsing, somebody
from tests.e2e.peer import Administrator, administrator

RESULT: Final = Path(__file__).parent.parent / "build" / "console-bench.json"
BARS: Final = {
    "first rows": 1_000.0,
    "filter": 300.0,
    "search": 300.0,
    "row of an event": 500.0,
}
"""Milliseconds that the median may take: first rows from the request for the page on, other rows from the click or the
last key on, the row of an event from the moment on at which the request is sent that causes it."""
CALLERS: Final = 5_000
"""Devices among them that have called."""
ORDERS: Final = {"name": "th:nth-child(2) .sort:last-child", "creation": "th:nth-child(4) .sort"}
"""What is clicked for an order; by creation, the newest come first, and the row of an event is on top."""
terminal = Terminal()

CHANGED: Final = """
async ([selector, words]) => {
  const root = document.querySelector(".registrations");
  const shown = new Promise((resolve) => new MutationObserver((_, observer) => {
    if (root.getAttribute("aria-busy") !== "false") return;
    observer.disconnect();
    resolve();
  }).observe(root, { attributeFilter: ["aria-busy"] }));
  const target = document.querySelector(selector);
  const began = performance.now();
  if (words === null) target.click();
  else {
    target.value = words;
    target.dispatchEvent(new Event("input"));
  }
  await shown;
  await new Promise(requestAnimationFrame);
  return performance.now() - began;
}
"""
"""Clicks, or types words, and returns the milliseconds until the rows that this asks for are drawn."""
APPEARED: Final = """
(id) => {
  const there = () => document.querySelector(`tr[data-id="${id}"]`);
  window.appeared = new Promise((resolve) => new MutationObserver((_, observer) => {
    if (!there()) return;
    observer.disconnect();
    requestAnimationFrame(() => resolve(Date.now()));
  }).observe(document.body, { childList: true, subtree: true, attributes: true }));
}
"""
"""Waits for the row of a device from now on; ``window.appeared`` is the time of the clock at which it is drawn."""


def write_file(path: Path, rows: int) -> None:
    """Write a bulk file: devices with names that are in another order than their ids, some of whom will call."""
    with path.open("w", encoding="utf-8") as file:
        file.write("ID;PATH;NAME\n")
        for one in range(rows):
            device_id = f"herd-{one}" if one < CALLERS else f"device-{one:06}"
            file.write(f"{device_id};Hall {one % 50}/Line {one % 7};Pump {one * 7919 % rows:06}\n")


async def opened(page: Page, url: str) -> float:
    """Open the page; return the milliseconds until its first rows are drawn."""
    began = time.perf_counter()
    await page.goto(url, wait_until="commit")
    await page.locator("tr[data-id]").first.wait_for()
    return (time.perf_counter() - began) * 1000


async def changed(page: Page, selector: str, words: str | None = None) -> float:
    """Click or type; return the milliseconds until other rows are drawn."""
    return float(await page.evaluate(CHANGED, [selector, words]))


async def row_of_event(page: Page, admin: Administrator, device_id: str) -> float:
    """Register a device elsewhere; return the milliseconds until its row is drawn."""
    await page.evaluate(APPEARED, device_id)
    began = time.time()
    await admin.ok("register", {"id": device_id})
    return float(await page.evaluate("window.appeared")) - began * 1000


async def measure(bench: Bench, served: Console, rounds: int) -> dict[str, list[float]]:
    """Measure in one browser, each figure ``rounds`` times."""
    site = bench.site
    found: dict[str, list[float]] = {}
    async with browsing() as browser, somebody(browser, served) as person, administrator(site.access) as admin:
        page = await person.log_in("admin", site.password_of("admin"))
        await page.wait_for_selector("tr[data-id]")
        chip, field = ".chip{}", "input[type=search]"
        for one in range(rounds):

            def keep(name: str, milliseconds: float) -> None:
                found.setdefault(name, []).append(milliseconds)

            keep("first rows", await opened(page, served.url + "/"))
            keep("filter", await changed(page, chip.format(".WAITING_FOR_CONNECTION")))
            keep("filter that fits nobody", await changed(page, chip.format(".BLOCKED")))
            await changed(page, chip.format(""))
            keep("search", await changed(page, field, f"{one:02}99"))
            keep("search that fits nobody", await changed(page, field, "zzz"))
            await changed(page, field, "")
            for name, place in {
                "name": "th:nth-child(2) .sort:last-child",
                "creation": "th:nth-child(4) .sort",
            }.items():
                keep(f"order by {name}", await changed(page, place))
                keep(f"next page by {name}", await changed(page, ".leaves button:last-child"))
                if name == "creation":
                    await changed(page, ".leaves button")
                    keep("row of an event", await row_of_event(page, admin, f"new-{one}"))
    return found


def summed_up(found: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Return median, 95th percentile and largest of each figure, in whole milliseconds."""
    return {
        name: {
            "p50": round(statistics.median(values)),
            "p95": round(quantile(values, 0.95)),
            "max": round(max(values)),
        }
        for name, values in found.items()
    }


def show(figures: Mapping[str, Mapping[str, float]], rows: int) -> None:
    """Print the figures."""
    table = Table("milliseconds", "median", "p95", "largest", "bar", title=f"the console on {rows:,} registrations")
    for name, values in figures.items():
        bar = f"{BARS[name]:.0f}" if name in BARS else ""
        table.add_row(name, *(f"{values[one]:.0f}" for one in ("p50", "p95", "max")), bar)
    terminal.print(table)


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "data")
        bench.start()
        served: Console | None = None
        try:
            bench.site.start_bridge()
            path = Path(folder) / "devices.csv"
            write_file(path, options.rows)
            seconds, _ = upload(bench.site, path)
            terminal.print(f"  {options.rows:,} registrations in {seconds:.0f} s", highlight=False)
            bench.generate(0, CALLERS)
            served = Console.start(bench.site, Path(folder))
            found = asyncio.run(measure(bench, served, options.rounds))
        finally:
            if served is not None:
                served.stop()
            bench.site.stop()
    figures = summed_up(found)
    show(figures, options.rows)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    RESULT.parent.mkdir(exist_ok=True)
    content = {"rows": options.rows, "rounds": options.rounds, "milliseconds": figures, **machine}
    RESULT.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return int(any(figures[name]["p50"] > bar for name, bar in BARS.items()))


if __name__ == "__main__":
    sys.exit(main())
