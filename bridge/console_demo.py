"""The web page to try out: brokers, bridge and console in a temporary folder, and a fleet that calls in.

`python -m bridge.console_demo` prints where the page is, who may log in, what stands on the devices' labels, and what
there is to try. It goes on until Ctrl-C and leaves nothing behind.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import subprocess
import sys
import webbrowser
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from rich.table import Table
from rich.text import Text

from bridge.demo import BIN, NotAsTold, Stage, console, labels, stage, tell, wait_for

PATIENCE: Final = 180.0
"""Seconds that the page has to serve: reading its libraries takes long where a machine has much to do."""
EVERY: Final = 10.0
"""Seconds between two sensors that are registered, so that there is always something to see."""
SENSORS: Final = 30

PUMPS: Final = tuple(f"pump-{one:03}" for one in range(1, 9))
METERS: Final = tuple(f"meter-{one:03}" for one in range(1, 7))
VALVES: Final = ("valve-001", "valve-002")
GATE: Final = "gate-001"
STRAYS: Final = tuple(f"stray-{one:03}" for one in range(1, 5))
_HEADER: Final = ("ID", "NAME", "TYPE", "PATH", "TOKEN", "AUTOACCEPT")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may log in."""

    name: str
    password: str = field(repr=False)
    may: str


def start_up(made: Stage, port: int, *, tls: bool) -> str:
    """Start brokers, bridge and console, and return the page's address. Raises NotAsTold."""
    words = ["up", "--port", "0", "--bootstrap-port", "0", "--console", "--console-port", str(port)]
    up = made.start("up", str(BIN / "bootstrap-bridge"), *words, *(["--tls"] if tls else []))
    wait_for(lambda: "accept-all" in made.read("up.out") or up.poll() is not None, "the page is served", PATIENCE)
    if up.poll() is not None:
        raise NotAsTold(made.read("up.log").strip() or "`up` has ended")
    line = next(line for line in made.read("up.out").splitlines() if line.startswith("The console: open "))
    return line.removeprefix("The console: open ").partition(" ")[0]


def simulate(made: Stage, name: str, *words: str) -> None:
    """Start a part of the fleet, which stays until it is ended."""
    made.start(name, str(BIN / "device-sim"), "run", "--state", name, "--stay", "--advise-after", "0", *words)


def start_fleet(made: Stage) -> dict[str, str]:
    """Start all devices and return the tokens that stand on labels."""
    ids = [*PUMPS, *STRAYS, GATE, *(f"sensor-{one:03}" for one in range(1, SENSORS + 1))]
    (made.folder / "ids").write_text("\n".join(ids), encoding="utf-8")
    simulate(made, "plain", "--ids-from", "ids")
    simulate(made, "meters", "--count", str(len(METERS)), "--prefix", "meter-", "--tokens", "all")
    wrong = ("--misbehave", "wrong-token", "--misbehaving", "1")
    simulate(made, "valves", "--count", str(len(VALVES)), "--prefix", "valve-", "--tokens", "all", *wrong)
    simulate(made, "somebody", "--id", GATE)

    def all_labels() -> dict[str, str]:
        found = {**labels(made, "meters"), **labels(made, "valves")}
        return found if len(found) == len(METERS) + len(VALVES) else {}

    wait_for(lambda: all((made.folder / one / "labels.csv").exists() for one in ("meters", "valves")), "the labels")
    found: dict[str, str] = wait_for(all_labels, "a token on each label")
    return found


def register(made: Stage, tokens: dict[str, str]) -> None:
    """Register all but the strays and the sensors; some are accepted, one is blocked."""
    file = io.StringIO()
    rows = csv.writer(file, delimiter=";", lineterminator="\n")
    rows.writerow(_HEADER)
    rows.writerows((one, f"Pump {at}", "pump", f"Hall {1 + at % 2}", "", "") for at, one in enumerate(PUMPS, 1))
    rows.writerows((one, f"Meter {at}", "meter", "Hall 1/Meters", "", "") for at, one in enumerate(METERS[:-1], 1))
    # This one is accepted without anybody, since its token is known beforehand.
    rows.writerow((METERS[-1], f"Meter {len(METERS)}", "meter", "Hall 1/Meters", tokens[METERS[-1]], "TRUE"))
    rows.writerows((one, f"Valve {at}", "valve", "", "", "") for at, one in enumerate(VALVES, 1))
    rows.writerow((GATE, "Gate", "gate", "Yard", "", ""))
    rows.writerow(("keypad-001", "Keypad, not switched on yet", "keypad", "Yard", "", ""))
    made.run("bulk-register", "-", stdin=file.getvalue(), show=False)
    accepted = PUMPS[:4]

    def status(device: str) -> str:
        return str(made.ask("get", device)["status"])

    for device in (*accepted, METERS[0]):
        wait_for(lambda device=device: status(device) == "PENDING_ACCEPTANCE", f"{device} has called", PATIENCE)  # type: ignore[misc]
    made.run("accept", *accepted, show=False)
    for guess in range(1, 6):
        made.run("accept", METERS[0], "--token", f"guess-{guess}", show=False, expected=1)


