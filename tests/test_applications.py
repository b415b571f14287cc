"""Which topic filters an application may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.applications import is_info_alone, may_use, within
from bridge.options import Values

FREE: Values = {("management", "topics"): ["plant/{id}/#"]}
NAMED: Values = {("default", "topics"): ["hall/{tenant}/{id}/state"], ("north", "topics"): ["cold/{tenant}/{id}/#"]}


def matches(filter_: str, topic: str) -> bool:
    """MQTT's matching, by its own words (MQTT 5, section 4.7): one level at a time."""
    head, *rest = filter_.split("/", 1)
    level, *more = topic.split("/", 1)
    if head == "#":
        return True
    if head not in {"+", level}:
        return False
    if not more:
        return not rest or rest == ["#"]
    return bool(rest) and matches(rest[0], more[0])


@pytest.mark.parametrize(
    ("inner", "outer", "is_within"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/+", True),
        ("a/b", "a/#", True),
        ("a", "a/#", True),
        ("a/+", "a/+", True),
        ("a/#", "a/#", True),
        ("a/b/#", "a/#", True),
        ("#", "#", True),
        ("a/+", "a/b", False),
        ("a/#", "a/+", False),
        ("a/#", "a/b", False),
        ("#", "a/#", False),
        ("+/b", "a/b", False),
        ("a/b", "a", False),
        ("a", "a/b", False),
        ("ab", "a", False),
    ],
)
def test_a_filter_is_within_another_if_all_it_matches_is_matched(inner: str, outer: str, is_within: bool) -> None:
    assert within(inner, outer) is is_within


LEVELS = st.lists(st.sampled_from(["a", "b", "+"]), min_size=1, max_size=3)
FILTERS = st.builds(lambda levels, rest: "/".join([*levels, *rest]), LEVELS, st.sampled_from([[], ["#"]]))
TOPICS = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4).map("/".join)


@given(FILTERS, FILTERS, TOPICS)
def test_what_is_within_matches_nothing_more(inner: str, outer: str, topic: str) -> None:
    if within(inner, outer) and matches(inner, topic):
        assert matches(outer, topic)


@pytest.mark.parametrize(
    ("filter_", "values", "alone", "allowed"),
    [
        ("devices/default/#", {}, False, True),
        ("devices/default/+/state", {}, False, True),
        ("devices/default", {}, True, False),
        ("devices/north/#", {}, True, False),
        ("devices/defaulted/#", {}, True, False),
        ("devices/+/x", {}, True, False),
        ("#", FREE, True, False),
        ("plant/+/#", FREE, True, True),
        ("plant/pump-7/x", FREE, True, True),
        ("plant/#", FREE, True, False),
        ("plant/+/#", FREE, False, False),
        ("hall/default/+/state", NAMED, False, True),
        ("hall/default/pump-7/state", NAMED, False, True),
        ("hall/default/+/#", NAMED, False, False),
        ("hall/north/+/state", NAMED, False, False),
        ("cold/default/+/#", NAMED, True, False),
    ],
)
def test_an_application_has_its_tenants_devices_and_their_further_topics(
    filter_: str, values: Values, alone: bool, allowed: bool
) -> None:
    assert may_use(filter_, "default", values, alone=alone) is allowed


def test_what_is_about_info_alone_is_told_from_what_is_about_more() -> None:
    assert is_info_alone("devices/default/+/info", "default")
    assert is_info_alone("devices/default/pump-7/info", "default")
    assert not is_info_alone("devices/default/#", "default")
    assert not is_info_alone("devices/default/+/+", "default")
