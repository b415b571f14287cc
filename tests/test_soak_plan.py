"""The plan of a soak: a pure function of its seed, which leaves out no kind of step and no kind of kill."""

import pytest

from tests.soak.plan import (
    AFTER_START,
    LONGEST_DELAY,
    ON_THE_WAY,
    STEPS,
    STRETCH,
    STRETCH_ALIVE,
    machines,
    plan,
)
from tests.soak.words import STRICT, Operation, Victim

SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_gives_the_same_plan(seed: int) -> None:
    assert plan(seed, 100, 60) == plan(seed, 100, 60)
    assert machines(seed, 60) == machines(seed, 60)


def test_different_seeds_give_different_plans_and_fleets() -> None:
    assert len({plan(seed, 50, 60) for seed in range(20)}) == 20
    assert len({machines(seed, 60) for seed in range(20)}) == 20


@pytest.mark.parametrize("seed", SEEDS)
def test_a_longer_run_begins_as_a_shorter_one_so_that_what_failed_early_is_replayed_early(seed: int) -> None:
    short = plan(seed, 37, 60)
    assert plan(seed, 400, 60)[: len(short)] == short


@pytest.mark.parametrize("kills", [1, 2, 50, 1000])
def test_a_plan_holds_as_many_kills_as_were_asked_for(kills: int) -> None:
    assert kills <= sum(one.kill.kills for one in plan(1, kills, 60)) <= kills + 1


def test_full_runs_do_everything_and_kill_everyone_everywhere() -> None:
    drawn = [one for seed in SEEDS for one in plan(seed, 1000, 100)]
    assert {step.operation for one in drawn for step in one.steps} == set(Operation)
    assert {step.insists for one in drawn for step in one.steps} == {True, False}
    assert {step.asks_again for one in drawn for step in one.steps} == {True, False}
    kills = [one.kill for one in drawn]
    assert {frozenset(kill.victims) for kill in kills} >= {
        *(frozenset({victim}) for victim in Victim),
        frozenset({Victim.OPERATIONS, Victim.BOOTSTRAP}),
        frozenset({Victim.BRIDGE, Victim.OPERATIONS}),
        frozenset(Victim),
    }
    assert {kill.arrow for kill in kills} == {None, *ON_THE_WAY}
    assert {kill.again_at for kill in kills} == {None, *AFTER_START}
    assert any(kill.again_after is not None for kill in kills)


def test_a_run_of_make_test_kills_each_process_and_both_ways() -> None:
    kills = [one.kill for seed in SEEDS for one in plan(seed, 50, 50)]
    assert {victim for kill in kills for victim in kill.victims} == set(Victim)
    assert {kill.arrow is None for kill in kills} == {True, False}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_step_names_who_it_is_about(seed: int) -> None:
    fleet = machines(seed, 60)
    for one in plan(seed, 200, 60)[1:]:
        assert STEPS[0] <= len(one.steps) <= STEPS[1]
        assert 0 <= one.kill.after_step <= len(one.steps)
        assert 0 <= one.kill.delay <= LONGEST_DELAY
        for step in one.steps:
            assert step.devices or step.name
            assert len(set(step.devices)) == len(step.devices)
            assert all(0 <= at < len(fleet) for at in step.devices)
            if step.operation is Operation.CALL_WITHOUT_TOKEN:
                assert all(fleet[at].tenant == STRICT for at in step.devices), "elsewhere such a call is a claim"


@pytest.mark.parametrize("seed", SEEDS)
def test_only_bridges_end_themselves_at_arrows_and_now_and_then_one_lives_long(seed: int) -> None:
    for one in plan(seed, 400, 60):
        if one.kill.arrow is not None:
            assert one.kill.victims == {Victim.BRIDGE}
        if one.number % STRETCH >= STRETCH - STRETCH_ALIVE:
            assert Victim.BRIDGE not in one.kill.victims


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fleet_has_devices_of_every_manner(seed: int) -> None:
    fleet = machines(seed, 100)
    assert len({machine.id for machine in fleet}) == 100
    for feature in ("plain", "line", "sealed", "from_file"):
        assert {getattr(machine, feature) for machine in fleet} == {True, False}
    assert {machine.token is None for machine in fleet} == {True, False}
    assert all(machine.token for machine in fleet if machine.tenant == STRICT)
    assert not any(machine.sealed and machine.line for machine in fleet), "only JSON carries a key"


def test_a_run_begins_with_a_file_for_every_device() -> None:
    first = plan(3, 1, 60)[0]
    assert sorted(at for step in first.steps for at in step.devices) == list(range(60))
