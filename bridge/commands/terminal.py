"""Questions to the person at the terminal. The connection lives on meanwhile, and Ctrl-C ends it at once."""

import asyncio
import os
import stat
import sys
import termios
from collections.abc import Sequence
from typing import IO, Final

from rich.text import Text

from bridge import display
from bridge.speaking import GivenUp, err

TRIES: Final = 3


def somebody_is_there() -> bool:
    """Tell whether questions can be asked: both what is typed and what is said go to a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def line(question: Text | str, *, hidden: bool = False) -> str:
    """Ask for a line and return it; ``hidden``: without showing what is typed. Raises GivenUp at the end of input."""
    loop = asyncio.get_running_loop()
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    if hidden:
        quiet = termios.tcgetattr(terminal)
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSADRAIN, quiet)  # before the question: whoever answers at once is quick
    err.print(question, end="")
    typed: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        loop.remove_reader(terminal)
        try:
            typed.set_result(sys.stdin.readline())
        except (OSError, UnicodeDecodeError) as error:
            typed.set_exception(error)

    loop.add_reader(terminal, read)
    try:
        text = await typed
    except UnicodeDecodeError:
        raise GivenUp("what was typed is no UTF-8 text; nothing was done") from None
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        if hidden or typed.cancelled():
            err.print()
    if not text:
        raise GivenUp("the input has ended; nothing was done")
    return text.strip()


async def is_confirmed(question: Text | str) -> bool:
    """Ask a question that is answered by yes or no; only a clear yes is one."""
    asked = Text.assemble(question, " [y/N] ")
    return (await line(asked)).casefold() in {"y", "yes"}


async def chosen(question: str, number: int, *, may_be_none: bool) -> int | None:
    """Let the person choose one of ``number`` by its number from 1 on; an empty line is none. Raises GivenUp."""
    for _ in range(TRIES):
        text = await line(f"{question} [1-{number}] ")
        if not text and may_be_none:
            return None
        if text.isascii() and text.isdigit() and 1 <= int(text) <= number:
            return int(text)
        err.print(f"Type a number from 1 to {number}.", style="yellow")
    raise GivenUp("nothing was chosen; nothing was done")


async def new_password(whose: str) -> str:
    """Ask twice for a password, without showing it. Raises GivenUp."""
    for _ in range(TRIES):
        first = await line(display.text(f"Password for {whose}: "), hidden=True)
        if first and first == await line("The same again: ", hidden=True):
            return first
        err.print("A password is needed." if not first else "These were not the same.", style="yellow")
    raise GivenUp("no password was typed twice; nothing was done")


async def claim_chosen(claims: Sequence[dict[str, object]], *, by_token: bool) -> str | None:
    """Show what callers showed and let the person choose; return the fingerprint, or None: the token decides."""
    err.print("Several callers say that they are this device:")
    err.print(display.claims_table(claims, numbered=True))
    rest = " (Enter: the one with the right token)" if by_token else ""
    number = await chosen(f"Which one is it?{rest}", len(claims), may_be_none=by_token)
    return None if number is None else str(claims[number - 1]["fingerprint"])


def close_to_others(output: IO[str]) -> None:
    """Give the file that a password will be written to mode 0600, where it is a file of ours.

    A shell that redirects makes it, mostly so that everybody on the machine can read it.
    """
    try:
        status = os.fstat(output.fileno())
    except OSError:  # no file at all
        return
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077 and status.st_uid == os.geteuid():
        os.fchmod(output.fileno(), 0o600)
