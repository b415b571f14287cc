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
        assert turns.add("busy", f"busy {number}", 10) == []
    assert turns.add("other", "other", 10) == []
    assert [turns.take(), turns.take(), turns.take()] == ["busy 0", "other", "busy 1"]
    assert len(turns) == 998


@given(ADDED)
def test_each_is_served_in_the_order_in_which_he_asked_and_nobody_twice_before_another(
    added: list[tuple[str, int]],
) -> None:
    turns: Turns[str] = Turns()
    for number, (key, size) in enumerate(added):
        assert turns.add(key, f"{key} {number}", size) == []
    found = taken(turns)
    assert sorted(found) == sorted(f"{key} {number}" for number, (key, _) in enumerate(added))
    for key in "abc":
        own = [int(one.split()[1]) for one in found if one.startswith(key)]
        assert own == sorted(own)
        places = [number for number, one in enumerate(found) if one.startswith(key)]
        assert all(later - earlier <= 3 for earlier, later in itertools.pairwise(places))


@given(st.lists(st.none() | st.tuples(st.sampled_from("abc"), st.integers(0, 5_000)), max_size=300))
def test_what_waits_never_passes_the_bounds_and_room_comes_back(steps: list[tuple[str, int] | None]) -> None:
    turns: Turns[tuple[int, str, int]] = Turns(most=5, most_bytes=20_000, all_bytes=30_000)
    waiting: list[tuple[int, str, int]] = []

    def held(key: str | None = None) -> int:
        return sum(size for _, whose, size in waiting if key in (None, whose))

    for number, step in enumerate(steps):
        if step is None:
            item = turns.take()
            assert (item is None) == (not waiting)
            if item is not None:
                waiting.remove(item)
            continue
        key, size = step
        new = (number, key, size + OVERHEAD)
        fits = sum(whose == key for _, whose, _ in waiting) < 5 and held(key) + size + OVERHEAD <= 20_000
        has_room = held() + size + OVERHEAD <= 30_000
        refused = turns.add(key, new, size)
        waiting.append(new)
        for one in refused:
            assert one == new or (held(one[1]) > held(key) and one[1] != key), "only who has more gives way"
            assert one == [other for other in waiting if other[1] == one[1]][-1], "the last of his"
            waiting.remove(one)
        if not fits:
            assert refused == [new]
        elif has_room:
            assert refused == []
        assert len(turns) == len(waiting)
        assert held() <= 30_000
        assert all(held(one) <= 20_000 for one in "abc")
    for _ in waiting:
        assert turns.take() is not None
    assert turns.take() is None
    assert turns.add("a", (0, "a", 0), 5_000) == []


def test_two_who_fill_all_the_room_do_not_keep_out_a_third() -> None:
    turns: Turns[str] = Turns(most_bytes=32_000_000, all_bytes=64_000_000)
    size = 2_000_000 - OVERHEAD
    for number in range(16):
        for key in "ab":
            assert turns.add(key, f"{key} {number}", size) == []
    assert turns.add("a", "a last", size) == ["a last"]
    assert turns.add("c", "c", size) == ["a 15"]
    assert turns.add("d", "d", 2 * size) == ["b 15", "a 14"]
    assert taken(turns)[:4] == ["a 0", "b 0", "c", "d"]
