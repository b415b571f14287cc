"""What the page of options shows of each option: every option of the bridge has its words."""

from typing import Any

import pytest

from bridge import options
from bridge.console.option_facts import MANAGEMENT_ALONE, SHORT, facts, name_of


def listed(key: str) -> dict[str, Any]:
    """Return an option as `list-options` answers it."""
    option = options.OPTIONS[key]
    return {
        "category": option.category,
        "key": key,
        "value": option.default,
        "type": option.type,
        "unit": option.unit,
        "default": option.default,
        "range": option.range,
    }


def shown(key: str, *, of_management: bool = False, effective: object = None) -> dict[str, Any]:
    option = listed(key)
    return facts(option, option["value"] if effective is None else effective, of_management=of_management)


@pytest.mark.parametrize("key", options.OPTIONS)
def test_every_option_is_explained(key: str) -> None:
    found = shown(key)
    assert found["title"] != key
    assert len(found["about"]) > 30
    assert [word["value"] for word in found["words"]] == (found["range"] if found["type"] == "choice" else [])
    assert all(len(word["about"]) > 30 for word in found["words"])


@pytest.mark.parametrize("key", [key for key in options.OPTIONS if options.OPTIONS[key].unit == "seconds"])
def test_where_nought_seconds_can_be_set_it_is_said_what_that_means(key: str) -> None:
    found = shown(key)
    assert bool(found["zero"]) == (found["range"][0] == 0)


def test_no_option_is_explained_that_is_none() -> None:
    assert set(SHORT) == {(option.category, key) for key, option in options.OPTIONS.items()}


def test_only_management_sets_what_holds_for_the_whole_installation() -> None:
    assert {key for _, key in MANAGEMENT_ALONE} == options.INSTALLATION_WIDE
    for key in options.OPTIONS:
        assert shown(key)["readonly"] == (key in options.INSTALLATION_WIDE)
        assert not shown(key, of_management=True)["readonly"]


def test_what_is_in_force_is_told_apart_from_what_was_set() -> None:
    assert not shown(options.TOKEN_POLICY)["differs"]
    found = shown(options.TOKEN_POLICY, effective="REQUIRED")
    assert (found["value"], found["effective"], found["differs"]) == ("OPTIONAL", "REQUIRED", True)


def test_who_looks_gets_the_notes_that_concern_them() -> None:
    assert shown(options.TOKEN_POLICY)["notes"] != shown(options.TOKEN_POLICY, of_management=True)["notes"]


def test_an_option_that_nobody_has_explained_yet_is_shown_as_it_is() -> None:
    option = {**listed(options.TTL), "key": "brand-new"}
    found = facts(option, 0, of_management=False)
    assert (found["title"], found["about"], found["notes"]) == ("brand-new", "", [])
    assert name_of(option) == ("device-registration", "brand-new")
