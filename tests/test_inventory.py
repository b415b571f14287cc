"""What a device says of itself, merged into its entry."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.inventory import MAX_PROPERTIES, described, entry_for, fits, is_to_come, merge_patch, merged, with_info
from bridge.registration import Device, Registration, Said
from tests.making import BY, JSON_VALUES, NOW, accepted, installed, waiting

ENTRY = Device("pump-7", "default", BY, "Pump", "c8y_Pump", "A/B", {"site": {"x": 1, "y": 2}}, 1)
JSON_OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON_VALUES, max_size=3)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merging_follows_the_cases_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    before = copy.deepcopy((target, patch))
    assert merge_patch(target, patch) == result
    assert (target, patch) == before


@given(JSON_VALUES, JSON_VALUES)
def test_merging_twice_is_merging_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


def test_name_and_type_are_set_and_every_other_member_becomes_a_property() -> None:
    entry, too_large = with_info(ENTRY, {"name": "P7", "type": "t", "site": {"x": None, "z": 3}, "rssi": -70}, NOW)
    assert not too_large
    assert entry == replace(
        ENTRY, name="P7", type="t", last_info=NOW, properties={"site": {"y": 2, "z": 3}, "rssi": -70}
    )


def test_what_a_device_does_not_decide_is_ignored() -> None:
    said = {"id": "x", "tenant": "north", "group": "G", "owner": "me"}
    assert with_info(ENTRY, said, NOW) == (replace(ENTRY, last_info=NOW), False)


@pytest.mark.parametrize("value", [None, 7, ["x"], {"x": 1}])
def test_a_name_that_is_no_text_changes_nothing(value: object) -> None:
    assert with_info(ENTRY, {"name": value, "type": value}, NOW) == (replace(ENTRY, last_info=NOW), False)


def test_an_empty_info_is_heard_all_the_same() -> None:
    assert with_info(ENTRY, {}, NOW) == (replace(ENTRY, last_info=NOW), False)


def test_properties_of_8_kib_are_kept_and_a_merge_beyond_is_left_out() -> None:
    bare = replace(ENTRY, properties={})
    filling = MAX_PROPERTIES - len(b'{"a":""}')
    entry, too_large = with_info(bare, {"a": "x" * filling}, NOW)
    assert (len(entry.properties["a"]), too_large) == (filling, False)
    entry, too_large = with_info(bare, {"a": "x" * (filling + 1), "name": "P7"}, NOW)
    assert too_large
    assert entry == replace(bare, name="P7", last_info=NOW)


def test_a_large_entry_can_be_made_smaller() -> None:
    full = replace(ENTRY, properties={"a": "x" * (MAX_PROPERTIES - 8)})
    entry, too_large = with_info(full, {"a": None, "b": 1}, NOW)
    assert (entry.properties, too_large) == ({"b": 1}, False)


def test_a_first_entry_is_what_the_registration_says() -> None:
    registered = waiting(name="Pump", type="t", group="A", properties={"x": 1})
    assert entry_for(registered, None, NOW) == Device("pump-7", "default", BY, "Pump", "t", "A", {"x": 1}, NOW)


def test_of_an_earlier_entry_stays_what_the_registration_does_not_say() -> None:
    registered = waiting(owner="default/rita", group="C", properties={"x": 1})
    assert entry_for(registered, ENTRY, NOW) == replace(
        ENTRY, owner="default/rita", group="C", properties={"site": {"x": 1, "y": 2}, "x": 1}
    )


def test_what_a_file_says_goes_over_what_is_there_and_an_empty_cell_says_nothing() -> None:
    said = Said(name="New", iccid="8949", shell=True, properties={"site": {"y": 3}, "rack": "r1"})
    assert described(ENTRY, said, "b1") == replace(
        ENTRY, name="New", iccid="8949", shell=True, properties={"site": {"x": 1, "y": 3}, "rack": "r1"}, bulk="b1"
    )


@pytest.mark.parametrize(
    "said",
    [Said(), Said(name="Pump", type="c8y_Pump", group="A/B", shell=False), Said(properties={"site": {"x": 1}})],
)
def test_a_file_that_says_nothing_new_leaves_the_entry_itself(said: Said) -> None:
    assert described(ENTRY, said, "b1") is ENTRY


def test_a_file_that_wrote_the_registration_has_written_the_entry() -> None:
    registered = waiting(bulk="b1")
    assert entry_for(registered, None, NOW).bulk == "b1"
    assert entry_for(registered, replace(ENTRY, bulk="b0"), NOW).bulk == "b1"
    assert entry_for(waiting(), replace(ENTRY, bulk="b0"), NOW).bulk == "b0"


def test_an_entry_is_to_come_until_account_or_file_has_made_it() -> None:
    assert is_to_come(waiting())
    assert is_to_come(accepted())
    assert not is_to_come(installed())
    assert not is_to_come(accepted(confirmed=NOW))


@pytest.mark.parametrize("filling", ["x", "ä", "\U0001d54f", '"', "\ud800"])
def test_the_size_of_properties_is_that_of_their_json(filling: str) -> None:
    one = len(json.dumps(filling, ensure_ascii=False).encode("utf-8", "surrogatepass")) - 2
    most = (MAX_PROPERTIES - len(b'{"a":""}')) // one
    assert fits({"a": filling * most})
    assert not fits({"a": filling * (most + 1)})


@given(JSON_OBJECTS, JSON_OBJECTS)
def test_merging_changes_neither(properties: dict[str, Any], patch: dict[str, Any]) -> None:
    before = copy.deepcopy((properties, patch))
    merged(properties, patch)
    assert (properties, patch) == before


@pytest.mark.parametrize("member", ["name", "type", "group", "iccid", "id_type", "shell"])
def test_a_file_changes_what_it_says_and_nothing_else(member: str) -> None:
    device = Device("x", "t", "t/a", "n", "t", "g", {"a": 1}, 0, None, "89", "serial", False, "b0")
    said: dict[str, Any] = {member: True if member == "shell" else "new"}
    assert described(device, Said(**said), "b1") == replace(device, **said, bulk="b1")


def test_a_new_acceptance_changes_name_type_and_group_of_the_earlier_entry() -> None:
    earlier = Device("x", "t", "t/a", "n", "t", "g", {"a": 1, "b": 1}, 0, 7, "89", "serial", True, "b0")
    again = Registration("x", "t", "t/b", 5, name="N", type="T", group="G", properties={"b": 2}, bulk="b1")
    assert entry_for(again, earlier, 9) == replace(
        earlier, owner="t/b", name="N", type="T", group="G", properties={"a": 1, "b": 2}, bulk="b1"
    )
    bare = Registration("x", "t", "t/b", 5)
    assert entry_for(bare, earlier, 9) == replace(earlier, owner="t/b")
