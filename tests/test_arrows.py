"""Arrows are named once each, stand where work is done, and do nothing by themselves."""

import ast
from collections import Counter
from pathlib import Path

from bridge import arrows
from bridge.arrows import Arrow, passed

ROOT = Path(__file__).parent.parent / "bridge"


def _passed_in_the_product() -> Counter[str]:
    """Count where each arrow is passed."""
    found: Counter[str] = Counter()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "passed":
                (argument,) = node.args
                assert isinstance(argument, ast.Attribute), path
                found[argument.attr] += 1
    return found


def test_every_arrow_is_passed_somewhere_and_nothing_else_is() -> None:
    assert set(_passed_in_the_product()) == set(Arrow.__members__)


def test_sentences_are_distinct() -> None:
    assert len(set(Arrow)) == len(Arrow.__members__)


def test_passing_an_arrow_does_nothing() -> None:
    assert arrows.hook is None
    passed(Arrow.CALLS_HEARD)


def test_a_hook_hears_of_each_arrow() -> None:
    heard: list[Arrow] = []
    arrows.hook = heard.append
    try:
        passed(Arrow.CALLS_HEARD)
        passed(Arrow.CALLS_COMMITTED)
    finally:
        arrows.hook = None
    assert heard == [Arrow.CALLS_HEARD, Arrow.CALLS_COMMITTED]


def test_no_part_of_the_product_sets_the_hook() -> None:
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "hook":
                raise AssertionError(path)
