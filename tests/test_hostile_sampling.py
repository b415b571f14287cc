"""The statistic by which times are compared sees a millisecond, in noise as a shared machine makes it."""

import random

import pytest

from tests.hostile.sampling import LEAK, larger, sees, told_apart


def times(seed: int, number: int = 200, spread: float = 0.0004) -> list[float]:
    """Answers as they come: a floor of two milliseconds, jitter, and now and then a pause of the disk."""
    draw = random.Random(seed)
    return [
        0.002 + draw.expovariate(1 / spread) + (draw.random() < 0.03) * draw.uniform(0.005, 0.05) for _ in range(number)
    ]


def test_ranks_are_counted_as_pairs_are() -> None:
    assert larger([2, 3], [1]) == 1.0
    assert larger([1], [2, 3]) == 0.0
    assert larger([1, 2], [1, 2]) == 0.5
    assert larger([3, 1], [2]) == 0.5
    first, second = times(1, 30), times(2, 40)
    pairs = sum((one > other) + (one == other) / 2 for one in first for other in second)
    assert larger(first, second) == pytest.approx(pairs / 1200)


@pytest.mark.parametrize("seed", range(20))
def test_a_delay_of_a_millisecond_is_told_and_none_is_not(seed: int) -> None:
    """What ``test_the_time_of_an_answer_tells_nothing`` concludes from its samples, with and without a leak."""
    reference, late = times(seed, 120), [one + LEAK for one in times(seed + 100, 60)]
    assert told_apart(late, reference)
    assert told_apart(reference, late), "also what comes too early"
    assert not told_apart(times(seed + 200, 60), reference)


@pytest.mark.parametrize("seed", range(20))
def test_a_delay_of_a_millisecond_is_told_in_much_noise_from_more_samples(seed: int) -> None:
    reference, same = times(seed, 480, spread=0.002), times(seed + 100, 240, spread=0.002)
    assert sees(LEAK, same, reference)
    assert not told_apart(same, reference)


def test_it_is_known_when_the_noise_hides_a_leak() -> None:
    reference, same = times(1, 120, spread=0.01), times(2, 60, spread=0.01)
    assert not sees(LEAK, same, reference)
    assert sees(20 * LEAK, same, reference)
