"""Publishes under way and waiting: so many and so many bytes at once, in order, and one too large goes alone."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.window import MAX_BYTES, MAX_OUTSTANDING, WINDOW, Outgoing, Window


def outgoing(size: int = 1, topic: str = "a") -> Outgoing:
    return Outgoing(topic, bytes(size), 1, False, None, None)


def test_as_many_as_the_window_holds_go_at_once_and_the_others_follow() -> None:
    window = Window()
    for mid in range(WINDOW):
        one = outgoing()
        assert window.goes_at_once(one)
        window.begin(mid, one)
    last = outgoing(topic="last")
    assert not window.goes_at_once(last)
    assert window.following() is None
    window.end(0)
    assert not window.goes_at_once(outgoing(topic="behind it")), "nobody overtakes"
    assert window.following() is last
    assert len(window) == WINDOW, "one waits, one is with the caller"


def test_large_ones_fill_the_window_by_their_bytes_and_one_larger_than_it_goes_alone() -> None:
    window = Window()
    huge = outgoing(MAX_BYTES + 1)
    assert window.goes_at_once(huge)
    window.begin(1, huge)
    assert not window.goes_at_once(outgoing())
    assert window.end(1) is huge
    assert window.following() is not None


def test_there_is_no_room_while_many_wait_or_many_bytes() -> None:
    for size, number in ((1, MAX_OUTSTANDING), (1_000_000, MAX_BYTES // 1_000_000)):
        window = Window()
        window.limit = 1
        window.begin(0, outgoing())
        for _ in range(number):
            assert window.has_room
            window.goes_at_once(outgoing(size))
        assert not window.has_room
        window.end(0)
        following = window.following()
        assert following is not None
        window.begin(1, following)
        assert window.has_room


@given(st.lists(st.integers(0, MAX_BYTES // 2), max_size=40), st.lists(st.booleans(), min_size=1))
def test_all_go_in_order_and_the_bytes_under_way_stay_within_the_bound(sizes: list[int], ends: list[bool]) -> None:
    window = Window()
    window.limit = 7
    under_way: dict[int, int] = {}
    went: list[int] = []

    def begin(one: Outgoing) -> None:
        number = int(one.topic)
        window.begin(number, one)
        under_way[number] = len(one.payload)
        went.append(number)
        assert len(under_way) <= 7
        assert len(under_way) == 1 or sum(under_way.values()) <= MAX_BYTES

    for number, size in enumerate(sizes):
        one = Outgoing(str(number), bytes(size), 1, False, None, None)
        if window.goes_at_once(one):
            begin(one)
        if under_way and ends[number % len(ends)]:
            oldest = min(under_way)
            del under_way[oldest]
            window.end(oldest)
            while (following := window.following()) is not None:
                begin(following)
    while under_way:
        mid = min(under_way)
        del under_way[mid]
        window.end(mid)
        while (following := window.following()) is not None:
            begin(following)
    assert went == list(range(len(sizes)))
