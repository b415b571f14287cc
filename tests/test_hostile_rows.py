"""The table of attacks: its rows can be told apart, leave nobody out, and each is proved by exactly one test."""

import importlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import Attack, Login
from tests.hostile.rows import ATTACKS, proven_by, proves

TESTS = Path(__file__).parent / "e2e"
FAMILIES = {"Calls and their answers", "Wildcards", "Shared subscriptions", "Topics of devices"} | {
    *("Commands and their answers", "Events and the state of the bridge", "Names alike"),
    *("The broker's own topics: $CONTROL", "The broker's own topics: $SYS", "Topics by the option `topics`"),
    *("Client ids", "User names", "Logins that belong elsewhere", "Versions of the protocol, and sessions", "Packets"),
}


def rows_of_tests() -> list[tuple[str, Attack]]:
    """Return (test, row) for every test that is parametrized by rows."""
    found = []
    for path in sorted(TESTS.glob("test_*.py")):
        if "tests.hostile" in path.read_text(encoding="utf-8"):
            module = importlib.import_module(f"tests.e2e.{path.stem}")
            tests: dict[str, Any] = {name: value for name, value in vars(module).items() if name.startswith("test_")}
            found += [(f"{path.stem}.{name}", row) for name, test in tests.items() for row in proven_by(test)]
    return found


def test_each_row_has_a_name_of_its_own_that_can_be_typed() -> None:
    assert [name for name, count in Counter(row.name for row in ATTACKS).items() if count > 1] == []
    assert [row.name for row in ATTACKS if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row.name)] == []


def test_each_row_says_in_a_sentence_what_is_tried_and_what_comes_of_it() -> None:
    for row in ATTACKS:
        for sentence in (row.does, row.expected):
            assert re.fullmatch(r"[^a-z\s].*[.]", sentence), (row.name, sentence)


@pytest.mark.parametrize("who", Login)
def test_nobody_is_left_out(who: Login) -> None:
    assert any(row.who is who for row in ATTACKS)


def test_no_family_is_left_out() -> None:
    assert {row.family for row in ATTACKS} >= FAMILIES


def test_each_row_is_proved_by_one_test_and_each_test_proves_a_row() -> None:
    proved = Counter(row.name for _, row in rows_of_tests())
    names = {row.name for row in ATTACKS}
    assert {name: count for name, count in proved.items() if count > 1} == {}
    assert names - set(proved) == set(), "rows without a test"
    assert set(proved) - names == set(), "tests for no row"


def test_the_rows_of_a_test_are_found_however_they_stand_there() -> None:
    row, other = ATTACKS[:2]

    @proves(row)
    @pytest.mark.parametrize("number", [1, 2])
    def one() -> None: ...

    @pytest.mark.parametrize(("attack", "number"), [(row, 1), (other, 2)])
    def both() -> None: ...

    assert proven_by(one) == [row]
    assert proven_by(both) == [row, other]
    assert proven_by(rows_of_tests) == []
