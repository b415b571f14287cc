"""accept and accept-all: what is asked of the person, what is sent, what is said of those left out."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.scripted import No, typed

OPTIONAL = {"value": "OPTIONAL", "effective": "OPTIONAL"}
DONE = {"id": "p", "status": "ACCEPTED"}


def claim(fingerprint: str, *, token: bool = False) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "call": "private",
        "tokenSent": token,
        "keySent": False,
        "firstSeen": "2026-03-01T08:15:30.125Z",
    }


def registration(
    *claims: dict[str, Any], status: str = "PENDING_ACCEPTANCE", tenant: str = "default"
) -> dict[str, Any]:
    return {"id": "p", "tenant": tenant, "status": status, "claims": list(claims)}


def answers(*claims: dict[str, Any], policy: Any = OPTIONAL, accept: Any = DONE, **more: Any) -> dict[str, Any]:
    return {"get": registration(*claims, **more), "get-option": policy, "accept": accept}


def test_in_a_pipe_nothing_is_asked_and_one_request_is_sent() -> None:
    said = typed("accept", "p", answers={"accept": DONE})
    assert said.asked == [("accept", {"id": "p"})]
    assert (said.status, said.lines) == (0, ["p is accepted: its credentials are on the way"])


def test_token_and_claim_are_sent_as_given(tmp_path: Path) -> None:
    assert typed("accept", "p", "--token", "t", "--claim", "aa", answers={"accept": DONE}).sent == {
        "id": "p",
        "claim": "aa",
        "securityToken": "t",
    }
    assert typed("accept", "p", "--token", "-", answers={"accept": DONE}, stdin="t2\nx\n").sent["securityToken"] == "t2"
    file = tmp_path / "label"
    file.write_text("t3\n")
    said = typed("accept", "p", "--token-file", str(file), answers={"accept": DONE})
    assert said.sent["securityToken"] == "t3"


def test_a_token_that_a_caller_showed_is_asked_for_without_echo() -> None:
    said = typed("accept", "p", answers=answers(claim("aa", token=True)), terminal_lines=["label"])
    assert said.questions == ["Security token on the label of p (Enter: none): (hidden)"]
    assert said.asked[-1] == ("accept", {"id": "p", "securityToken": "label"})
    assert "label" not in said.out + said.err


def test_a_token_that_nobody_showed_is_asked_for_only_where_one_is_required() -> None:
    said = typed("accept", "p", answers=answers(claim("aa")), terminal_lines=[])
    assert said.asked[-1] == ("accept", {"id": "p"})
    required = {"value": "OPTIONAL", "effective": "REQUIRED"}
    said = typed("accept", "p", answers=answers(claim("aa"), policy=required), terminal_lines=[""])
    assert said.asked[-1] == ("accept", {"id": "p"})
    assert len(said.questions) == 1


def test_where_tokens_are_ignored_none_is_asked_for() -> None:
    ignored = {"value": "IGNORED", "effective": "IGNORED"}
    assert typed("accept", "p", answers=answers(claim("aa", token=True), policy=ignored), terminal_lines=[]).status == 0


def test_who_may_not_read_options_sees_the_policy_as_optional() -> None:
    said = typed(
        "accept", "p", answers=answers(claim("aa", token=True), policy=No("NOT_PERMITTED")), terminal_lines=["t"]
    )
    assert said.asked[-1] == ("accept", {"id": "p", "securityToken": "t"})


def test_managements_own_policy_is_not_taken_for_anothers() -> None:
    given = answers(claim("aa", token=True), tenant="default")
    del given["get-option"]
    said = typed("accept", "p", tenant="management", answers=given, terminal_lines=["t"])
    assert said.asked[-1] == ("accept", {"id": "p", "securityToken": "t"})


def test_of_several_callers_one_is_chosen_by_number() -> None:
    said = typed("accept", "p", answers=answers(claim("aa"), claim("bb")), terminal_lines=["x", "3", "2"])
    assert said.questions == ["Which one is it? [1-2] "] * 3
    assert said.asked[-1] == ("accept", {"id": "p", "claim": "bb"})
    for fingerprint in ("aa", "bb"):
        assert fingerprint in said.err


def test_where_a_caller_showed_a_token_the_token_may_decide() -> None:
    given = answers(claim("aa"), claim("bb", token=True))
    said = typed("accept", "p", answers=given, terminal_lines=["", "t"])
    assert said.asked[-1] == ("accept", {"id": "p", "securityToken": "t"})
    said = typed("accept", "p", answers=answers(claim("aa"), claim("bb", token=True)), terminal_lines=["1"])
    assert said.asked[-1] == ("accept", {"id": "p", "claim": "aa"})


def test_callers_with_the_same_token_are_chosen_from_when_the_bridge_asks() -> None:
    conflict = No("CLAIM_CONFLICT", details={"claims": [claim("aa", token=True), claim("cc", token=True)]})
    given = answers(claim("aa", token=True), claim("bb"), claim("cc", token=True), accept=[conflict, DONE])
    said = typed("accept", "p", answers=given, terminal_lines=["", "t", "2"])
    assert said.asked[-1] == ("accept", {"id": "p", "securityToken": "t", "claim": "cc"})
    assert said.status == 0


def test_who_chooses_nothing_accepts_nothing() -> None:
    said = typed("accept", "p", answers=answers(claim("aa"), claim("bb")), terminal_lines=["", "0", "z"])
    assert said.status == 1
    assert "accept" not in [command for command, _ in said.asked]


def test_a_device_that_is_not_pending_is_answered_by_the_bridge() -> None:
    given = answers(claim("aa", token=True), status="BLOCKED", accept=No("INVALID_STATE", "blocked: delete it"))
    said = typed("accept", "p", answers=given, terminal_lines=[])
    assert said.status == 1
    assert "INVALID_STATE: blocked: delete it" in said.err


def test_a_conflict_in_a_pipe_shows_the_claims_and_the_way_on() -> None:
    said = typed("accept", "p", answers={"accept": No("CLAIM_CONFLICT", "which", {"claims": [claim("aa")]})})
    assert said.status == 1
    for words in ("CLAIM_CONFLICT: which", "aa", "bootstrap-bridge accept DEVICE --claim CLAIM"):
        assert words in said.err


def test_several_devices_are_one_request_and_those_that_failed_are_named() -> None:
    failed = [{"id": "b", "code": "TOKEN_REQUIRED", "message": "showed a token"}]
    said = typed("accept", "a", "b", answers={"accept": {"accepted": ["a"], "failed": failed}})
    assert said.sent == {"devices": [{"id": "a"}, {"id": "b"}]}
    assert said.status == 1
    assert said.lines == ["1 of 2 devices are accepted"]
    assert "TOKEN_REQUIRED: showed a token" in said.err


def test_devices_of_a_file_are_accepted_with_their_tokens(tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text("ID;TOKEN\na;t1\nb;t2\n")
    result = {"accepted": ["a", "b"], "failed": []}
    for words, stdin in ((str(file), ""), ("-", file.read_text())):
        said = typed("accept", "--file", words, stdin=stdin, answers={"accept": result})
        assert said.sent == {"devices": [{"id": "a", "securityToken": "t1"}, {"id": "b", "securityToken": "t2"}]}
        assert (said.status, said.lines) == (0, ["2 of 2 devices are accepted"])


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("a", "b", "--token", "t"),
        ("a", "b", "--claim", "c"),
        ("a", "--token", "t", "--token-file", "f"),
        ("a", "--token-file", "/nowhere/at/all"),
        ("a", "--file", "devices.csv"),
        ("--file", "devices.csv", "--token", "t"),
    ],
    ids=" ".join,
)
def test_what_does_not_go_together_is_wrong_usage(words: tuple[str, ...]) -> None:
    said = typed("accept", *words)
    assert (said.status, said.asked) == (2, [])
    assert said.err


def test_accept_all_says_why_each_was_left_out_and_what_to_do_for_each_reason() -> None:
    failed = [
        {"id": "a", "code": "TOKEN_REQUIRED", "message": "it showed one"},
        {"id": "b", "code": "CLAIM_CONFLICT", "message": "two called"},
        {"id": "c", "code": "TOKEN_REQUIRED", "message": "it showed one"},
    ]
    said = typed("accept-all", answers={"accept-all": {"acceptedCount": 1, "failed": failed}})
    assert (said.status, said.sent, said.lines) == (1, {}, ["1 device is accepted"])
    assert [re.split(r" {2,}", line.rstrip()) for line in said.err.splitlines()] == [
        ["3 devices are left out:"],
        ["Device", "Why"],
        ["a", "TOKEN_REQUIRED: it showed one"],
        ["b", "CLAIM_CONFLICT: two called"],
        ["c", "TOKEN_REQUIRED: it showed one"],
        [""],
        ["How many", "Why", "What to do next"],
        ["2", "needs the security token on its label", "bootstrap-bridge accept DEVICE"],
        ["1", "several callers say that they are it", "bootstrap-bridge accept DEVICE lets you choose"],
    ]


def test_accept_all_without_anybody_left_out_is_done() -> None:
    said = typed("accept-all", answers={"accept-all": {"acceptedCount": 12, "failed": []}})
    assert (said.status, said.lines, said.err) == (0, ["12 devices are accepted"], "")
