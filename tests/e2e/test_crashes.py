"""Bridge and brokers killed with `kill -9` at every arrow of a message's way: nothing committed is lost or doubled.

Set BOOTSTRAP_BRIDGE_TEST_CRASHES=all (`make crashes`) for the whole matrix: every arrow of everything that people and
devices do, with each of the processes and all of them killed, for one device and for several at once.
"""

import os
from collections.abc import Iterator
from typing import Final

import pytest

from bridge.arrows import Arrow
from tests.e2e.crashes import SCENARIOS, all_cells, chosen
from tests.e2e.inspecting import prepare, violations
from tests.e2e.mortal import BRIDGE, Cell, MortalSite, Stage

CELLS: Final = list(all_cells() if os.environ.get("BOOTSTRAP_BRIDGE_TEST_CRASHES") == "all" else chosen())


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalSite]:
    site = MortalSite(tmp_path_factory.mktemp("mortal") / "data")
    try:
        prepare(site)
        site.start()
        yield site
    finally:
        site.stop()


@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
async def test_whatever_dies_at_an_arrow_nothing_is_lost_or_doubled(mortal: MortalSite, cell: Cell) -> None:
    mortal.make_whole()
    stage = Stage(mortal, cell)
    await SCENARIOS[cell.scenario].play(stage)
    assert await violations(mortal, stage.ledger) == [], mortal.processes["serve"].output[-5000:]
    await stage.clear()


def test_every_arrow_is_tried_with_the_bridge_killed() -> None:
    """What a cell names is really passed, or the cell fails: the processes must have died there."""
    assert {cell.arrow for cell in chosen() if BRIDGE in cell.killed} == set(Arrow)


def test_every_scenario_is_tried() -> None:
    assert {cell.scenario for cell in chosen()} == set(SCENARIOS)


def test_the_whole_matrix_holds_what_every_run_tries() -> None:
    every = list(all_cells())
    assert set(chosen()) <= set(every)
    assert len(set(every)) == len(every)
