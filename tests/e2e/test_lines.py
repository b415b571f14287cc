"""The suite runs on the Mosquitto that was asked for, broker, plugin and clients, and not silently on another."""

import json
import shutil
from pathlib import Path

import pytest

from bridge.brokers import PLUGIN
from tests import lines
from tests.e2e.peer import administrator
from tests.e2e.scenes import assert_serves, bring_in
from tests.e2e.site import AnySite, ApartSite, UpSite


def pids(site: AnySite) -> dict[str, int]:
    if isinstance(site, UpSite):
        return {name.removesuffix("-broker"): pid for name, pid in site.broker_pids().items()}
    return {name: site.processes[name].process.pid for name in ("operations", "bootstrap")}


def test_the_brokers_that_run_are_of_the_line_that_was_asked_for(site: AnySite) -> None:
    assert f"{lines.version()}.".startswith(f"{lines.line()}." if lines.line() else "2.")
    found = pids(site)
    assert sorted(found) == ["bootstrap", "operations"]
    for pid in found.values():
        assert Path(f"/proc/{pid}/exe").resolve() == lines.broker().resolve()


def test_the_plugin_is_the_one_that_came_with_the_broker(site: AnySite) -> None:
    mapped = Path(f"/proc/{pids(site)['operations']}/maps").read_text(encoding="utf-8")
    loaded = {Path(row.split()[-1]) for row in mapped.splitlines() if row.endswith(PLUGIN)}
    (plugin,) = loaded
    assert plugin.is_relative_to(lines.broker().resolve().parent.parent)


@pytest.mark.parametrize(
    "client", ["mosquitto_pub", "mosquitto_sub", "mosquitto_rr", "mosquitto_passwd", "mosquitto_ctrl"]
)
def test_clients_are_of_the_same_line(client: str) -> None:
    found = shutil.which(client)
    assert found is not None
    where = Path(found).resolve().parent
    assert where.parent == lines.broker().resolve().parent.parent, "below the same bin and sbin"


def test_a_broker_that_is_well_warns_of_nothing(own_site: UpSite) -> None:
    """Neither of settings that its version does not like, nor as a fault of what it says at every start."""
    for _ in range(2):
        own_site.start()
        said = [json.loads(row) for row in own_site.up.output.splitlines() if row.startswith("{")]
        warned = [one["says"] for one in said if one["event"] == "mosquitto" and one["level"] != "info"]
        assert [one for one in warned if "should not be run as root" not in one] == []  # true where root runs the tests
        own_site.stop()


@pytest.mark.parametrize("left", ["nothing", "part of it"])
async def test_accounts_that_a_broker_lost_and_wrote_itself_are_made_again(left: str, tmp_path: Path) -> None:
    """Mosquitto 2.1 writes accounts of its own where it finds none, 2.0 goes on without; either refuses the bridge."""
    site = ApartSite(tmp_path / "data")
    accounts = site.data / "operations-broker" / "dynamic-security.json"
    try:
        site.start()
        async with administrator(site.access) as admin:
            await bring_in(site.access, admin, "kept-1")
        site.stop()
        whole = accounts.read_text(encoding="utf-8")
        if left == "nothing":
            accounts.unlink()
        else:
            accounts.write_text(whole[: len(whole) // 2], encoding="utf-8")
        site.start_broker("operations")
        site.stop()
        made = site.cli("init")
        assert made.returncode == 0, made.stderr
        site.start()
        async with administrator(site.access) as admin:
            assert (await admin.get("kept-1"))["status"] == "ACCEPTED"
        await assert_serves(site.access, "after-it")
    finally:
        site.stop()
