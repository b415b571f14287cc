"""What a label's address says, and what the form makes of any address."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.console.links import MAX_CHARACTERS, Prefill, link_of, prefill_of

BASE = "https://console.example.org"
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(str.strip)


@given(st.builds(Prefill, words, words, words, words))
def test_what_a_link_names_is_what_the_form_is_filled_in_with(device: Prefill) -> None:
    link = link_of(BASE, device)
    assert link.startswith(f"{BASE}/?register=" if device.id else f"{BASE}/?")
    if device.id:
        assert prefill_of(dict(parse_qsl(urlsplit(link).query))) == device


def test_an_address_that_asks_for_nothing_opens_nothing() -> None:
    assert prefill_of({"search": "pump", "name": "x"}) is None


@pytest.mark.parametrize(("id_", "is_wrong"), [("pump-7", False), ("", True), ("a/b", True), ("..", True)])
def test_a_wrong_id_is_told_and_not_hidden(id_: str, is_wrong: bool) -> None:
    device = prefill_of({"register": f" {id_} "})
    assert device is not None
    assert device.id == id_
    assert (device.fault is not None) is is_wrong


def test_values_that_are_no_names_do_not_fill_the_page() -> None:
    huge = "x" * (MAX_CHARACTERS + 1)
    assert prefill_of({"register": huge, "name": huge}) == Prefill("x" * MAX_CHARACTERS)


def test_a_token_in_an_address_is_left_alone() -> None:
    device = prefill_of({"register": "pump-7", "securityToken": "s3cret", "token": "s3cret"})
    assert device == Prefill("pump-7")
