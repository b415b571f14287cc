"""Properties on the command line: text, JSON, nested, from a file, removed."""

from pathlib import Path

import pytest

from bridge.commands.properties import properties_given
from bridge.speaking import Usage


def test_a_value_is_text_unless_it_is_said_to_be_json() -> None:
    assert properties_given(["a=1", "b:=1", "c=", "d:=[true, null]", "e=x=y", "f:={}"], None) == {
        "a": "1",
        "b": 1,
        "c": "",
        "d": [True, None],
        "e": "x=y",
        "f": {},
    }


def test_dots_nest_and_what_is_removed_becomes_null() -> None:
    assert properties_given(["a.b.c=1", "a.b.d=2", "a.e=3"], None, ["f", "a.g"]) == {
        "a": {"b": {"c": "1", "d": "2"}, "e": "3", "g": None},
        "f": None,
    }


def test_what_is_typed_goes_over_what_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_text('{"a": {"b": 1, "c": 2}, "with.dot": 3}')
    assert properties_given(["a.b=x"], file) == {"a": {"b": "x", "c": 2}, "with.dot": 3}


@pytest.mark.parametrize("given", ["x", "=x", ":=1", "a:=x", "a:=", "a..b=1", ".a=1", "a.=1"])
def test_what_is_no_property_is_wrong_usage(given: str) -> None:
    with pytest.raises(Usage):
        properties_given([given], None)


def test_a_value_cannot_have_something_below_it() -> None:
    with pytest.raises(Usage, match="below a"):
        properties_given(["a=1", "a.b=2"], None)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_a_file_without_a_json_object_is_wrong_usage(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_bytes(content)
    with pytest.raises(Usage, match=r"p\.json"):
        properties_given([], file)
