"""How many calls are looked at: never more than a limit says, for each caller by itself, within bounded memory."""

import heapq
import itertools
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.limits import AT_ONCE, MAX_KEYS, MAX_RETRY_AFTER, Limiter, Pace, Rates, RetryAfter, Verdict

RATE = st.floats(0.05, 1_000)
PAUSES = st.lists(st.floats(0, 30) | st.just(0.0), min_size=1, max_size=300)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def taken_of(limiter: Limiter, key: str, moments: list[float]) -> list[float]:
    return [moment for moment in moments if limiter.takes(key, moment)]


@given(RATE, PAUSES)
def test_never_is_more_taken_than_the_rate_and_a_minutes_worth(rate: float, pauses: list[float]) -> None:
    taken = taken_of(Limiter(rate), "a", list(itertools.accumulate(pauses, initial=5.0)))
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            allowed = max(1.0, rate * AT_ONCE) + rate * (taken[last] - taken[first])
            assert last - first + 1 <= allowed + 1e-6


@given(st.floats(0.1, 100), st.integers(1, 100))
def test_who_keeps_to_the_rate_is_never_refused(rate: float, number: int) -> None:
    moments = [5 + one / rate for one in range(number)]
    assert taken_of(Limiter(rate), "a", moments) == moments


@given(RATE, st.floats(AT_ONCE, 10_000))
def test_whoever_was_refused_has_his_rate_again_after_a_pause(rate: float, pause: float) -> None:
    limiter = Limiter(rate)
    whole = int(max(1, rate * AT_ONCE))
    assert len(taken_of(limiter, "a", [0.0] * (whole + 10))) == whole
    assert limiter.takes("a", max(pause, 1 / rate))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=200))
def test_what_one_does_is_nothing_to_another(calls: list[tuple[str, float]]) -> None:
    together, alone = Limiter(0.1), {key: Limiter(0.1) for key in "abc"}
    now = 0.0
    for key, pause in calls:
        now += pause
        assert together.takes(key, now) == alone[key].takes(key, now)


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 5)), max_size=300), st.floats(0.02, 5))
def test_no_more_callers_are_remembered_than_the_bound(calls: list[tuple[int, float]], rate: float) -> None:
    limiter = Limiter(rate, max_keys=20)
    now = 0.0
    for key, pause in calls:
        now += pause
        limiter.takes(str(key), now)
        assert len(limiter) <= 20


def test_the_bound_holds_for_a_flood_of_callers_and_then_memory_is_given_back() -> None:
    limiter = Limiter(0.01)
    for one in range(2 * MAX_KEYS):
        assert limiter.takes(str(one), 0.0)
    assert len(limiter) == MAX_KEYS
    for one in range(MAX_KEYS):
        assert limiter.takes(str(one), 1_000.0 + one)
    assert len(limiter) == 100, "those whose hundred seconds are not over"


def test_whoever_goes_on_flooding_is_not_forgotten_for_a_flood_of_others() -> None:
    limiter = Limiter(1.0, max_keys=100)
    taken = 0
    for one in range(10_000):
        taken += limiter.takes("flood", one * 0.1)
        limiter.takes(str(one), one * 0.1)
    assert taken <= 1_000 + AT_ONCE + 1


def test_no_limit_takes_everything_and_remembers_nothing() -> None:
    limiter = Limiter(0)
    assert all(limiter.takes(str(one), 0.0) for one in range(1_000))
    assert len(limiter) == 0


def test_without_load_everybody_is_told_exactly_what_the_option_says() -> None:
    spread = RetryAfter(10)
    for second in range(1_000):
        spread.hear(10, float(second))
        assert {spread.tell(30, chance / 10) for chance in range(10)} == {30}
    assert RetryAfter(0).tell(30, 0.9) == 30


def test_under_load_the_time_grows_is_spread_and_goes_back_when_the_load_is_gone() -> None:
    spread = RetryAfter(10)
    now = 0.0
    told = []
    for _ in range(60):
        now += 1
        spread.hear(40, now)
        told.append(spread.tell(30, 0))
    assert told == sorted(told)
    assert told[-1] > 100
    assert spread.tell(30, 0.99) > 1.45 * told[-1]
    spread.hear(0, now + 1)
    for _ in range(60):
        now += 1
        spread.hear(1, now)
    assert spread.tell(30, 0.9) == 30


