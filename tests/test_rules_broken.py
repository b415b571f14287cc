"""Every row of the rules is needed: broken in turn, in memory, each is missed by an example."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bridge import outcomes, rules
from bridge.decisions import Decision
from bridge.registration import Status
from bridge.rules import TABLE, Row
from tests.examples import Example
from tests.making import events_of
from tests.test_rules import EXAMPLES, fitting

Broken = tuple[Row, ...]


def left_out(rows: Broken) -> Broken:
    """The row is not there."""
    return ()


def always(rows: Broken) -> Broken:
    """The row fits whatever its condition says."""
    return tuple(replace(row, guard=None) for row in rows)


def idle(rows: Broken) -> Broken:
    """The row leaves everything as it is."""
    return tuple(
        replace(row, sources=(source,), to=source, act=outcomes.keep) for row in rows for source in row.sources
    )


def without(**dropped: object) -> Callable[[Broken], Broken]:
    def broken(rows: Broken) -> Broken:
        return tuple(replace(row, act=dropping(row.act)) for row in rows)

    def dropping(act: Callable[..., Decision]) -> Callable[..., Decision]:
        return lambda case, command: replace(act(case, command), **dropped)  # type: ignore[arg-type]

    return broken


WAYS: dict[str, Callable[[Broken], Broken]] = {
    "left out": left_out,
    "always": always,
    "idle": idle,
    "without events": without(events=()),
    "without effects": without(effects=()),
    "without refusal": without(refusal=None),
}


def changes(way: str, row: Row, examples: list[Example]) -> bool:
    """Tell whether breaking ``row`` so is a change at all."""
    decisions = [example.decide() for example in examples]
    match way:
        case "always":
            return row.guard is not None
        case "idle":
            return row.act is not outcomes.keep
        case "without events":
            return any(one.events for one in decisions)
        case "without effects":
            return any(one.effects for one in decisions)
        case "without refusal":
            return any(one.refusal for one in decisions)
    return True


BY_ROW = {row: [example for example in EXAMPLES if fitting(example) is row] for row in TABLE}
SAME = {(None, "Provision", "nothing new for a device", "left out")}
"""Without this row the one behind it writes the entry as it is, which changes nothing either."""


def breakings() -> Iterator[tuple[int, str]]:
    for number, row in enumerate(TABLE):
        for way in WAYS:
            is_same = any((source, row.on.__name__, row.when, way) in SAME for source in row.sources)
            if not is_same and changes(way, row, BY_ROW[row]):
                yield number, way


def holds(example: Example) -> bool:
    try:
        decision = example.decide()
    except (LookupError, AssertionError):
        return False
    status: Status | None = decision.after.status if decision.after else None
    code = decision.refusal.code if decision.refusal else None
    says = {name: getattr(decision.after, name) for name in example.says}
    found = (status, code, tuple(events_of(decision)), decision.effects, says)
    return found == (example.to, example.refused, example.events, example.effects, example.says)


def title(breaking: tuple[int, str]) -> str:
    row = TABLE[breaking[0]]
    sources = "-".join(source.name if source else "none" for source in row.sources)
    return f"{row.on.__name__} {sources} {row.when}: {breaking[1]}"


@pytest.mark.parametrize("breaking", list(breakings()), ids=title)
def test_a_row_that_is_broken_is_missed(breaking: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    number, way = breaking
    monkeypatch.setattr(rules, "TABLE", (*TABLE[:number], *WAYS[way]((TABLE[number],)), *TABLE[number + 1 :]))
    monkeypatch.setattr(rules, "_INDEX", rules._index())
    assert not all(map(holds, EXAMPLES))
