"""The shared bootstrap login and its rotation."""

import pytest

from bridge.bootstrap_logins import EarlierLogin, LoginFault, Logins, moment, next_name, over, overlap_of, valid

NOW = 1_800_000_000_000
FIRST = Logins("devicebootstrap", "the first password")


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("30d", 2_592_000_000), ("12h", 43_200_000), ("90m", 5_400_000), ("20s", 20_000), ("0", 0), ("0d", 0)],
)
def test_an_overlap_is_read(text: str, milliseconds: int) -> None:
    assert overlap_of(text) == milliseconds


@pytest.mark.parametrize("text", ["", "30", "-1d", "1w", "d", "1.5h", "99999d", "3651d", "1d ", "\u0663d"])
def test_what_is_no_overlap_is_refused_in_words(text: str) -> None:
    with pytest.raises(LoginFault, match="overlap"):
        overlap_of(text)


def test_names_go_on_by_number() -> None:
    names = ["devicebootstrap"]
    for _ in range(3):
        names.append(next_name(names[-1]))
    assert names == ["devicebootstrap", "devicebootstrap-2", "devicebootstrap-3", "devicebootstrap-4"]
    assert next_name("pumps-2027") == "pumps-2028"
    assert next_name("pumps-x") == "pumps-x-2"
    assert next_name("-7") == "-7-2"


def test_a_moment_is_read_as_it_was_written() -> None:
    assert moment(NOW) == "2027-01-15T08:00:00.000Z"
    for time in (0, 1, 999, NOW + 7):
        assert EarlierLogin("x", "y", moment(time)).end == time


def test_for_the_overlap_both_are_valid_and_then_one() -> None:
    made = FIRST.rotated(None, "a second password", 1_000, NOW)
    assert (made.username, made.password) == ("devicebootstrap-2", "a second password")
    assert valid(made.earlier, NOW + 999) == {"devicebootstrap": "the first password"}
    assert over(made.earlier, NOW + 999) == []
    assert valid(made.earlier, NOW + 1_000) == {}
    assert over(made.earlier, NOW + 1_000) == ["devicebootstrap"]


def test_without_an_overlap_the_earlier_one_is_over_at_once() -> None:
    assert over(FIRST.rotated(None, "a second password", 0, NOW).earlier, NOW) == ["devicebootstrap"]


def test_no_third_login_while_two_are_valid() -> None:
    made = FIRST.rotated(None, "a second password", 1_000, NOW)
    with pytest.raises(LoginFault, match=r"until 2027-01-15T08:00:01.000Z.*--end-overlap"):
        made.rotated(None, "a third password", 1_000, NOW + 999)
    again = made.rotated(None, "a third password", 1_000, NOW + 1_000)
    assert again.username == "devicebootstrap-3"
    assert [one.username for one in again.earlier] == ["devicebootstrap", "devicebootstrap-2"]
    assert over(again.earlier, NOW + 1_000) == ["devicebootstrap"], "nobody has taken it out of the broker's file yet"


def test_the_overlap_can_be_ended_and_ending_it_later_does_not_lengthen_it() -> None:
    made = FIRST.rotated(None, "a second password", 1_000, NOW)
    assert over(made.alone(NOW + 1).earlier, NOW + 1) == ["devicebootstrap"]
    assert made.alone(NOW + 5_000).earlier[0].end == NOW + 1_000


@pytest.mark.parametrize("name", ["", "a b", "x/y", "é", "a" * 65, "-x", "x:y", "bridge", "devicebootstrap"])
def test_a_user_name_that_cannot_be_had_is_refused(name: str) -> None:
    with pytest.raises(LoginFault, match="user name"):
        FIRST.rotated(name, "a second password", 1_000, NOW)


@pytest.mark.parametrize("password", ["", "1234567", "x" * 129, "with a \n line", "\0" * 10])
def test_a_password_that_cannot_be_had_is_refused_without_telling_it(password: str) -> None:
    with pytest.raises(LoginFault) as caught:
        FIRST.rotated(None, password, 1_000, NOW)
    assert not password or password not in str(caught.value)


def test_names_and_passwords_of_firmware_are_taken_as_they_are() -> None:
    made = FIRST.rotated("pumps-2027", "pässword with spaces", 1_000, NOW)
    assert (made.username, made.password) == ("pumps-2027", "pässword with spaces")
