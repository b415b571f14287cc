"""What may be true after answers that came, answers that did not, and kills in between."""

import pytest

from tests.soak.model import ACCEPTED, NONE, OK, OPEN, Contradiction, Devices, Names


def one_device() -> Devices:
    return Devices({"a": "default", "b": "strict"})


def registered(devices: Devices) -> Devices:
    devices.answered(devices.begin("register", ["a"]), {"a": OK})
    return devices


def test_an_answered_registration_holds() -> None:
    devices = registered(one_device())
    assert devices.states("a") == {(OPEN, False)}
    with pytest.raises(Contradiction, match="a is none without a device, but by what was answered it is open"):
        devices.saw("a", NONE, False)


def test_an_unanswered_registration_may_have_happened_or_not_until_somebody_looks() -> None:
    for seen in (NONE, OPEN):
        devices = one_device()
        devices.unanswered(devices.begin("register", ["a"]))
        assert devices.states("a") == {(NONE, False), (OPEN, False)}
        devices.saw("a", seen, None)
        assert devices.states("a") == {(seen, False)}


def test_what_was_accepted_cannot_be_open_again() -> None:
    devices = registered(one_device())
    devices.answered(devices.begin("accept", ["a"]), {"a": OK})
    assert devices.states("a") == {(ACCEPTED, False), (ACCEPTED, True)}
    with pytest.raises(Contradiction):
        devices.saw("a", OPEN, None)


def test_nothing_is_accepted_that_nobody_accepted() -> None:
    devices = registered(one_device())
    with pytest.raises(Contradiction):
        devices.saw("a", ACCEPTED, None)


def test_an_answer_that_does_not_fit_what_was_answered_before_is_a_contradiction() -> None:
    devices = registered(one_device())
    underway = devices.begin("accept", ["a"])
    with pytest.raises(Contradiction, match="accept a was answered NOT_FOUND"):
        devices.answered(underway, {"a": "NOT_FOUND"})


def test_an_answer_that_a_command_never_has_is_a_contradiction() -> None:
    devices = registered(one_device())
    with pytest.raises(Contradiction, match="which it never is"):
        devices.answered(devices.begin("delete", ["a"]), {"a": "INTERNAL"})


def test_after_a_deletion_the_device_stays_or_goes_and_delete_device_takes_all() -> None:
    devices = registered(one_device())
    devices.answered(devices.begin("accept", ["a"]), {"a": OK})
    devices.answered(devices.begin("delete", ["a"]), {"a": OK})
    assert devices.states("a") == {(NONE, False), (NONE, True)}
    devices.answered(devices.begin("delete-device", ["a"]), {"a": OK})
    assert devices.states("a") == {(NONE, False)}


def test_accept_all_may_have_accepted_what_was_open_while_it_was_under_way_and_no_more() -> None:
    devices = registered(one_device())
    devices.answered(devices.begin("register", ["b"]), {"b": OK})
    devices.begin_sweep("default")
    assert devices.may_be_accepted("a")
    assert not devices.may_be_accepted("b"), "another tenant's"
    deleting = devices.begin("delete", ["a"])
    devices.end_sweep("default")
    devices.answered(deleting, {"a": OK})
    assert (NONE, False) in devices.states("a")
    registered(devices)
    assert not devices.may_be_accepted("a"), "the sweep was over before"


def test_a_registration_during_accept_all_may_be_accepted_at_once() -> None:
    devices = one_device()
    underway = devices.begin("register", ["a"])
    devices.begin_sweep("default")
    devices.end_sweep("default")
    devices.answered(underway, {"a": OK})
    assert devices.may_be_accepted("a")


def test_a_preauthorised_registration_may_accept_itself_until_it_is_deleted() -> None:
    devices = one_device()
    devices.answered(devices.begin("register", ["a"], accepts_itself=True), {"a": OK})
    assert devices.may_be_accepted("a")
    devices.saw("a", OPEN, False)
    assert devices.may_be_accepted("a")
    devices.answered(devices.begin("delete", ["a"]), {"a": OK})
    registered(devices)
    assert not devices.may_be_accepted("a")


def test_rows_of_a_simple_file_register_only_who_is_unknown() -> None:
    devices = one_device()
    devices.answered(devices.begin("simple row", ["a"]), {"a": OK})
    assert devices.states("a") == {(OPEN, False)}
    devices.answered(devices.begin("full row", ["a"]), {"a": OK})
    devices.answered(devices.begin("simple row", ["a"]), {"a": OK})
    assert devices.states("a") == {(ACCEPTED, True)}


def test_a_person_is_there_gone_or_either() -> None:
    people = Names("administrator")
    people.answered("eve", people.begin("eve"), OK, creates=True)
    assert people.certain() == ["eve"]
    assert people.saw(["eve"]) == []
    assert people.saw([]) == ["administrator eve is gone, but by what was answered it was there"]
    before = people.begin("eve")
    assert people.saw([]) == people.saw(["eve"]) == []
    with pytest.raises(Contradiction):
        people.answered("eve", before, "NOT_FOUND", creates=False)
    people.answered("eve", before, OK, creates=False)
    assert people.saw(["eve"]) == ["administrator eve is there, but by what was answered it was not there"]
