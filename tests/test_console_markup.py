"""What people typed gets into no page as markup and into no script: seen in the sources, for pages that come, too.

In the browser the policy of the headers stands behind this; here it is that nothing ever comes to it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parent.parent / "bridge" / "console"
SOURCES = sorted(CONSOLE.rglob("*.py"))
SCRIPTS = sorted(CONSOLE.rglob("*.js"))
PAGES = sorted(CONSOLE.rglob("*.html"))
TAKING_MARKUP = {"html", "add_head_html", "add_body_html", "run_javascript", "add_css", "markdown", "restructured_text"}
"""Functions of NiceGUI whose first argument is markup or a program."""


def is_ours(node: ast.expr) -> bool:
    """Whether an expression says what stands in the sources alone: constants, and texts with nothing filled in."""
    match node:
        case ast.Constant():
            return True
        case ast.JoinedStr(values=parts):
            return all(is_ours(part.value if isinstance(part, ast.FormattedValue) else part) for part in parts)
        case ast.Call(func=ast.Name(id="text"), args=[ast.Constant() | ast.JoinedStr()], keywords=[]):
            return True
    return False


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CONSOLE)))
def test_markup_and_scripts_are_made_of_our_own_words_alone(path: Path) -> None:
    wrong = [node.lineno for name, node in calls(path) if name in TAKING_MARKUP and not is_ours(node.args[0])]
    assert wrong == [], "fill a component's property instead, which Vue shows as text"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_make_no_markup_and_no_programs_of_text(path: Path) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|v-html|\beval\(|new Function|srcdoc|setHTML"
    assert re.findall(forbidden, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [*SCRIPTS, *PAGES], ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(path: Path) -> None:
    found = re.findall(r"""["'(](?:https?:)?//[^"')\s]+""", path.read_text(encoding="utf-8"))
    assert [one for one in found if "www.w3.org" not in one] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_plain_pages_have_no_script_and_no_style_of_their_own(path: Path) -> None:
    """Their policy would not run it."""
    page = path.read_text(encoding="utf-8")
    assert re.findall(r"<style|<script(?! src=)|\son[a-z]+=|\sstyle=|javascript:", page) == []


def test_what_is_looked_for_is_found(tmp_path: Path) -> None:
    source = tmp_path / "page.py"
    lines = ('ui.html(f"<b>{row.name}</b>")', 'ui.html(text("a.b", name=x))', 'ui.html(text("a.b"))', 'ui.html("x")')
    source.write_text("\n".join(lines))
    assert [is_ours(node.args[0]) for _, node in calls(source)] == [False, False, True, True]
