"""What is looked at: as address and browser say it, and as the bridge is asked for it."""

from bridge.console.viewing import PAGE, View


def test_what_an_address_says_is_taken_and_what_is_none_of_ours_is_not() -> None:
    said = {"status": "PENDING_ACCEPTANCE", "search": "  Pump ", "sort": "-name", "tenant": "t1", "register": "x"}
    assert View.of(said) == View("PENDING_ACCEPTANCE", "Pump", "-name", "t1")
    assert View.of({"status": "GONE", "sort": "owner", "search": None}) == View()
    assert View.of({"status": 7, "search": ["x"] * 300}) == View(search=str(["x"] * 300)[:255])


def test_the_words_of_a_view_give_the_same_view_again() -> None:
    view = View("BLOCKED", "pump", "id", "t1")
    assert View.of(view.words) == view


def test_the_bridge_is_asked_for_what_was_said_and_for_nothing_else() -> None:
    assert View().payload() == {"limit": PAGE}
    assert View("BLOCKED", "pump", "-id", "t1", ("a", "b")).payload() == {
        "limit": PAGE,
        "status": ["BLOCKED"],
        "search": "pump",
        "sort": "-id",
        "tenant": "t1",
        "cursor": "b",
    }


def test_pages_go_forward_and_back_and_never_before_the_first() -> None:
    second = View(search="p").forward("c1")
    third = second.forward("c2")
    assert (third.cursors, third.first) == (("c1", "c2"), 2 * PAGE + 1)
    assert third.back() == second
    assert third.begin() == second.back() == View(search="p") == View(search="p").back()
    assert third.forward(None) == third


def test_how_many_there_are_is_told_only_where_the_counts_tell_it() -> None:
    counts = {"PENDING_ACCEPTANCE": 2, "ACCEPTED": 3}
    assert View().total(counts) == 5
    assert View("ACCEPTED").total(counts) == 3
    assert View("BLOCKED").total(counts) == 0
    assert View("ACCEPTED", search="x").total(counts) is None
    assert View(tenant="t1").total(counts) is None
