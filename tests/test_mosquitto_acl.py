"""ACL files: what they grant, and what keeps the bridge's topics from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mosquitto_acl import CONTROL, closed, everything, families, openings, overlap, rules

OURS = families("")
TEXT = "topic read board/#\n\nuser old\ntopic readwrite plant/#\nuser a b\ntopic #\npattern read up/%c/#\n"


def test_rules_say_whom_they_let_where() -> None:
    found = rules(TEXT)
    assert [(one.whom, one.line) for one in found] == [
        ("clients without a user name", "topic read board/#"),
        ("the user old", "topic readwrite plant/#"),
        ("the user a b", "topic readwrite #"),
        ("every client", "pattern read up/%c/#"),
    ]
    assert [one.number for one in found] == [1, 4, 6, 7]


@pytest.mark.parametrize(
    ("one", "other", "whether"),
    [
        ("#", "control/#", True),
        ("+/x", "control/#", True),
        ("control", "control/#", True),
        ("control/a/b", "control/#", True),
        ("controls/#", "control/#", False),
        ("plant/#", "control/#", False),
        ("+/+/info", "devices/#", True),
        ("%u/x", "control/#", True),
        ("a/%c", "control/#", False),
        ("$SYS/#", "control/#", False),
        ("#", "$CONTROL/#", False),
        ("$CONTROL/#", "$CONTROL/#", True),
        ("site/+", "site/control/#", True),
        ("site/devices", "site/control/#", False),
    ],
)
def test_filters_overlap_where_a_topic_fits_both(one: str, other: str, whether: bool) -> None:
    assert overlap(one, other) is whether
    assert "%" in one or overlap(other, one) is whether


def test_those_who_reach_our_topics_are_kept_off_and_others_not_touched() -> None:
    text = closed(TEXT, OURS)
    assert text.startswith(TEXT)
    added = text.removeprefix(TEXT)
    assert "user a b\ntopic deny control/#" in added
    assert "user old" not in added
    assert "pattern deny devices/#" in added
    assert [rule.topic for rule in openings(rules(TEXT), OURS)] == ["#"]
    assert openings(rules(text), (*OURS, CONTROL)) == []


def test_clients_without_a_name_are_kept_off_by_lines_before_the_first_user() -> None:
    text = closed("topic readwrite #\nuser old\ntopic read a\n", OURS)
    assert text.index("topic deny control/#") < text.index("topic readwrite #") < text.index("user old")
    assert openings(rules(text), OURS) == []
    assert closed(text, OURS) == text


def test_a_rule_that_names_where_accounts_are_made_is_undone_too() -> None:
    text = closed("user boss\ntopic readwrite $CONTROL/#\n", OURS)
    assert "user boss\ntopic deny control/#" in text
    assert openings(rules(text), (CONTROL,)) == []


def test_below_a_prefix_only_what_is_below_it_is_taken() -> None:
    text = closed("user old\ntopic readwrite control/#\n", families("site/"))
    assert "user old\ntopic deny" not in text
    assert "pattern deny site/control/#" in text


def test_where_there_was_no_file_each_user_is_named_and_no_pattern_grants() -> None:
    text = everything(["old", "new"], anonymous=True, filters=OURS)
    found = rules(text)
    assert openings(found, (*OURS, CONTROL)) == []
    assert {one.user for one in found if one.topic == "#" and one.access == "readwrite"} == {None, "old", "new"}
    assert not [one for one in found if one.is_pattern and one.access != "deny"], "a pattern would let devices in"
    assert closed(text, OURS) == text


@given(
    st.lists(
        st.sampled_from(
            ["user a", "user b", "topic #", "topic read control/x", "pattern write +/%u", "", "# words", "topic deny #"]
        )
    )
)
def test_a_closed_file_has_no_opening_keeps_every_line_and_stays_as_it_is(lines: list[str]) -> None:
    text = closed("".join(f"{line}\n" for line in lines), OURS)
    assert openings(rules(text), (*OURS, CONTROL)) == []
    assert closed(text, OURS) == text
    left = iter(text.splitlines())
    assert all(line in left for line in lines), "all lines are there, in their order"
