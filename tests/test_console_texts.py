"""All words of the console stand in one file, none is missing there and none is left over."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.console import texts

CONSOLE = Path(__file__).parent.parent / "bridge" / "console"
SOURCES = sorted(path for path in CONSOLE.rglob("*.py") if path.parent.name != "texts")
SCRIPTS = sorted(CONSOLE.rglob("*.js"))
ALL = {f"{section}.{key}" for section in texts._all(texts.LANGUAGE) for key in texts.section(section)}


def calls(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """Yield the name of each function that is called with something, and the first thing it is given."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            yield name, node.args[0]


def pattern(argument: ast.expr) -> str | None:
    """Return what names an expression can be, as a pattern: a string, or one with parts that are filled in."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return re.escape(argument.value)
    if isinstance(argument, ast.JoinedStr):
        parts = [
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[\w-]+" for part in argument.values
        ]
        return "".join(map(str, parts))
    if isinstance(argument, ast.IfExp):
        either = [pattern(argument.body), pattern(argument.orelse)]
        return None if None in either else "|".join(f"(?:{one})" for one in either)
    return None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CONSOLE)))
def test_every_text_that_a_page_asks_for_is_there(path: Path) -> None:
    missing = []
    for name, argument in calls(path):
        if name not in {"text", "counted"} or (wanted := pattern(argument)) is None:
            continue
        ends = ("_one", "_other") if name == "counted" else ("",)
        missing += [wanted + end for end in ends if not any(re.fullmatch(f"(?:{wanted}){end}", one) for one in ALL)]
    assert missing == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_text_that_a_component_shows_is_there(path: Path) -> None:
    keys = {name.partition(".")[2] for name in ALL}
    script = path.read_text(encoding="utf-8")
    wanted = set(re.findall(r"\btexts\.(\w+)", script))
    wanted |= {f"{one}_{end}" for one in re.findall(r"counted\(texts, \"(\w+)\"", script) for end in ("one", "other")}
    assert wanted - keys == set()


def test_no_text_is_left_over() -> None:
    python = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    patterns = [found for path in SOURCES for _, argument in calls(path) if (found := pattern(argument))]
    dynamic = [re.compile(one) for one in patterns if r"[\w-]+" in one]
    unused = []
    for name in sorted(ALL):
        key = name.partition(".")[2]
        plain = re.sub(r"_(one|other)$", "", name)
        in_python = (
            f'"{name}"' in python
            or f'"{plain}"' in python
            or any(one.fullmatch(name) or one.fullmatch(key) for one in dynamic)
        )
        short = plain.partition(".")[2]
        in_scripts = re.search(rf"\btexts\.{key}\b|[\"'](?:{key}|{short})[\"']", scripts) is not None
        if not in_python and not in_scripts and f'"{key}"' not in python:
            unused.append(name)
    assert unused == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CONSOLE)))
def test_no_page_has_words_of_its_own(path: Path) -> None:
    shown = {
        "label",
        "button",
        "notify",
        "tooltip",
        "input",
        "textarea",
        "select",
        "checkbox",
        "switch",
        "item",
        "markdown",
    }
    found = []
    for name, argument in calls(path):
        if name in shown and isinstance(argument, ast.Constant) and re.search("[A-Za-z]{2}", str(argument.value)):
            found.append(argument.value)
    assert found == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_component_has_words_of_its_own(path: Path) -> None:
    """In a template, what stands between tags and outside of braces is shown as it is."""
    found = []
    for template in re.findall(r"template:\s*`(.*?)`", path.read_text(encoding="utf-8"), re.DOTALL):
        bare = re.sub(r"\{\{.*?\}\}", "", re.sub(r"<(?:\"[^\"]*\"|[^\">])*>", "\n", template), flags=re.DOTALL)
        found += [line.strip() for line in bare.splitlines() if re.search("[A-Za-z]{2}", line)]
        found += re.findall(r'\s(?:aria-label|title|placeholder|alt)="([^"]*[A-Za-z]{2}[^"]*)"', template)
    assert found == []


def test_a_text_that_is_not_there_is_a_fault() -> None:
    with pytest.raises(texts.NoText):
        texts.text("shell.no_such_text")
    with pytest.raises(texts.NoText):
        texts.text("nowhere.title")


def test_numbers_have_their_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"fleet": {"pumps_one": "{number} pump in {place}", "pumps_other": "{number} pumps in {place}"}}
    monkeypatch.setattr(texts, "_all", lambda language: words)
    assert texts.counted("fleet.pumps", 1, place="hall 2") == "1 pump in hall 2"
    assert texts.counted("fleet.pumps", 12_345, place="hall 2") == "12,345 pumps in hall 2"
