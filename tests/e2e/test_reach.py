"""The table of attacks by topic, row by row on real brokers: how far each login reaches."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.e2e.site import running
from tests.hostile import entry, rude
from tests.hostile.entry import Entry
from tests.hostile.reach import LISTENING, SENDING, Reach
from tests.hostile.rows import proves
from tests.hostile.rude import Rude
from tests.hostile.siege import Siege, besiege
from tests.hostile.spied import SpiedSite
from tests.hostile.stage import ABROAD, HOME, pump


@pytest.fixture(scope="module")
def spied_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpiedSite]:
    site = SpiedSite(tmp_path_factory.mktemp("spied") / "data")
    with running(site):
        yield site


@pytest.fixture(scope="module")
def siege(spied_site: SpiedSite) -> Siege:
    """All rows tried at once; each test looks at what came of its own."""
    return asyncio.run(besiege(spied_site))


@proves(*LISTENING)
def test_a_login_hears_what_the_table_says_and_nothing_else(siege: Siege, attack: Reach) -> None:
    siege.judge(attack)


@proves(*SENDING)
def test_a_login_reaches_whom_the_table_says_and_nobody_else(siege: Siege, attack: Reach) -> None:
    siege.judge(attack)


@proves(*entry.ATTACKS)
def test_a_name_opens_what_the_table_says_and_nothing_else(siege: Siege, attack: Entry) -> None:
    siege.judge_entry(attack)


@proves(*rude.ATTACKS)
def test_a_packet_does_to_its_sender_what_the_table_says_and_nothing_to_others(siege: Siege, attack: Rude) -> None:
    siege.judge_packet(attack)


def test_between_the_rows_nobody_heard_anything_of_others(siege: Siege) -> None:
    assert {one.client_id: siege.leaked(one) for one in siege.attackers if siege.leaked(one)} == {}


def test_nothing_that_administrators_see_has_changed_by_the_attacks(siege: Siege) -> None:
    assert siege.after == siege.before


def test_what_others_retained_is_as_they_left_it(siege: Siege) -> None:
    kept = {heard.topic: heard.payload for heard in siege.kept}
    for tenant in (HOME, ABROAD):
        assert kept[f"devices/{tenant}/{pump(tenant)}/telemetry"] == b"kept"
    assert b'"online"' in kept["bridge/state"]


def test_nobody_was_thrown_out_and_nobody_let_in(siege: Siege) -> None:
    assert siege.thrown_out == []
    assert siege.intruders == []


def test_the_bridge_served_all_the_time(siege: Siege, spied_site: SpiedSite) -> None:
    (state,) = siege.told_of_the_bridge
    assert b"online" in state
    log = [json.loads(line) for line in spied_site.processes["serve"].output.splitlines() if line.startswith("{")]
    assert "ready" in {line["event"] for line in log}
    complaints = {line["event"] for line in log if line.get("level") != "info"}
    assert complaints <= {"retained request discarded", "malformed call", "more malformed calls"}, "of attackers alone"
    assert "session ended" not in {line["event"] for line in log}
