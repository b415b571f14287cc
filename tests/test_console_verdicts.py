"""What became of accepting, in words for the row of the device."""

import pytest

from bridge.console.verdicts import Notice, left_over, refused, sentence

CLAIMS = [{"fingerprint": "0a0a0a0a", "tokenSent": False}, {"fingerprint": "0b0b0b0b", "tokenSent": True}]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("the security token is another one", "The security token is another one."),
        ("pump-7 showed a security token", "pump-7 showed a security token."),
        ("is it running?", "Is it running?"),
        (" done. ", "Done."),
        ("register again, with a securityToken", "Register again, with a security token."),
        ("", "."),
    ],
)
def test_a_message_becomes_a_sentence_and_an_id_stays_as_it_is(message: str, shown: str) -> None:
    assert sentence(message, "pump-7") == shown


def test_a_refusal_is_shown_with_its_code_and_number() -> None:
    found = refused("pump-7", "TOKEN_MISMATCH", "wrong, 2 more block it", {}).shown(5)
    assert found == {"kind": "bad", "text": "Wrong, 2 more block it.", "n": 5, "code": "TOKEN_MISMATCH"}


def test_a_conflict_is_told_as_a_choice_between_those_that_fit() -> None:
    """The bridge's own words name an option of the command line."""
    found = refused("pump-7", "CLAIM_CONFLICT", "2 callers claim to be pump-7: name one as claim", {"claims": CLAIMS})
    assert found.text == "2 callers claim to be this device: compare them and choose the right one."
    assert found.shown(1)["claims"] == CLAIMS


def test_a_conflict_of_more_callers_than_are_kept_is_told_in_the_words_of_the_bridge() -> None:
    message = "more callers claim to be pump-7 than are kept: delete it and register again"
    found = refused("pump-7", "CLAIM_CONFLICT", message, {"claims": CLAIMS})
    assert found.text == "More callers claim to be pump-7 than are kept: delete it and register again."


def test_what_went_well_has_no_code() -> None:
    assert Notice("good", "Accepted.").shown(2) == {"kind": "good", "text": "Accepted.", "n": 2}


def test_what_accept_all_left_over_is_listed_with_reasons() -> None:
    failed = [
        {"id": "a", "code": "TOKEN_REQUIRED", "message": "a showed a security token"},
        {"id": "b", "code": "CLAIM_CONFLICT", "message": "3 callers claim to be b: name one as claim"},
    ]
    assert left_over({"acceptedCount": 7, "failed": failed}) == {
        "accepted": 7,
        "failed": [
            {"id": "a", "reason": "a showed a security token."},
            {"id": "b", "reason": "3 callers claim to be this device: compare them and choose the right one."},
        ],
        "truncated": False,
    }
    assert left_over({"acceptedCount": 0, "failed": [], "truncated": True})["truncated"] is True
