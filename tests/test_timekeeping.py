"""The clock set forward and back: noticed by a clock that nobody sets."""

from dataclasses import dataclass

import pytest

from bridge.timekeeping import GRACE, LEAP, LONG_AWAY, SLACK, Timekeeper
from tests.world import START, Clock

DAY = 86_400.0


@dataclass
class Hands:
    """Both clocks of a machine."""

    day: Clock
    seconds: float = 1_000.0

    def steady(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self.day.turn(seconds)


@pytest.fixture
def hands() -> Hands:
    return Hands(Clock())


def kept(hands: Hands, newest: int | None = None, settled: int | None = None) -> Timekeeper:
    return Timekeeper(hands.day, hands.steady, newest, settled)


def test_time_that_passes_is_no_leap(hands: Hands) -> None:
    keeper = kept(hands, START)
    keeper.looked_through()
    for seconds in (0.1, 30, 30 * DAY):
        hands.pass_by(seconds)
        assert keeper.look() == 0
        assert keeper.lets_expire()
        assert keeper.latest() is None


@pytest.mark.parametrize("set_by", [-SLACK / 1000, -1, 1, LEAP / 1000])
def test_a_clock_that_is_corrected_a_little_is_no_leap_either(hands: Hands, set_by: float) -> None:
    keeper = kept(hands)
    keeper.looked_through()
    hands.pass_by(10)
    hands.day.turn(set_by)
    assert keeper.look() == 0
    assert keeper.lets_expire()
    assert keeper.latest() is None


def test_after_a_leap_forward_nothing_expires_for_an_hour_so_that_it_can_be_set_right(hands: Hands) -> None:
    keeper = kept(hands)
    hands.pass_by(30)
    hands.day.turn(365 * DAY)
    assert not keeper.lets_expire()
    assert keeper.look() == 0, "it is told once"
    hands.pass_by(GRACE - 31)
    assert not keeper.lets_expire()
    hands.pass_by(31)
    assert keeper.lets_expire(), "a clock that stays is right"


def test_a_leap_back_makes_the_entries_be_looked_through_once(hands: Hands) -> None:
    keeper = kept(hands)
    keeper.looked_through()
    hands.pass_by(30)
    hands.day.turn(-365 * DAY)
    assert keeper.look() == round(-365 * DAY * 1000)
    assert keeper.latest() == hands.day() + SLACK
    assert keeper.latest() is not None, "until it was done"
    keeper.looked_through()
    assert keeper.latest() is None
    assert keeper.lets_expire()


def test_entries_are_looked_through_at_each_start_since_nobody_saw_the_clock_before(hands: Hands) -> None:
    assert kept(hands).latest() == hands.day() + SLACK
    assert kept(hands, START + 10 * SLACK).latest() == hands.day() + SLACK


def test_after_a_long_time_away_expiry_waits_as_well_whatever_was_entered_since(hands: Hands) -> None:
    assert kept(hands, START, START - LONG_AWAY).lets_expire()
    keeper = kept(hands, START, START - LONG_AWAY - 1)
    assert not keeper.lets_expire()
    hands.pass_by(GRACE)
    assert keeper.lets_expire()
