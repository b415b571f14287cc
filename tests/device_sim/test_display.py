"""What people see."""

import io

from rich.console import Console

from device_sim.device import Device
from device_sim.display import ProgressDisplay, say, show_faults, summary_table
from device_sim.events import Connected, Started
from device_sim.memory import Approach
from device_sim.summary import tally


def console(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    """Return a console and what it writes into."""
    written = io.StringIO()
    return Console(file=written, force_terminal=terminal, width=100), written


def devices(calling: int, off: int) -> list[Device]:
    """Return devices of which some call."""
    made = [Device(f"d{number}", lambda: Approach("c" * 32), lambda: 0.0) for number in range(calling + off)]
    for each in made[:calling]:
        each.handle(Started(), 0)
        each.handle(Connected(), 0)
    return made


def test_where_there_is_no_terminal_a_line_comes_now_and_then_and_only_when_something_has_changed() -> None:
    to, written = console()
    with ProgressDisplay(to, 3) as display:
        display.show(0.0, tally(devices(0, 3)))
        display.show(1.0, tally(devices(1, 2)))
        display.show(6.0, tally(devices(2, 1)))
        display.show(12.0, tally(devices(2, 1)))
    assert written.getvalue().splitlines() == [
        "   0 s: 0 called, 0 have credentials, 0 logged in, 3 waiting",
        "   6 s: 2 called, 0 have credentials, 0 logged in, 3 waiting",
    ]


def test_on_a_terminal_there_are_bars() -> None:
    to, written = console(terminal=True)
    with ProgressDisplay(to, 3) as display:
        display.show(1.0, tally(devices(2, 1)))
    assert "2/3" in written.getvalue()


def test_ids_and_commands_are_printed_as_they_are_and_never_broken() -> None:
    to, written = console()
    say(to, "[bold]x[/bold] :smile: " + "y" * 200)
    assert written.getvalue() == "[bold]x[/bold] :smile: " + "y" * 200 + "\n"


def test_advice_lists_three_commands_that_accept_and_counts_the_others() -> None:
    to, written = console()
    with ProgressDisplay(to, 5) as display:
        display.advise(30, "register", [f"accept {number}" for number in range(5)], "device-sim labels")
    lines = written.getvalue().splitlines()
    assert lines[1:5] == ["  register", "  accept 0", "  accept 1", "  accept 2"]
    assert lines[5] == "  and so on for 2 more with a token"
    assert lines[-1] == "  device-sim labels"


def test_the_table_shows_misbehaving_devices_in_a_column_of_their_own() -> None:
    to, written = console()
    to.print(summary_table(tally(devices(2, 1)), None))
    assert "misbehaving" not in written.getvalue()
    to.print(summary_table(tally(devices(2, 1)), tally(devices(1, 0))))
    assert "misbehaving" in written.getvalue()


def test_at_most_five_faults_are_shown() -> None:
    to, written = console()
    show_faults(to, {f"fault {number}": 1 for number in range(9)})
    assert len(written.getvalue().splitlines()) == 5
