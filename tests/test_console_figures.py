"""Hours of the bridge put into bars by a person's clock, lengths of time in words, and the last minute."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.console.figures import HAPPENINGS, RANGES, WINDOW, Pulse, Range, bars, began, duration, labels

NOW = datetime(2026, 3, 5, 13, 37, 11, tzinfo=UTC)


def hour(at: str, **numbers: int) -> dict[str, Any]:
    return {"hour": at, **dict.fromkeys(HAPPENINGS, 0), **numbers}


@pytest.mark.parametrize(
    ("name", "zone", "first"),
    [
        ("day", 0, "2026-03-04T14:00:00+00:00"),
        ("day", 330, "2026-03-04T14:00:00+00:00"),  # 19:07 in Delhi
        ("week", 0, "2026-02-26T18:00:00+00:00"),
        ("week", 60, "2026-02-26T17:00:00+00:00"),
        ("month", 0, "2026-02-04T00:00:00+00:00"),
        ("week", 330, "2026-02-26T19:00:00+00:00"),  # half past midnight there: the hours of the bridge stay whole
        ("month", -300, "2026-02-04T05:00:00+00:00"),
        ("month", 780, "2026-02-04T11:00:00+00:00"),  # there it is the 6th already
    ],
)
def test_bars_begin_at_full_hours_and_at_midnight_of_the_person(name: str, zone: int, first: str) -> None:
    assert began(RANGES[name], NOW, zone).isoformat() == first


@pytest.mark.parametrize("looked", RANGES.values(), ids=RANGES)
@pytest.mark.parametrize("zone", [-720, -210, 0, 60, 345, 840])
def test_now_is_in_the_last_bar(looked: Range, zone: int) -> None:
    length = timedelta(hours=looked.hours)
    for minutes in range(0, 48 * 60, 7):
        now = NOW + timedelta(minutes=minutes)
        last = began(looked, now, zone) + (looked.bars - 1) * length
        assert last <= now < last + length
        counted = now.replace(minute=0, second=0).isoformat()
        (shown,) = [one for one in bars([hour(counted, accepted=1)], looked, now, zone) if any(one.numbers.values())]
        assert shown.begins == last + timedelta(minutes=zone)


def test_each_hour_is_counted_in_its_bar_and_nothing_is_lost() -> None:
    hours = [(NOW - timedelta(hours=ago)).replace(minute=0, second=0).isoformat() for ago in range(24)]
    series = [hour(at, registered=ago + 1) for ago, at in enumerate(hours)]

    def registered(name: str, zone: int = 0) -> list[int]:
        return [one.numbers["registered"] for one in bars(series, RANGES[name], NOW, zone)]

    assert registered("day") == list(range(24, 0, -1))
    assert registered("week")[-5:] == [sum(range(21, 25)), sum(range(15, 21)), sum(range(9, 15)), sum(range(3, 9)), 3]
    assert sum(registered("month", 60)) == sum(range(1, 25))


def test_hours_before_and_after_what_is_looked_at_are_left_out() -> None:
    series = [hour("2026-03-04T13:00:00.000Z", blocked=1), hour("2026-03-05T14:00:00.000Z", blocked=1)]
    assert not any(any(one.numbers.values()) for one in bars(series, RANGES["day"], NOW, 0))


def test_bars_are_named_by_the_persons_clock() -> None:
    assert labels(bars([], RANGES["day"], NOW, 60), RANGES["day"])[-1] == "Thu 14:00"
    assert labels(bars([], RANGES["week"], NOW, 60), RANGES["week"])[-1] == "Thu 5, 12:00"
    assert labels(bars([], RANGES["month"], NOW, 780), RANGES["month"])[-1] == "Fri 6 Mar"
    for name, looked in RANGES.items():
        names = labels(bars([], looked, NOW, 0), looked)
        assert len(set(names)) == looked.bars, f"each bar of a {name} has a name of its own"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3_599, "59 min 59 s"),
        (3_600, "1 h"),
        (3_660, "1 h 1 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
        (200_000_000, "2,314 d 19 h"),
    ],
)
def test_a_length_of_time_is_told_as_exactly_as_a_person_wants_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_last_minute_is_counted_by_the_second_and_then_forgotten() -> None:
    pulse = Pulse()
    for at in (100.0, 100.9, 101.0, 130.5):
        pulse.beat("requested", at)
    pulse.beat("accepted", 130.6)
    assert pulse.totals(130.9) == {"requested": 4, "accepted": 1}
    course = pulse.course("requested", 130.9)
    assert len(course) == WINDOW
    assert {at - WINDOW + 1: number for at, number in enumerate(course) if number} == {-30: 2, -29: 1, 0: 1}
    assert pulse.course("requested", 159.9)[0] == 2
    assert pulse.totals(160.0) == {"requested": 2, "accepted": 1}
    assert pulse.totals(1_000.0) == {}
    assert pulse.course("accepted", 1_000.0) == [0] * WINDOW


def test_a_herd_takes_no_more_room_than_a_minute_of_it() -> None:
    pulse = Pulse()
    for at in range(100_000):
        pulse.beat("requested", at / 100)
    assert len(pulse._seconds) == WINDOW
    assert sum(pulse.totals(999.99).values()) == WINDOW * 100