def make_people(made: Stage) -> list[Person]:
    """Make a registrar and a viewer, and return all who may log in."""
    access = json.loads((made.folder / "var" / "access.json").read_text(encoding="utf-8"))
    first = {one["username"]: one["password"] for one in access["administrators"]}
    people = [Person("admin", first["admin"], "everything of the tenant default")]
    for name, role, may in (
        ("rita", "registrar", "register and accept devices"),
        ("victor", "viewer", "look at everything"),
    ):
        password = made.run("create-administrator", name, "--role", role, show=False).strip()
        people.append(Person(name, password, may))
    return [*people, Person("root", first["root"], "tenants, and the registrations of all")]


def show(address: str, people: list[Person], tokens: dict[str, str], gate: str) -> None:
    """Print what somebody needs who tries the page."""
    tell("Open the page")
    console.print(Text(f"  {address}", style="bold green"), soft_wrap=True)
    tell("Who may log in")
    logins = Table("Name", "Password", "May", box=None, padding=(0, 2))
    for one in people:
        logins.add_row(one.name, one.password, one.may)
    console.print(logins)
    tell("What stands on the devices' labels")
    printed = Table("Device", "Security token", "", box=None, padding=(0, 2))
    notes = {
        METERS[0]: "blocked: somebody guessed",
        METERS[-1]: "accepted by itself",
        VALVES[-1]: "shows another token than its label has",
    }
    for device, token in sorted(tokens.items()):
        printed.add_row(device, token, notes.get(device, ""))
    console.print(printed)
    tell("What to try")
    for number, line in enumerate(
        (
            f"Accept {PUMPS[-1]}, which showed no token, by one click; and see it log in on the Overview.",
            f"Accept {METERS[1]} with a wrong token first, then with the one on its label.",
            f"{VALVES[-1]} is not what it says: the token on the label does not fit, and five tries block it.",
            f"{METERS[0]} is blocked: delete it and register it again in one go.",
            f"Two callers say that they are {GATE}: the right one's display shows the key {gate}.",
            f"Accept all: it takes those that need no token and names the others. A sensor calls each {EVERY:.0f} s.",
            "Unregistered callers: register one of the strays from there.",
            "Register devices of your own, singly or from a file, and print their labels.",
            "Log in as victor, who may look but not touch, in another browser.",
        ),
        1,
    ):
        console.print(Text(f"  {number}. {line}"), soft_wrap=True)


def has_display() -> bool:
    """Tell whether a browser would have somewhere to show itself."""
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def go_on(made: Stage) -> None:
    """Register a sensor now and then, for as long as `up` runs. Raises NotAsTold."""
    for number in count(1):
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = made.processes["up"].wait(EVERY)
            raise NotAsTold(f"`up` ended with status {status}: {made.read('up.log').strip()}")
        if number <= SENSORS:
            made.run("register", f"sensor-{number:03}", "--type", "sensor", "--group", "Roof", show=False)


def main() -> int:
    """Show the page until Ctrl-C, and return the exit status."""
    asked = argparse.ArgumentParser(description="The web page to try out, with a fleet that calls in.")
    asked.add_argument("--port", type=int, default=8080, help="the port of the page; 0 takes a free one")
    asked.add_argument("--tls", action="store_true", help="brokers and page speak TLS")
    asked.add_argument("--no-browser", action="store_true", help="open none, even where there is a display")
    options = asked.parse_args()
    with stage(tls=options.tls) as made:
        try:
            console.print("Starting brokers, bridge, page and a fleet of devices …")
            address = start_up(made, options.port, tls=options.tls)
            made.run("set-option", "retry-after", "5", "--tenant", "management", show=False)
            people = make_people(made)
            tokens = start_fleet(made)
            register(made, tokens)
            gate = next(one["keyFingerprint"] for one in made.displays("plain") if one["id"] == GATE)
            show(address, people, tokens, gate)
            console.print(Text("\nCtrl-C ends it and leaves nothing behind.", style="bold"))
            if has_display() and not options.no_browser:
                webbrowser.open(address)
            go_on(made)
        except (NotAsTold, OSError, ValueError) as error:
            console.print(Text(f"It does not go on: {error}", style="bold red"), soft_wrap=True)
            return 1
        except KeyboardInterrupt:
            console.print("\nending …")
    console.print("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
