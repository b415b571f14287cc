"""Lists that a page shows from their beginning on."""

from collections.abc import Mapping
from typing import Any

from bridge.console.listing import PAGE, Listing


class Tenants:
    """The bridge with so many tenants; a page of it holds no more than ``fits``."""

    def __init__(self, number: int, fits: int = 1_000) -> None:
        self.rows = [{"id": f"t{one:05}"} for one in range(number)]
        self.fits = fits
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def request(self, command: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((command, payload))
        start = int(payload.get("cursor", 0))
        end = start + min(payload["limit"], self.fits)
        return {"tenants": self.rows[start:end], "next": str(end) if end < len(self.rows) else None}


async def test_all_rows_of_a_short_list_are_there() -> None:
    bridge = Tenants(3)
    rows, more = await Listing(bridge.request, "list-tenants", "tenants").load()
    assert [row["id"] for row in rows] == ["t00000", "t00001", "t00002"]
    assert not more
    assert bridge.asked == [("list-tenants", {"limit": PAGE})]


async def test_a_longer_list_is_shown_a_page_more_each_time() -> None:
    listing = Listing(Tenants(2 * PAGE + 1).request, "list-tenants", "tenants")
    sizes = []
    for _ in range(3):
        rows, more = await listing.load()
        sizes.append((len(rows), more))
        listing.more()
    assert sizes == [(PAGE, True), (2 * PAGE, True), (2 * PAGE + 1, False)]


async def test_answers_that_end_early_are_put_together() -> None:
    """An answer holds no more than a megabyte, however many rows were asked for."""
    bridge = Tenants(PAGE, fits=70)
    rows, more = await Listing(bridge.request, "list-tenants", "tenants").load()
    assert rows == bridge.rows
    assert not more
    assert [asked.get("cursor") for _, asked in bridge.asked] == [None, "70", "140"]


async def test_no_answer_is_asked_for_more_rows_than_the_contract_lets() -> None:
    bridge = Tenants(2_500)
    rows, more = await Listing(bridge.request, "list-tenants", "tenants", 2_200).load()
    assert (len(rows), more) == (2_200, True)
    assert [asked["limit"] for _, asked in bridge.asked] == [1_000, 1_000, 200]
