"""The options: what they take, what holds for a tenant, the policy that follows."""

from typing import Any

import pytest

from bridge.options import (
    OPTIONS,
    InvalidOption,
    OptionValue,
    device_topics,
    effective_value,
    neighbour_fault,
    own_value,
    policy_for,
    shape_fault,
)
from bridge.registration import Policy, TokenPolicy

CONTRACT: dict[str, tuple[Any, list[Any], list[Any]]] = {
    # option: default, values that it takes, values that it does not take
    "security-token.policy": ("OPTIONAL", ["IGNORED", "OPTIONAL", "REQUIRED"], ["optional", "", 1, None, ["IGNORED"]]),
    "security-token.max-attempts": (5, [1, 100], [0, 101, -1]),
    "token-missing.action": ("BLOCK", ["BLOCK", "IGNORE"], ["block", "NONE", 0]),
    "redelivery.window": (86_400, [60, 604_800], [59, 604_801, 0]),
    "registration.ttl": (0, [0, 1, 86_400], [-1]),
    "registration.retention": (86_400, [0, 1], [-1]),
    "retry-after": (30, [5, 3_600], [4, 3_601, 0]),
    "topics": (
        [],
        [["plant/{id}"], ["plant/{tenant}/{id}/#", "tele/{id}/+/x"], []],
        [
            *(
                "plant/{id}",
                ["plant/#"],
                ["plant/x"],
                ["plant/+/{id}"],
                ["plant/#/{id}"],
                ["{id}/x"],
                ["{tenant}/{id}"],
            ),
            *(["plant/x{id}"], ["plant/{id}/{other}"], ["+/{id}"], ["/{id}"], ["$SYS/{id}"], ["plant/{id}/#/x"], [7]),
            *([f"{first}/{{id}}"] for first in ("devices", "control", "events", "bridge", "bootstrap", "extensions")),
            *(["plant/{id}/a+"], ["plant/{id}/a#"], ["plant/{id}/\n"], ["plant/" + "x" * 1_000 + "/{id}"]),
            [f"plant/{number}/{{id}}" for number in range(21)],
        ],
    ),
}
NUMBERS = [key for key, (default, _, _) in CONTRACT.items() if isinstance(default, int)]


def test_there_are_exactly_the_options_of_the_contract() -> None:
    assert set(OPTIONS) == set(CONTRACT)


@pytest.mark.parametrize("key", CONTRACT)
def test_an_option_has_its_default_and_takes_what_its_range_says(key: str) -> None:
    default, taken, refused = CONTRACT[key]
    assert OPTIONS[key].default == default
    assert OPTIONS[key].parse(default) == default
    for value in taken:
        assert OPTIONS[key].parse(value) == value
    for value in refused:
        with pytest.raises(InvalidOption, match="take"):
            OPTIONS[key].parse(value)


@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_may_be_a_decimal_string_and_is_answered_as_a_number(key: str) -> None:
    low, high = OPTIONS[key].range
    for value in (low, high):
        parsed = OPTIONS[key].parse(str(value))
        assert parsed == value
        assert type(parsed) is int
    assert type(OPTIONS[key].parse(float(high))) is int


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize(
    "value", ["", "5.5", "+60", " 60", "6e1", "٦٠", "9" * 13, 60.5, float("inf"), True, None, {}, [60]]
)
def test_what_is_no_whole_number_is_refused(key: str, value: object) -> None:
    with pytest.raises(InvalidOption):
        OPTIONS[key].parse(value)


def test_the_policy_of_a_tenant_without_settings_is_the_defaults_in_milliseconds() -> None:
    assert policy_for({}, "t1") == Policy(TokenPolicy.OPTIONAL, 5, True, 86_400_000, 0, 86_400_000)


def test_the_policy_follows_what_the_tenant_has_set() -> None:
    values: dict[tuple[str, str], int | str] = {
        ("t1", "security-token.policy"): "REQUIRED",
        ("t1", "security-token.max-attempts"): 2,
        ("t1", "token-missing.action"): "IGNORE",
        ("t1", "redelivery.window"): 60,
        ("t1", "registration.ttl"): 10,
        ("t1", "registration.retention"): 0,
    }
    assert policy_for(values, "t1") == Policy(TokenPolicy.REQUIRED, 2, False, 60_000, 10_000, 0)
    assert policy_for(values, "t2") == policy_for({}, "t2")


@pytest.mark.parametrize("own", [None, *TokenPolicy])
@pytest.mark.parametrize("managements", [None, *TokenPolicy])
def test_of_two_token_policies_the_stricter_holds_where_management_has_set_one(
    own: TokenPolicy | None, managements: TokenPolicy | None
) -> None:
    key = "security-token.policy"
    values: dict[tuple[str, str], int | str] = {}
    if own is not None:
        values["t1", key] = own.name
    if managements is not None:
        values["management", key] = managements.name
    tenants = TokenPolicy.OPTIONAL if own is None else own
    expected = tenants if managements is None else max(tenants, managements)
    assert policy_for(values, "t1").tokens is expected
    assert own_value(values, "t1", key) == tenants.name


