"""What the console gives browsers as it is: one sheet of rules, each said once, and scripts that find each other."""

import re
from collections import Counter
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parent.parent / "bridge" / "console"
SHEETS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((CONSOLE / "static").glob("*.css"))}
APART = {"label"}
"""The sheet of the labels, which are a page of their own."""
SHEET = "\n".join(sheet for name, sheet in SHEETS.items() if name not in APART)
SCRIPTS = sorted(CONSOLE.rglob("*.js"))


def test_each_rule_of_the_sheet_is_said_once() -> None:
    """A rule that stands twice was put there by two, and changes what one of them meant."""
    rules = [line for line in SHEET.splitlines() if "{" in line and not line.startswith((" ", "@"))]
    assert [rule for rule, number in Counter(rules).items() if number > 1] == []


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_is_whole(name: str) -> None:
    without_words = re.sub(r"/\*.*?\*/|\"[^\"]*\"", "", SHEETS[name], flags=re.DOTALL)
    assert without_words.count("{") == without_words.count("}")
    assert [line for line in SHEETS[name].splitlines() if re.match(r"[<>=|]{3,}", line)] == []


def test_each_sheet_is_asked_for() -> None:
    shell = (CONSOLE / "shell.py").read_text(encoding="utf-8")
    assert set(re.findall(r"/static/(\w+)\.css", shell)) == set(SHEETS) - APART


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(CONSOLE)))
def test_what_a_script_imports_is_there(path: Path) -> None:
    imported = re.findall(r"^import .* from \"(.*)\";$", path.read_text(encoding="utf-8"), re.MULTILINE)
    places = {one: CONSOLE / one[1:] if one.startswith("/") else path.parent / one for one in imported}
    assert [one for one, place in places.items() if not place.is_file()] == []


@pytest.mark.parametrize("path", sorted(CONSOLE.rglob("*.py")), ids=lambda path: str(path.relative_to(CONSOLE)))
def test_the_file_of_a_component_is_there(path: Path) -> None:
    """Where it is not, the page stays empty without a word."""
    named = re.findall(r"component=\"([^\"]*)\"", path.read_text(encoding="utf-8"))
    assert [one for one in named if not (path.parent / one).is_file()] == []
