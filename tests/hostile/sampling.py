"""Whether times tell two kinds apart: a rank statistic, and how large a difference it would have seen."""

import math
from collections.abc import Sequence
from typing import Final

CERTAIN: Final = 4.0
"""Standard deviations of the statistic from which on it is no chance: once in 16,000 comparisons."""
HARMLESS: Final = 0.06
"""What is never taken for a difference, however many samples there are: a caller far away sees far less than we do."""
LEAK: Final = 0.001
"""Seconds of difference that must be seen where there is one."""


def larger(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the probability that one of ``first`` is larger than one of ``second``; ties count half.

    It is the statistic of Mann and Whitney, divided by the number of pairs. It knows no distribution, so that the long
    tail of a disk's or a scheduler's pauses weighs no more than any other late answer.
    """
    order = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    rank_sum, at = 0.0, 0
    while at < len(order):
        end = at
        while end < len(order) and order[end][0] == order[at][0]:
            end += 1
        rank_sum += sum(1 for _, whose in order[at:end] if whose == 0) * (at + 1 + end) / 2
        at = end
    pairs = len(first) * len(second)
    return (rank_sum - len(first) * (len(first) + 1) / 2) / pairs


def told_apart(first: Sequence[float], second: Sequence[float]) -> bool:
    """Tell whether the times show that the two are different kinds."""
    here, there = len(first), len(second)
    deviation = math.sqrt((here + there + 1) / (12 * here * there))
    return abs(larger(first, second) - 0.5) >= max(HARMLESS, CERTAIN * deviation)


def sees(leak: float, sample: Sequence[float], reference: Sequence[float]) -> bool:
    """Tell whether ``sample``, which is of the same kind as ``reference``, would be told apart were it later."""
    return told_apart([one + leak for one in sample], reference)