def test_only_management_decides_how_often_devices_repeat_their_calls() -> None:
    values: dict[tuple[str, str], int | str] = {("t1", "retry-after"): 7, ("management", "retry-after"): 9}
    assert effective_value(values, "t1", "retry-after") == 9
    assert own_value(values, "t1", "retry-after") == 9


def test_other_settings_of_management_hold_for_management_alone() -> None:
    values: dict[tuple[str, str], int | str] = {("management", "security-token.max-attempts"): 1}
    assert policy_for(values, "t1").max_attempts == 5
    assert policy_for(values, "management").max_attempts == 1


@pytest.mark.parametrize(
    ("tenant", "filters", "fault"),
    [
        ("default", ["plant/{tenant}/{id}/#", "lab/{tenant}/x/{id}"], None),
        ("default", ["plant/{id}/#"], "only management may set it"),
        ("default", ["plant/{id}/{tenant}/#"], "second level"),
        ("default", ["plant/x/{tenant}/{id}/#"], "second level"),
        ("default", ["tele/{tenant}/{id}/#"], "devices of all"),
        ("default", ["shop/{tenant}/{id}/more"], None),
        ("management", ["x/{id}/{tenant}/#", "tele/{id}/#", "shop/{tenant}/{id}/#"], None),
        ("management", ["farm/{id}/#"], "of their own"),
        ("management", ["farm/{tenant}/{id}/#"], None),
    ],
)
def test_no_two_tenants_topics_meet_whatever_their_devices_are_called(
    tenant: str, filters: list[str], fault: str | None
) -> None:
    values: dict[tuple[str, str], OptionValue] = {
        ("management", "topics"): ["tele/{id}/#", "shop/{tenant}/{id}/#"],
        ("north", "topics"): ["farm/{tenant}/{id}/#"],
    }
    said = neighbour_fault(values, tenant, filters)
    assert said is None if fault is None else fault in str(said)


def test_devices_have_the_filters_of_management_and_then_their_tenants_each_once() -> None:
    values: dict[tuple[str, str], OptionValue] = {
        ("management", "topics"): ["all/{id}/#", "tele/{tenant}/{id}"],
        ("north", "topics"): ["plant/{tenant}/{id}/#", "tele/{tenant}/{id}"],
    }
    assert device_topics(values, "north") == ["all/{id}/#", "tele/north/{id}", "plant/north/{id}/#"]
    assert device_topics(values, "default") == ["all/{id}/#", "tele/default/{id}"]
    assert effective_value(values, "north", "topics") == device_topics(values, "north")
    assert device_topics({}, "north") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *(("", "not empty"), ("a/\0", "null character"), ("a+/b", "alone as a level")),
        *((text, "last level") for text in ("#/a", "a/##", "##", "a#", "#/#")),
        *((text, None) for text in ("+", "#", "a/+/#")),
    ],
)
def test_a_topic_filter_has_its_wildcards_where_mqtt_has_them(text: str, words: str | None) -> None:
    fault = shape_fault(text)
    assert fault is None if words is None else words in (fault or "")


@pytest.mark.parametrize("key", ["registration.ttl", "retry-after", "security-token.max-attempts"])
def test_what_a_number_takes_is_told_with_its_unit_and_whether_zero_is_never(key: str) -> None:
    option = OPTIONS[key]
    with pytest.raises(InvalidOption) as told:
        option.parse("x")
    assert option.unit is not None
    assert str(told.value).endswith(f"{option.unit}{', or 0 for never' if key == 'registration.ttl' else ''}")


def test_a_number_of_up_to_12_digits_is_read_and_a_longer_one_is_none() -> None:
    ttl = OPTIONS["registration.ttl"]
    assert ttl.parse("000000000060") == 60
    with pytest.raises(InvalidOption):
        ttl.parse("0000000000060")


def test_filters_are_taken_up_to_their_limits() -> None:
    topics = OPTIONS["topics"]
    assert len(topics.parse([f"p/{n}/{{id}}" for n in range(20)])) == 20  # type: ignore[arg-type]
    longest = "p/{id}/" + "x" * 993
    assert topics.parse([longest]) == [longest]
    with pytest.raises(InvalidOption):
        topics.parse([longest + "x"])
    for brace in ("p/{id}/}", "p/{id}/{", "p/{id}/x}y"):
        with pytest.raises(InvalidOption, match="braces"):
            topics.parse([brace])
