"""Repeats, back-off and telemetry intervals."""

from hypothesis import given
from hypothesis import strategies as st

from device_sim.pace import REPEAT_JITTER, Pace, Timing

CHANCES = st.floats(0, 1, exclude_max=True)


def test_each_failure_on_end_doubles_the_wait_up_to_the_longest() -> None:
    pace = Pace(Timing(backoff_first=1, backoff_most=10), chance=lambda: 0.999_999)
    waits = [round(pace.next_attempt(100) - 100, 3) for _ in range(40)]
    assert waits[:6] == [1, 2, 4, 8, 10, 10]
    assert waits[-1] == 10
    pace.settle()
    assert round(pace.next_attempt(100) - 100, 3) == 1


@given(CHANCES, st.integers(0, 30))
def test_jitter_takes_at_most_half_of_a_back_off(chance: float, failures: int) -> None:
    pace = Pace(Timing(), chance=lambda: chance)
    for _ in range(failures):
        pace.next_attempt(0)
    longest = min(30.0, 2.0**failures)
    assert longest / 2 <= pace.next_attempt(0) <= longest


@given(CHANCES)
def test_a_repeat_is_never_sooner_than_told(chance: float) -> None:
    pace = Pace(Timing(retry_after=30), chance=lambda: chance)
    assert 130 <= pace.next_call(100) <= 100 + 30 * (1 + REPEAT_JITTER)
    pace.obey(5)
    assert 105 <= pace.next_call(100) <= 100 + 5 * (1 + REPEAT_JITTER)


def test_telemetry_is_spread_over_the_first_interval_then_regular() -> None:
    pace = Pace(Timing(telemetry_interval=8), chance=lambda: 0.25)
    assert pace.first_telemetry(100) == 102
    assert pace.next_telemetry(102) == 110


def test_interval_nought_is_no_telemetry() -> None:
    assert Pace(Timing(telemetry_interval=0), chance=lambda: 0.5).first_telemetry(100) is None
