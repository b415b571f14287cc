"""Counting a fleet."""

import json

from device_sim.device import Device
from device_sim.events import Acknowledged, Connected, Denied, Received, Started
from device_sim.memory import Approach
from device_sim.plan import Member
from device_sim.summary import Seconds, bad_devices, faults, good_devices, percentiles, tally
from tests.device_sim.desk import accepted_object


def device(name: str) -> Device:
    """Return a device that calls since second 10."""
    made = Device(name, lambda: Approach("c" * 32), lambda: 0.0)
    made.handle(Started(), 9)
    made.handle(Connected(), 10)
    return made


def accepted(name: str, at: float) -> Device:
    """Return a device that has made it, with credentials that came at second ``at``."""
    made = device(name)
    answer = json.dumps(accepted_object(name, "secret")).encode()
    made.handle(Received(f"bootstrap/{name}/response/{'c' * 32}", answer), at)
    made.handle(Connected(), at + 1)
    made.handle(Acknowledged(f"devices/t1/{name}/info"), at + 1)
    return made


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentiles([]) == Seconds(None, None, None)
    assert percentiles([3.0]) == Seconds(3.0, 3.0, 3.0)
    assert percentiles(float(number) for number in range(1, 101)) == Seconds(50.0, 95.0, 99.0)


def test_a_tally_counts_devices_and_sums_their_counts() -> None:
    found = tally([device("a"), accepted("b", 12.5), accepted("c", 14)])
    assert (found.devices, found.called, found.accepted, found.credentials) == (3, 3, 2, 2)
    assert (found.made_it, found.online, found.waiting) == (2, 2, 1)
    assert found.seconds == Seconds(2.5, 4.0, 4.0)
    assert (found.counts.calls, found.counts.connections) == (3, 5)
    shown = found.as_json()
    assert shown["secondsToCredentials"] == {"p50": 2.5, "p95": 4.0, "p99": 4.0}
    assert shown["counts"]["notUnderstood"] == 0


def test_members_are_told_apart() -> None:
    good, bad = Member("a", device("a")), Member("b", device("b"), misbehaves=True)
    assert good_devices([good, bad]) == [good.device]
    assert bad_devices([good, bad]) == [bad.device]


def test_faults_are_those_of_devices_that_have_not_made_it_the_most_frequent_first() -> None:
    waiting = [device(name) for name in "abc"]
    for each, reason in zip(waiting, ("one", "two", "two"), strict=True):
        each.handle(Denied("t", reason), 11)
    fine = accepted("d", 12)
    fine.handle(Denied("t", "three"), 13)
    assert list(faults([*waiting, fine]).items()) == [
        ("the call was refused: two", 2),
        ("the call was refused: one", 1),
    ]
