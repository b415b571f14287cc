"""The doctor on who can reach secrets, and on the bootstrap logins."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bridge import installation
from bridge.bootstrap_logins import EarlierLogin, moment
from bridge.clock import clock
from bridge.doctor.finding import look_at
from bridge.doctor.secrets import bootstrap_logins, start
from bridge.installation import Installation
from tests.ailing import complaints, found, healthy, verdicts


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return healthy(tmp_path / "data")


def overlapping(made: Installation, milliseconds: int) -> None:
    facts = made.facts
    earlier = EarlierLogin(facts.bootstrap_username, facts.bootstrap_password, moment(clock() + milliseconds))
    update = {"bootstrap_username": "devicebootstrap-2", "earlier_logins": [earlier]}
    changed = replace(made, facts=facts.model_copy(update=update))
    changed.write_facts()
    installation.write_passwords(changed)


@pytest.mark.parametrize("check", [start, bootstrap_logins])
def test_a_whole_installation_gives_no_cause(made: Installation, check: object) -> None:
    assert verdicts(found(check, made.folder.path)) == {"ok"}  # type: ignore[arg-type]


def test_what_keeps_the_bridge_from_starting_is_a_problem(made: Installation) -> None:
    made.folder.keys.chmod(0o640)
    text = complaints(found(start, made.folder.path))
    assert text.startswith("problem")
    assert "does not start" in text
    assert "chmod go-rwx" in text


def test_a_folder_above_that_anybody_may_write_into_is_advice(made: Installation) -> None:
    made.folder.path.parent.chmod(0o777)
    assert complaints(found(start, made.folder.path)).startswith("advice")


def test_a_group_that_is_trusted_is_no_cause_and_one_that_is_not_there_is(made: Installation) -> None:
    made.folder.keys.chmod(0o640)
    subject = look_at(made.folder.path)
    assert verdicts(start(replace(subject, files_group=str(os.getgid())))) == {"ok"}
    assert verdicts(start(replace(subject, files_group="no-such-group"))) == {"problem"}


def test_two_logins_are_advice_and_one_that_should_have_ended_is_a_problem(made: Installation) -> None:
    overlapping(made, 3_600_000)
    assert "devicebootstrap and devicebootstrap-2 are valid until" in complaints(
        found(bootstrap_logins, made.folder.path)
    )
    overlapping(made, -1)
    assert complaints(found(bootstrap_logins, made.folder.path)).startswith(
        "problem: devicebootstrap should have ended"
    )


def test_a_login_that_came_back_with_an_old_file_is_found(made: Installation) -> None:
    path = made.folder.passwords
    path.write_text("devicebootstrap-0:$7$101$AAAA$AAAA\n" + path.read_text())
    text = complaints(found(bootstrap_logins, made.folder.path))
    assert text.startswith("advice: devicebootstrap-0 can call too")
