"""Requests that wait for their turn: in order for each who asks, in turns between them, never more than the bound."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bridge.turns import OVERHEAD, Turns

ADDED = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 500)), max_size=200)


def taken(turns: Turns[str]) -> list[str]:
    found = []
    while (item := turns.take()) is not None:
        found.append(item)
    return found


def test_whoever_asks_once_waits_for_one_turn_of_each_other_and_not_for_all_their_requests() -> None:
    turns: Turns[str] = Turns()
    for number in range(1_000):
        assert turns.add("busy", f"busy {number}", 10)
    assert turns.add("other", "other", 10)
    assert [turns.take(), turns.take(), turns.take()] == ["busy 0", "other", "busy 1"]
    assert len(turns) == 998


@given(ADDED)
def test_each_is_served_in_the_order_in_which_he_asked_and_nobody_twice_before_another(
    added: list[tuple[str, int]],
) -> None:
    turns: Turns[str] = Turns()
    for number, (key, size) in enumerate(added):
        assert turns.add(key, f"{key} {number}", size)
    found = taken(turns)
    assert sorted(found) == sorted(f"{key} {number}" for number, (key, _) in enumerate(added))
    for key in "abc":
        own = [int(one.split()[1]) for one in found if one.startswith(key)]
        assert own == sorted(own)
        places = [number for number, one in enumerate(found) if one.startswith(key)]
        assert all(later - earlier <= 3 for earlier, later in itertools.pairwise(places))


@given(st.lists(st.none() | st.tuples(st.sampled_from("abc"), st.integers(0, 5_000)), max_size=300))
def test_what_waits_never_passes_the_bounds_and_room_comes_back(steps: list[tuple[str, int] | None]) -> None:
    turns: Turns[tuple[str, int]] = Turns(most=5, most_bytes=20_000, all_bytes=30_000)
    waiting: list[tuple[str, int]] = []
    for step in steps:
        if step is None:
            item = turns.take()
            assert (item is None) == (not waiting)
            if item is not None:
                waiting.remove(item)
            continue
        own = [one for one in waiting if one[0] == step[0]]
        size = step[1] + OVERHEAD
        fits = (
            len(own) < 5
            and sum(one[1] + OVERHEAD for one in own) + size <= 20_000
            and sum(one[1] + OVERHEAD for one in waiting) + size <= 30_000
        )
        assert turns.add(step[0], step, step[1]) == fits
        if fits:
            waiting.append(step)
        assert len(turns) == len(waiting)
    for _ in waiting:
        assert turns.take() is not None
    assert turns.take() is None
    assert turns.add("a", ("a", 5_000), 5_000)
