"""What a fleet is made of."""

from dataclasses import replace
from pathlib import Path

import pytest

from device_sim.events import Started
from device_sim.memory import Approach, Call, Form, Memory
from device_sim.misbehaviour import Misbehaviour
from device_sim.names import is_private_client_id
from device_sim.plan import Manner, Member, Plan, assemble, going_on, numbered_ids
from device_sim.store import StateStore

PLAN = Plan(["a", "b", "c"], {"a": "ONE", "c": "THREE"})


def started(member: Member) -> Approach:
    """Switch a device on and return how it calls."""
    member.device.handle(Started(), 0)
    assert member.device.memory
    return member.device.memory.approach


def store(directory: Path, *memories: Memory) -> StateStore:
    """Return a store that holds ``memories``."""
    made = StateStore(directory)
    with made.locked():
        for memory in memories:
            made.save(memory)
    return made


@pytest.mark.parametrize(("count", "last"), [(1, "sim-001"), (999, "sim-999"), (1000, "sim-1000")])
def test_ids_are_numbered_with_three_digits_or_as_many_as_needed(count: int, last: str) -> None:
    ids = numbered_ids("sim-", count)
    assert ids[-1] == last
    assert len({len(device_id) for device_id in ids}) == 1


def test_each_device_calls_privately_with_a_client_id_of_its_own_and_the_token_on_its_label(tmp_path: Path) -> None:
    approaches = [started(member) for member in assemble(PLAN, store(tmp_path))]
    assert [approach.token for approach in approaches] == ["ONE", None, "THREE"]
    assert all(is_private_client_id(approach.client_id) for approach in approaches)
    assert len({approach.client_id for approach in approaches}) == 3


def test_a_manner_is_followed(tmp_path: Path) -> None:
    plan = replace(PLAN, manner=Manner(Call.PLAIN, Form.LINE))
    assert started(assemble(plan, store(tmp_path))[0]) == Approach("a", Call.PLAIN, Form.LINE, "ONE")
    sealed = [started(member) for member in assemble(replace(PLAN, manner=Manner(sealed=True)), store(tmp_path))]
    assert len({approach.private_key for approach in sealed}) == 3


def test_a_device_goes_on_as_it_began_whatever_is_asked_for_now(tmp_path: Path) -> None:
    began = Memory("a", Approach("a", Call.PLAIN, Form.LINE, "OLD"))
    members = assemble(PLAN, store(tmp_path, began))
    assert started(members[0]) == began.approach
    assert going_on(PLAN, assemble(PLAN, store(tmp_path))) == 1


def test_the_last_devices_misbehave_and_have_no_past(tmp_path: Path) -> None:
    past = Memory("c", Approach("an-old-client-id-of-32-characters"))
    members = assemble(replace(PLAN, misbehaving=2), store(tmp_path, past))
    assert [(member.label, member.misbehaves) for member in members] == [("a", False), ("b", True), ("c", True)]
    assert members[2].device.memory is None


@pytest.mark.parametrize("misbehaviour", Misbehaviour)
def test_each_misbehaviour_is_what_its_name_says(tmp_path: Path, misbehaviour: Misbehaviour) -> None:
    plan = replace(PLAN, misbehaviour=misbehaviour, misbehaving=1, manner=Manner(form=Form.LINE))
    bad = assemble(plan, store(tmp_path))[-1]
    approach = started(bad)
    match misbehaviour:
        case Misbehaviour.WRONG_TOKEN:
            assert approach.token not in {None, "ONE", "THREE"}
        case Misbehaviour.NO_TOKEN:
            assert approach.token is None
        case Misbehaviour.OTHER_ID:
            assert (bad.device.device_id, bad.label) == ("a", "c")
        case Misbehaviour.GARBAGE:
            assert bad.device.spoil
            assert len({bad.device.spoil(number) for number in range(1, 14)}) == 13
