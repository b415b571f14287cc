"""Records to rows and back."""

from dataclasses import fields, replace

from hypothesis import given

from bridge import schema
from bridge.records import Account
from bridge.registration import Device, Registration, Status
from bridge.rows import (
    RANKS,
    account_row,
    changed_columns,
    device_of,
    device_row,
    devices_selected,
    registration_of,
    registration_row,
    registrations_selected,
    to_json,
)
from tests.making import BY, JSON_VALUES, NOW, REGISTRATIONS, waiting


@given(REGISTRATIONS)
def test_a_registration_read_back_is_the_one_written(registration: Registration) -> None:
    row = registration_row(registration)
    assert registration_of([row[column.name] for column in registrations_selected().selected_columns]) == registration


@given(REGISTRATIONS, REGISTRATIONS)
def test_the_changed_columns_are_those_that_differ(before: Registration, after: Registration) -> None:
    old, new = registration_row(before), registration_row(after)
    changed = changed_columns(before, after)
    assert {**old, **changed, "folded": new["folded"]} == new | {"folded": new["folded"]}
    assert all(old[name] != new[name] for name in changed if name not in ("folded", "properties"))


def test_nothing_changed_is_no_column() -> None:
    assert changed_columns(waiting(), waiting()) == {}
    assert changed_columns(waiting(), replace(waiting(), calls=7)) == {"calls": 7}


def test_a_new_name_changes_what_the_search_sees() -> None:
    changed = changed_columns(waiting(), waiting(name="STRASSE Süd"))
    assert changed == {"name": "STRASSE Süd", "folded": "pump-7\nstrasse süd"}


@given(JSON_VALUES)
def test_a_device_read_back_is_the_one_written(value: object) -> None:
    device = Device("pump-7", "default", BY, None, "t", "A/B", {"x": value}, NOW, None)
    row = device_row(device)
    assert device_of([row[column.name] for column in devices_selected().selected_columns]) == device


def test_an_account_has_a_column_for_each_field() -> None:
    account = Account("u", "device", "default", "pump-7", b"seed", "k1", None, True, False, NOW)
    assert Account(**account_row(account)) == account
    assert set(account_row(account)) == {column.name for column in schema.accounts.c}


def test_every_field_of_a_registration_has_its_column() -> None:
    row = registration_row(waiting())
    assert set(row) == {column.name for column in schema.registrations.c}
    assert len(row) == len(fields(Registration)) + 1, "and one more for the search"


def test_every_status_has_a_rank_of_its_own_and_what_waits_for_a_person_is_first() -> None:
    assert sorted(RANKS.values()) == list(range(len(Status)))
    assert RANKS[Status.PENDING] == 0


def test_columns_hold_compact_json() -> None:
    assert to_json({"a": [1, "é"]}) == '{"a":[1,"é"]}'
