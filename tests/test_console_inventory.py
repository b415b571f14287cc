"""What the pages of the inventory share."""

import pytest

from bridge.console.inventory import concerns_devices, path_of


@pytest.mark.parametrize("name", ["accepted", "confirmed", "updated", "deleted", "delivered"])
def test_after_some_events_the_inventory_is_another(name: str) -> None:
    assert concerns_devices("events/default/registrations/pump-1", {"event": name})


@pytest.mark.parametrize("name", ["registered", "requested", "token-mismatch", "blocked", "expired"])
def test_a_herd_that_calls_does_not_touch_it(name: str) -> None:
    assert not concerns_devices("events/default/registrations/pump-1", {"event": name})


def test_a_file_may_have_changed_all_of_it() -> None:
    assert concerns_devices("events/default/bulk", {"event": "bulk"})


def test_a_group_that_was_not_typed_is_none() -> None:
    assert path_of("  ") is None
    assert path_of("Plant 1/Hall B") == "Plant 1/Hall B"
