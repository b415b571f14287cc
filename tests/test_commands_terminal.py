"""Questions at a real terminal: a pair of pseudo-terminals."""

import asyncio
import os
import pty
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO, TextIOWrapper
from pathlib import Path

import pytest

from bridge.commands import terminal
from bridge.speaking import GivenUp


@dataclass
class Person:
    """Somebody at the other end of the terminal."""

    end: int
    terminal: int

    def types(self, text: str) -> None:
        os.write(self.end, text.encode())

    @property
    def echo(self) -> bool:
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    end, slave = pty.openpty()
    with open(slave, encoding="utf-8") as stdin:  # noqa: PTH123 - a descriptor, not a path
        monkeypatch.setattr("sys.stdin", stdin)
        yield Person(end, slave)
    os.close(end)


async def asked(question: "asyncio.Task[object]", person: Person, *, echo: bool) -> None:
    """Wait until the question waits for its answer."""
    while person.echo is not echo and not question.done():
        await asyncio.wait([question], timeout=0)


async def test_a_line_is_read_while_the_loop_goes_on(person: Person) -> None:
    question = asyncio.create_task(terminal.line("Who? "))
    await asyncio.wait([question], timeout=0)
    assert not question.done()
    person.types(" me \n")
    assert await question == "me"


async def test_what_is_hidden_is_not_shown_and_the_terminal_is_as_before(person: Person) -> None:
    question = asyncio.create_task(terminal.line("Token? ", hidden=True))
    await asked(question, person, echo=False)
    assert not person.echo
    person.types("s3cret\n")
    assert await question == "s3cret"
    assert person.echo


async def test_a_question_that_is_cancelled_leaves_the_terminal_as_before(person: Person) -> None:
    question = asyncio.create_task(terminal.line("Token? ", hidden=True))
    await asked(question, person, echo=False)
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    assert person.echo
    assert not asyncio.get_running_loop().remove_reader(person.terminal)


async def test_the_end_of_input_gives_up(person: Person) -> None:
    person.types("\x04")
    with pytest.raises(GivenUp):
        await terminal.line("Who? ")


async def test_text_that_is_none_gives_up(person: Person) -> None:
    os.write(person.end, b"\xff\n")
    with pytest.raises(GivenUp, match="UTF-8"):
        await terminal.line("Who? ")


@pytest.mark.parametrize(("typed", "yes"), [("y", True), ("YES", True), ("", False), ("n", False), ("yep", False)])
async def test_only_a_clear_yes_is_one(person: Person, typed: str, yes: bool) -> None:
    person.types(typed + "\n")
    assert await terminal.is_confirmed("Sure?") is yes


async def test_a_password_is_asked_for_until_it_is_the_same_twice(
    person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    person.types("\none\ntwo\nthree\nthree\n")
    assert await terminal.new_password("jo") == "three"
    assert "not the same" in capsys.readouterr().err
    person.types("\n" * terminal.TRIES)
    with pytest.raises(GivenUp):
        await terminal.new_password("jo")


async def test_a_number_out_of_range_is_asked_for_again(person: Person) -> None:
    person.types("0\n2\n")
    assert await terminal.chosen("Which?", 2, may_be_none=False) == 2
    person.types("\n")
    assert await terminal.chosen("Which?", 2, may_be_none=True) is None


def test_without_a_terminal_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with TextIOWrapper(os.fdopen(reader, "rb")) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert not terminal.somebody_is_there()


@pytest.mark.parametrize(
    ("mode", "after"), [(0o644, 0o600), (0o666, 0o600), (0o640, 0o600), (0o600, 0o600), (0o400, 0o400)]
)
def test_a_file_that_a_password_goes_to_is_closed_to_others(tmp_path: Path, mode: int, after: int) -> None:
    path = tmp_path / "password"
    with path.open("w", encoding="utf-8") as file:
        path.chmod(mode)
        terminal.close_to_others(file)
    assert path.stat().st_mode & 0o777 == after


def test_what_is_no_file_is_left_alone() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    before = Path("/dev/null").stat().st_mode
    with os.fdopen(writing, "w") as pipe, Path("/dev/null").open("w", encoding="utf-8") as nothing:
        for output in (StringIO(), pipe, nothing):
            terminal.close_to_others(output)
    assert Path("/dev/null").stat().st_mode == before
