"""Options: known keys find their category, topics are lists, and what differs is shown."""

import json
from typing import Any

import pytest

from tests.scripted import No, typed


def row(key: str, value: Any, **more: Any) -> dict[str, Any]:
    return {
        "category": "device-registration",
        "key": key,
        "value": value,
        "type": "integer",
        "unit": "seconds",
        "default": 30,
        "range": [5, 3600],
        **more,
    }


POLICY = row(
    "security-token.policy",
    "OPTIONAL",
    type="choice",
    unit=None,
    default="OPTIONAL",
    range=["IGNORED", "OPTIONAL", "REQUIRED"],
)
TOPICS = row("topics", [], category="devices", type="topic filters", unit="filters", default=[], range=[0, 20])


def test_known_keys_find_their_category() -> None:
    for key, category in (
        ("retry-after", "device-registration"),
        ("topics", "devices"),
        ("what", "device-registration"),
    ):
        result = {"category": category, "key": key, "value": 1, "effective": 1}
        assert typed("get-option", key, answers={"get-option": result}).sent == {"category": category, "key": key}
    result = {"category": "other", "key": "topics", "value": 1, "effective": 1}
    said = typed("set-option", "--category", "other", "topics", "1", answers={"set-option": result})
    assert said.sent == {"category": "other", "key": "topics", "value": "1"}


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        (["plant/{tenant}/{id}/#"], ["plant/{tenant}/{id}/#"]),
        (["a/{id}", "b/{id}"], ["a/{id}", "b/{id}"]),
        (['["a/{id}", "b/{id}"]'], ["a/{id}", "b/{id}"]),
        (["[]"], []),
    ],
)
def test_topics_are_a_list_however_they_are_typed(values: list[str], sent: list[str]) -> None:
    result: dict[str, Any] = {"category": "devices", "key": "topics", "value": sent}
    result["effective"] = [one.replace("{tenant}", "default") for one in sent]
    for words in (("set-option", "topics", *values), ("set-option", "--category", "devices", "topics", *values)):
        said = typed(*words, answers={"set-option": result})
        assert said.sent == {"category": "devices", "key": "topics", "value": sent}
        assert said.lines == [f"topics is {', '.join(sent) or 'none'}"]


@pytest.mark.parametrize("words", [("retry-after",), ("retry-after", "5", "6"), ("topics", "[x"), ()], ids=" ".join)
def test_what_is_no_value_is_wrong_usage(words: tuple[str, ...]) -> None:
    said = typed("set-option", *words)
    assert (said.status, said.asked) == (2, [])


def test_what_management_has_set_is_shown_where_it_differs() -> None:
    result: dict[str, Any] = {
        "category": "device-registration",
        "key": "security-token.policy",
        "value": "IGNORED",
        "effective": "REQUIRED",
    }
    said = typed("get-option", "security-token.policy", answers={"get-option": result})
    assert said.lines == ["security-token.policy is IGNORED; with what management has set, REQUIRED holds"]
    result = {"category": "device-registration", "key": "retry-after", "value": 30, "effective": 30}
    assert typed("get-option", "retry-after", answers={"get-option": result}).lines == ["retry-after is 30 seconds"]


def test_options_are_listed_with_all_that_they_take() -> None:
    effective = [{"effective": "REQUIRED"}, {"effective": ["x/{id}"]}]
    answers = {"list-options": {"options": [POLICY, row("retry-after", 60), TOPICS]}, "get-option": effective}
    said = typed("list-options", answers=answers)
    assert [" ".join(line.split()) for line in said.lines] == [
        "Option Value In effect Default Type Takes",
        "device-registration",
        "security-token.policy OPTIONAL REQUIRED OPTIONAL choice IGNORED | OPTIONAL | REQUIRED",
        "retry-after 60 30 integer 5 to 3600 seconds",
        "devices",
        "topics none x/{id} none topic filters 0 to 20 filters",
    ]
    answers["get-option"] = [{"effective": "OPTIONAL"}, {"effective": []}]
    assert "In effect" not in typed("list-options", answers=answers).out


def test_the_list_as_json_is_one_answer() -> None:
    said = typed("list-options", "--json", answers={"list-options": {"options": [POLICY]}})
    assert said.asked == [("list-options", {})]
    assert json.loads(said.out)["result"]["options"] == [POLICY]


def test_an_unknown_option_is_said_in_words_with_the_next_step() -> None:
    said = typed("get-option", "nix", answers={"get-option": No("INVALID_OPTION", "there is no option nix")})
    assert said.status == 1
    assert said.err.splitlines()[-1] == "bootstrap-bridge list-options shows which there are"