def test_a_pause_counts_as_the_time_without_load_that_it_was() -> None:
    spread = RetryAfter(10)
    for second in range(100):
        spread.hear(1_000, float(second))
    assert spread.tell(30, 0) > 200
    spread.hear(0, 300.0)
    assert spread.tell(30, 0) == 30


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.floats(0, 4_000)), max_size=50), st.floats(5, 3_600), st.floats(0, 1)
)
def test_what_is_told_is_never_less_than_the_option_nor_more_than_an_hour(
    heard: list[tuple[int, float]], base: float, chance: float
) -> None:
    spread, now = RetryAfter(10), 0.0
    for calls, pause in heard:
        now += pause
        spread.hear(calls, now)
        assert base <= spread.tell(base, chance) <= MAX_RETRY_AFTER


@pytest.mark.parametrize("fleet", [3_000, 30_000])
def test_a_fleet_that_does_as_it_is_told_settles_at_what_is_comfortable(fleet: int) -> None:
    chance = random.Random(7)
    spread = RetryAfter(50)
    calls = [0.0] * fleet  # all at once, as after a power cut
    heard: list[float] = []
    while calls[0] < 6_000:
        now = heapq.heappop(calls)
        spread.hear(1, now)
        heapq.heappush(calls, now + spread.tell(30, chance.random()))
        heard.append(now)
    for begin in range(3_000, 6_000, 500):
        rate = sum(begin <= one < begin + 500 for one in heard) / 500
        assert 0.5 * 50 < rate < 1.5 * 50


def test_each_limit_refuses_under_its_own_name_and_the_nearest_first() -> None:
    clock = Clock()
    pace = Pace(Rates(device=1, connection=2, overall=3), clock, lambda: 0.0)
    verdicts = [pace.verdict("one", "c") for _ in range(61)]
    assert verdicts == [Verdict.TAKEN] * 60 + [Verdict.DEVICE]
    verdicts = [pace.verdict(f"topic {one}", "c") for one in range(61)]
    assert verdicts == [Verdict.TAKEN] * 60 + [Verdict.CONNECTION]
    verdicts = [pace.verdict(f"topic {one}", f"client {one}") for one in range(61)]
    assert verdicts == [Verdict.TAKEN] * 60 + [Verdict.OVERALL]
    clock.now += 1
    assert [pace.verdict("one", "c"), pace.verdict("one", "c")] == [Verdict.TAKEN, Verdict.DEVICE]
    assert pace.verdict("another", "c") is Verdict.TAKEN


def test_a_caller_above_his_own_limit_takes_nothing_from_the_others_and_does_not_make_them_wait() -> None:
    clock = Clock()
    pace = Pace(Rates(device=1, connection=10, overall=10), clock, lambda: 0.5)
    for one in range(2_000):
        clock.now += 0.01
        for _ in range(100):
            pace.verdict("flood", "c")
        if one > 1_000:  # a minute's worth at once, which was taken, is forgotten
            assert pace.retry_after(30) == 30
    assert all(pace.verdict("other", f"client {one}") is Verdict.TAKEN for one in range(60))


def test_only_some_of_those_above_the_overall_limit_are_told() -> None:
    pace = Pace(Rates(overall=4), Clock(), lambda: 0.0)
    assert sum(pace.tells() for _ in range(1_000)) == 60


@pytest.mark.long
def test_the_limits_in_force_without_settings_are_far_from_what_a_fleet_does() -> None:
    clock = Clock()
    pace = Pace(Rates(), clock, lambda: 0.0)
    herd = [pace.verdict(f"bootstrap/pump-{one}/request", f"pump-{one}") for one in range(100_000)]
    assert set(herd) == {Verdict.TAKEN}
    for _ in range(20):
        clock.now += 5
        assert pace.verdict("bootstrap/pump-1/request", "pump-1") is Verdict.TAKEN


def test_names_of_any_length_take_little_memory_and_stay_apart() -> None:
    clock = Clock()
    pace = Pace(Rates(device=1, connection=0, overall=0), clock, lambda: 0.0)
    longest = "x" * 20_000
    tracemalloc.start()
    try:
        for one in range(2_000):
            name = f"{one}{longest}"
            assert pace.verdict(f"bootstrap/{name}/request", name) is Verdict.TAKEN
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2_000 * 1_000
    for _ in range(int(AT_ONCE) - 1):
        assert pace.verdict(f"bootstrap/0{longest}/request", "a") is Verdict.TAKEN
    assert pace.verdict(f"bootstrap/0{longest}/request", "a") is Verdict.DEVICE
    assert pace.verdict(f"bootstrap/1{longest}/request", "a") is Verdict.TAKEN
