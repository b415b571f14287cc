"""The clock of the machine set forward and back by a year, while the bridge runs and between two starts."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.peer import Administrator, administrator, device
from tests.e2e.scenes import accepted, bring_in, setting
from tests.e2e.site import ApartSite, wait_until

YEAR = 365 * 86_400
REQUEST = {"id": "clock-asked", "requestId": "the-same-request"}


class ClockedSite(ApartSite):
    """An installation whose bridge goes by a clock that the test sets; the brokers go by the machine's.

    Only the time of day is set, as by a person or the network. (libfaketime would change waiting too, and with it how
    Python's threads hand over to each other.)
    """

    @property
    def _hands(self) -> Path:
        return self.data.parent / "clock"

    def set_clock(self, seconds: float) -> None:
        """Put the bridge's clock ahead, or back."""
        self._hands.touch()
        with self._hands.open("r+b") as file:
            file.write(round(seconds).to_bytes(8, sys.byteorder, signed=True))

    def start_bridge(self) -> None:
        library = self.data.parent / "set_clock.so"
        if not library.exists():
            source = Path(__file__).parent / "set_clock.c"
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
        self.env = {"LD_PRELOAD": str(library), "TEST_CLOCK": str(self._hands)}
        super().start_bridge()

    def says(self, words: str) -> None:
        wait_until(lambda: words in self.processes["serve"].output, f"the log says: {words}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ClockedSite]:
    chosen = ClockedSite(tmp_path / "data")
    chosen.set_clock(0)
    try:
        chosen.start()
        yield chosen
    finally:
        chosen.stop()


def seconds_from_now(time: str) -> float:
    return abs((datetime.fromisoformat(time) - datetime.now(UTC)).total_seconds())


async def times_of(admin: Administrator, device_id: str) -> dict[str, str]:
    found = await admin.get(device_id)
    return {name: value for name, value in found.items() if name.endswith(("Time", "lastSeen")) and value}


async def serves(access: dict[str, Any], admin: Administrator, device_id: str) -> None:
    await bring_in(access, admin, device_id)


async def test_a_clock_that_leaps_by_a_year_and_back_loses_nobody_and_leaves_no_wrong_deadline(
    site: ClockedSite,
) -> None:
    access = site.access
    async with (
        administrator(access) as admin,
        device(access, "clock-calls") as caller,
        device(access, "clock-plain", plain=True) as plain,
        setting(admin, {"registration.ttl": 86_400}),
    ):
        await serves(access, admin, "clock-before")
        await admin.ok("register", {"id": "clock-waiting"})
        await admin.ok("register", {"id": "clock-calls"})
        await caller.ask()

        site.set_clock(YEAR)
        site.says("clock was set forward")
        await serves(access, admin, "clock-ahead")
        await admin.ok("register", REQUEST)
        await admin.ok("register", {"id": "clock-plain"})
        await plain.ask()
        await admin.ok("accept", {"id": "clock-calls"})
        await accepted(caller)
        assert seconds_from_now((await times_of(admin, "clock-ahead"))["creationTime"]) > 300 * 86_400, "it says so"
        assert (await admin.get("clock-waiting"))["status"] == "WAITING_FOR_CONNECTION", "nothing expires at once"

        site.processes["serve"].stop()
        site.start_bridge()
        assert (await admin.get("clock-waiting"))["status"] == "WAITING_FOR_CONNECTION", "nor at the next start"

        site.set_clock(0)
        site.says("times brought back")
        for device_id in ("clock-before", "clock-waiting", "clock-ahead", "clock-asked", "clock-plain", "clock-calls"):
            for name, time in (await times_of(admin, device_id)).items():
                assert seconds_from_now(time) < 600, (device_id, name)
        assert (await admin.answer("register", REQUEST))["ok"], "a repeat has the same answer"
        await admin.ok("accept", {"id": "clock-plain"})
        await accepted(plain)
        await serves(access, admin, "clock-after")

        site.processes["serve"].stop()
        site.set_clock(-YEAR)
        site.start_bridge()
        site.says("clock was set back")
        await serves(access, admin, "clock-behind")
        site.set_clock(0)
        await serves(access, admin, "clock-again")
        entries = (await admin.ok("audit", {"limit": 100}))["entries"]
        registered = [one["id"] for one in reversed(entries) if one["action"] == "register" and one["id"]]
        order = ["before", "waiting", "calls", "ahead", "asked", "plain", "after", "behind", "again"]
        assert registered == [f"clock-{name}" for name in order], "the audit is in the order in which things happened"
        assert "Traceback" not in site.processes["serve"].output
