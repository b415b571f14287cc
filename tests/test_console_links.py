"""What a label's address says, and what the form makes of any address."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.console.links import MAX_CHARACTERS, Prefill, base_fault, link_of, prefill_of

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


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8080", "https://console.example.org", "https://[::1]:8443", "http://console/"]
)
def test_an_address_of_a_console_is_taken(address: str) -> None:
    assert base_fault(address) is None


@pytest.mark.parametrize(
    "address",
    [
        *("console.example.org", "ftp://console", "https://", "http://a:port", "http://a:99999", "http://[::1"),
        *("https://a/console", "https://a/?x=1", "https://a/#x", "https://user:secret@a", "javascript:alert(1)"),
    ],
)
def test_what_cannot_stand_before_a_link_is_told(address: str) -> None:
    assert base_fault(address)
