"""How often somebody may try to log in: counted by name and place, forgiven, forgotten, and never a way to lock out."""

from collections.abc import Iterator

import pytest

from bridge.console.throttle import (
    FIRST_WAIT,
    FORGET,
    FREE_ADDRESS,
    FREE_NAME,
    FREE_PAIR,
    LONGEST_NAME,
    LONGEST_WAIT,
    MOST,
    Throttle,
    network_of,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def wrong(throttle: Throttle, name: str, address: str, times: int) -> None:
    for _ in range(times):
        assert throttle.begin(name, address) == 0.0


def addresses() -> Iterator[str]:
    yield from (f"10.0.{high}.{low}" for high in range(256) for low in range(256))


def test_a_few_wrong_attempts_cost_nothing_then_each_costs_twice_as_long(throttle: Throttle, clock: Clock) -> None:
    wrong(throttle, "ann", "10.0.0.1", FREE_PAIR)
    waits = []
    for _ in range(12):
        waits.append(throttle.begin("ann", "10.0.0.1"))
        clock.now += waits[-1]
        assert throttle.begin("ann", "10.0.0.1") == 0.0, "who waited may try"
    assert waits[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT


def test_who_does_not_wait_is_told_how_long_it_still_is(throttle: Throttle, clock: Clock) -> None:
    wrong(throttle, "ann", "10.0.0.1", FREE_PAIR)
    for gone in range(5):
        assert throttle.begin("ann", "10.0.0.1") == FIRST_WAIT - gone
        clock.now += 1
    assert throttle.begin("ann", "10.0.0.1") == 0.0


def test_attempts_at_the_same_time_are_no_more_than_those_one_after_the_other(throttle: Throttle) -> None:
    assert [throttle.begin("ann", "10.0.0.1") > 0 for _ in range(20)].count(False) == FREE_PAIR


def test_a_right_password_ends_all_waiting(throttle: Throttle) -> None:
    for _ in range(10):
        wrong(throttle, "ann", "10.0.0.1", FREE_PAIR - 1)
        assert throttle.begin("ann", "10.0.0.1") == 0.0
        throttle.succeed("ann", "10.0.0.1")


def test_attempts_that_nobody_judged_count_for_nothing(throttle: Throttle) -> None:
    for _ in range(200):
        assert throttle.begin("ann", "10.0.0.1") == 0.0
        throttle.forgive("ann", "10.0.0.1")


def test_many_names_from_one_address_are_held_back(throttle: Throttle) -> None:
    tried = [throttle.begin(f"name-{number}", "10.0.0.1") for number in range(100)]
    assert tried.count(0.0) == FREE_ADDRESS
    assert throttle.begin("somebody", "10.0.0.2") == 0.0, "elsewhere nobody is concerned"


def test_one_name_from_many_addresses_is_held_back(throttle: Throttle) -> None:
    tried = [throttle.begin("ann", address) for address, _ in zip(addresses(), range(200), strict=False)]
    assert tried.count(0.0) == FREE_NAME
    assert throttle.begin("bob", "10.9.9.9") == 0.0


def test_nobody_is_locked_out_from_where_they_have_been_before(throttle: Throttle) -> None:
    assert throttle.begin("ann", "192.0.2.1") == 0.0
    throttle.succeed("ann", "192.0.2.1")
    for address, _ in zip(addresses(), range(200), strict=False):
        throttle.begin("ann", address)
    for number in range(100):
        throttle.begin(f"name-{number}", "192.0.2.1")
    assert throttle.begin("ann", "192.0.2.2") > 0
    assert throttle.begin("ann", "192.0.2.1") == 0.0
    wrong(throttle, "ann", "192.0.2.1", FREE_PAIR - 1)
    assert throttle.begin("ann", "192.0.2.1") > 0, "but there, too, nobody tries for ever"


def test_all_is_forgotten_an_hour_after_the_last_attempt(throttle: Throttle, clock: Clock) -> None:
    wrong(throttle, "ann", "10.0.0.1", FREE_PAIR)
    clock.now += FORGET + 1
    wrong(throttle, "ann", "10.0.0.1", FREE_PAIR)


def test_what_is_remembered_is_bounded(throttle: Throttle) -> None:
    for number, address in zip(range(2 * MOST), addresses(), strict=False):
        throttle.begin(f"name-{number}", address)
        throttle.succeed(f"good-{number}", address)
    assert MOST - 3 < len(throttle._counts) <= MOST
    assert len(throttle._good) == MOST


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_one_persons_addresses_count_as_one(address: str, network: str) -> None:
    assert network_of(address) == network


def test_of_names_that_nobody_has_no_more_is_remembered_than_of_others(clock: Clock, throttle: Throttle) -> None:
    """Ten thousand names as long as a form may be would fill the memory."""
    long = "x" * LONGEST_NAME
    wrong(throttle, long + "y" * 60_000, "192.0.2.1", FREE_PAIR)
    assert throttle.begin(long + "z" * 60_000, "192.0.2.1") == FIRST_WAIT
    wrong(throttle, long[:-1], "192.0.2.1", FREE_PAIR)
