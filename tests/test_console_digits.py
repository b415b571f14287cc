"""Whole numbers as browsers read them."""

import json

import pytest
from pydantic_core import to_json

from bridge.console.digits import whole


@pytest.mark.parametrize("number", [0, -1, 2**53, 10**18 - 1, 1 - 10**17])
def test_a_number_that_pages_can_hold_stays_as_it_is(number: int) -> None:
    read = json.loads(to_json([number]), parse_int=whole)
    assert (read, type(read[0])) == ([number], int)


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**30, -(10**308)])
def test_a_longer_one_becomes_what_browsers_make_of_it(number: int) -> None:
    read = json.loads(to_json([number]), parse_int=whole)
    assert (read, type(read[0])) == ([float(number)], float)
