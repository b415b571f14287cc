"""The main job, told step by step, with the commands that anyone would type, on real brokers in a temporary folder.

`python -m bridge.demo` ends with status 0 only if every step came out as told. With `--tls` all of it is done by TLS.
"""

import argparse
import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

PATIENCE = 30.0
END_PATIENCE = 60.0
"""Seconds that a process has to end: twice as long as `up` takes at the most."""
BIN = Path(sys.executable).parent
console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


class NotAsTold(Exception):
    """A step did not come out as it should."""


def tell(title: str, *lines: str) -> None:
    """Say what happens next, and why."""
    console.print()
    console.rule(Text(title, style="bold"), align="left", style="dim")
    for line in lines:
        console.print(Text(line, style="italic"))


def proved(what: str) -> None:
    """Say that something has been seen to be so."""
    console.print(Text("  ✔ " + what, style="green"))


def check(condition: object, what: str) -> None:
    """Go on if ``condition`` holds. Raises NotAsTold."""
    if not condition:
        raise NotAsTold(what)
    proved(what)


def wait_for(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait until ``condition`` holds and return its value. Raises NotAsTold."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise NotAsTold(f"{what}: not within {patience:.0f} s")


@dataclass
class Stage:
    """The folder, and the processes that run in it."""

    folder: Path
    tls: bool = False
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, name: str, *words: str) -> subprocess.Popen[str]:
        """Start a process in the background, its output in files of its name."""
        with (self.folder / f"{name}.out").open("w") as out, (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                words,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for us, who end them in order
            )
        self.processes[name] = process
        return process

    def read(self, name: str) -> str:
        """Return what a process has printed or logged so far."""
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def end(self, name: str) -> int:
        """End a process and return its status."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE)

    def run(self, *words: str, stdin: str = "", show: bool = True, expected: int = 0) -> str:
        """Type a command of the administrator. Raises NotAsTold for another status than ``expected``."""
        if show:
            console.print(Text("$ bootstrap-bridge " + " ".join(words), style="bold"))
        environment = {**os.environ, "FORCE_COLOR": "1"} if console.is_terminal and show else {**os.environ}
        done = subprocess.run(  # noqa: S603 - our own commands
            [str(BIN / "bootstrap-bridge"), *words],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=environment,
            check=False,
        )
        if show:
            for line in (done.stdout + done.stderr).rstrip().splitlines():
                console.print(Text.from_ansi("  " + line), soft_wrap=True)
        if done.returncode != expected:
            raise NotAsTold(f"bootstrap-bridge {' '.join(words)} ended with status {done.returncode}: {done.stderr}")
        return done.stdout

    def ask(self, *words: str) -> dict[str, Any]:
        """Ask the bridge something without showing it."""
        result: dict[str, Any] = json.loads(self.run(*words, "--json", show=False))["result"]
        return result

    def simulator(self, *words: str) -> None:
        """Ask the simulator's devices, and show what they display."""
        console.print(Text("$ device-sim " + " ".join(words), style="bold"))
        for line in self._simulated(*words).rstrip().splitlines():
            console.print(Text.from_ansi("  " + line), soft_wrap=True)

    def displays(self, state: str) -> list[dict[str, Any]]:
        """Return what the devices of a part of the fleet display."""
        found: list[dict[str, Any]] = json.loads(self._simulated("status", "--state", state, "--json"))
        return found

    def _simulated(self, *words: str) -> str:
        return subprocess.run(  # noqa: S603 - our own commands
            [str(BIN / "device-sim"), *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**os.environ, "COLUMNS": "110"},
            check=True,
        ).stdout

    def counts(self) -> dict[str, int]:
        """Return how many registrations have which status."""
        counts: dict[str, int] = self.ask("list", "--limit", "1")["counts"]
        return counts

    def fleet(self, name: str, *words: str) -> None:
        """Start a part of the fleet, which stays until it is ended."""
        options = ("--state", name, "--stay", "--json", "--verbose", "--telemetry-interval", "1")
        console.print(Text("$ device-sim run " + " ".join(words) + " &", style="bold"))
        self.start(name, str(BIN / "device-sim"), "run", *words, *options)

    def logins(self, fleets: tuple[str, ...]) -> int:
        """Count how often devices of these fleets have logged in as themselves."""
        return sum(self.read(f"{name}.log").count("-> logged in") for name in fleets)


def _ended_by(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def stage(*, tls: bool = False) -> Iterator[Stage]:
    """Make a folder, and leave neither it nor a process behind."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs in its background deaf to it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ended_by)
    with tempfile.TemporaryDirectory(prefix="bootstrap-bridge-demo-") as name:
        os.chmod(name, 0o755)  # noqa: S103, PTH101 - the brokers may run as another user; what is secret has 0600
        made = Stage(Path(name), tls)
        try:
            yield made
        finally:
            # Once more Ctrl-C, or a second SIGTERM, as `timeout` sends it, must not break off the cleaning up.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            for process in reversed(made.processes.values()):
                if process.poll() is None:
                    process.terminate()
                    try:
                        process.wait(END_PATIENCE)
                    except subprocess.TimeoutExpired:
                        process.kill()
                        process.wait()


def labels(made: Stage, fleet: str) -> dict[str, str]:
    """Read what is printed on the devices' labels."""
    with (made.folder / fleet / "labels.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["token"] for row in csv.DictReader(file) if row["token"]}


def play(made: Stage) -> None:
    """Play all scenes. Raises NotAsTold."""
    fleets = ("private", "plain", "line")

    tell("1. Everything up", "Two Mosquitto brokers and the bridge between them, in a fresh folder, on free ports.")
    words = ("up", "--port", "0", "--bootstrap-port", "0", *(("--tls",) if made.tls else ()))
    console.print(Text(f"$ bootstrap-bridge {' '.join(words)} &", style="bold"))
    up = made.start("up", str(BIN / "bootstrap-bridge"), *words)
    wait_for(lambda: "ready" in made.read("up.out") or up.poll() is not None, "the bridge is ready")
    if up.poll() is not None:
        raise NotAsTold(made.read("up.log"))
    console.print(Text("  " + made.read("up.out").splitlines()[0], style="green"))
    access = json.loads((made.folder / "var" / "access.json").read_text())
    made.run("set-option", "retry-after", "5", "--tenant", "management")

    tell("2. An administrator announces twenty devices", "Only their ids. Nobody has called yet.")
    ids = [*(f"sim-{one:03}" for one in range(1, 15)), *(f"plain-{one:03}" for one in range(1, 4))]
    ids += [f"line-{one:03}" for one in range(1, 4)]
    made.run("register", "-", stdin="\n".join(ids))
    check(made.counts()["WAITING_FOR_CONNECTION"] == 20, "20 devices wait for their first call")

    tell(
        "3. A stranger listens",
        "The bootstrap login is in every device, so take it for known. Somebody subscribes to everything with it.",
    )
    login = access["bootstrap"]
    address: tuple[str, ...] = ("-h", access["host"], "-u", login["username"], "-P", login["password"])
    if made.tls:
        address += ("--cafile", str(made.folder / "var" / access["tls"]["caFile"]))
    sub = shutil.which("mosquitto_sub")
    if sub is None:
        raise NotAsTold("mosquitto_sub is not installed (Debian: apt-get install mosquitto-clients)")
    console.print(Text("$ mosquitto_sub -u devicebootstrap -P … -t '#' -v &", style="bold"))
    listen = (sub, *address, "-p", str(access["bootstrapPort"]), "-i", "stranger", "-t", "#", "-v", "-d")
    made.start("stranger", "stdbuf", "-oL", *listen)  # what it hears shall be in the file at once
    wait_for(lambda: "SUBACK" in made.read("stranger.out"), "the stranger has subscribed")
    refused = subprocess.run(  # noqa: S603 - our own command
        [sub, *address, "-p", str(access["port"]), "-t", "#", "-W", "5"], capture_output=True, text=True, check=False
    )
    check("not authori" in refused.stderr.lower(), "at the operations broker the same login is refused")

    tell(
        "4. The devices call",
        "Fourteen private calls, half with a token; three plain ones, three in line form.",
    )
    made.fleet("private", "--count", "14", "--prefix", "sim-", "--tokens", "mixed")
    made.fleet("plain", "--count", "3", "--prefix", "plain-", "--plain")
    made.fleet("line", "--count", "3", "--prefix", "line-", "--line", "--retry-after", "5")
    wait_for(lambda: made.counts()["PENDING_ACCEPTANCE"] == 20, "20 devices have called")
    made.run("list", "--limit", "4")
    check(made.logins(fleets) == 0, "nobody has credentials before somebody has accepted")

    tell(
        "5. Whose key is it?",
        "All but those in line form sent a public key, and their credentials will be sealed to it. A person may",
        "compare the fingerprint that a device displays with the one that the bridge shows of its caller.",
    )
    made.run("get", "plain-001")
    made.simulator("status", "--state", "plain")
    shown = {one["id"]: one["keyFingerprint"] for name in fleets for one in made.displays(name)}
    seen = {
        one["id"]: one["claims"][0].get("keyFingerprint")
        for one in made.ask("list", "--limit", "1000")["registrations"]
    }
    check(
        seen == shown and sum(map(bool, seen.values())) == 17, "17 keys, and each is the one that its device displays"
    )

    tokens = labels(made, "private")
    victim, *others = sorted(tokens)
    tell("6. A wrong token", f"Somebody tries to guess the token of {victim}. Five wrong ones block it.")
    made.run("accept", victim, "--token", "guess-1", expected=1)
    for one in range(2, 5):
        made.run("accept", victim, "--token", f"guess-{one}", show=False, expected=1)
    made.run("accept", victim, "--token", "guess-5", expected=1)
    check(made.ask("get", victim)["status"] == "BLOCKED", f"{victim} is blocked after five wrong tokens")
    console.print(Text(f"$ bootstrap-bridge accept {victim} --token …", style="bold"))
    made.run("accept", victim, "--token", "-", stdin=tokens[victim], show=False, expected=1)
    proved("not even the right token helps now")
    made.run("delete", victim)
    made.run("register", victim)
    wait_for(lambda: made.ask("get", victim)["status"] == "PENDING_ACCEPTANCE", f"{victim} has called again")
    proved(f"deleted and registered again, {victim} has called again")

    tell("7. Accept all", "Takes those without a token and names the others.")
    made.run("accept-all", expected=1)
    check(made.counts() == {**made.counts(), "ACCEPTED": 13, "PENDING_ACCEPTANCE": 7}, "13 accepted, 7 left out")
    console.print(Text("The others one by one, each with the token on its label:", style="italic"))
    for one, device in enumerate([victim, *others]):
        if one < 2:
            console.print(Text(f"$ bootstrap-bridge accept {device} --token …", style="bold"))
        made.run("accept", device, "--token", "-", stdin=tokens[device] + "\n", show=False)
    console.print(Text(f"  … and {len(others) - 1} more", style="dim"))

    tell("8. Logged in, each as itself")
    wait_for(lambda: made.logins(fleets) >= 20, "every device has logged in")
    confirmed = wait_for(
        lambda: (
            (found := made.ask("list")["registrations"]) and all(one.get("confirmedTime") for one in found) and found
        ),
        "every device has confirmed",
    )
    check(len(confirmed) == 20, "20 of 20 devices logged in with credentials of their own and said hello")
    made.run("list", "--limit", "3")
    made.run("stats")

    tell("9. What the stranger got", "It listened all the time, while credentials went to private and plain callers.")
    heard = [line for line in made.read("stranger.out").splitlines() if line.startswith("bootstrap/")]
    heard += [line for line in made.read("stranger.out").splitlines() if "received PUBLISH" in line]
    check(made.processes["stranger"].poll() is None and not heard, "nothing at all")
    made.end("stranger")

    tell(
        "10. Without the bridge",
        "The bridge ends, only the brokers go on. Devices that have their credentials do not need it.",
    )
    before = made.logins(fleets)
    made.end("up")
    check("stopped" in made.read("up.log"), "the bridge has stopped")
    mosquitto = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if mosquitto is None:
        raise NotAsTold("mosquitto is not installed")
    console.print(Text("$ mosquitto -c var/operations-broker/mosquitto.conf &", style="bold"))
    made.start("operations", mosquitto, "-c", "var/operations-broker/mosquitto.conf")
    wait_for(lambda: made.logins(fleets) >= before + 20, "every device is back")
    proved("every device has logged in again by itself")
    ended = [made.end(name) for name in fleets]
    results = [json.loads(made.read(f"{name}.out")) for name in fleets]
    check(ended == [0, 0, 0], "every device made it")
    check(sum(one["devices"]["online"] for one in results) == 20, "all 20 were talking to the end, without the bridge")
    sent = sum(one["devices"]["counts"]["telemetry"] for one in results)
    console.print(Text(f"  {sent} telemetry messages were sent in all", style="dim"))


def main() -> int:
    """Play, and return the exit status."""
    asked = argparse.ArgumentParser(description="The main job on a real Mosquitto, told step by step.")
    asked.add_argument("--tls", action="store_true", help="do all of it by TLS")
    started = time.monotonic()
    with stage(tls=asked.parse_args().tls) as made:
        try:
            play(made)
        except (NotAsTold, OSError, subprocess.SubprocessError, ValueError) as error:
            console.print()
            console.print(Text(f"Not as told: {error}", style="bold red"), soft_wrap=True)
            log = made.read("up.log").strip().splitlines()
            for line in log[-10:]:
                console.print(Text("  " + line, style="dim"), soft_wrap=True)
            return 1
        except KeyboardInterrupt:
            console.print("ended early")
            return 130
    console.print()
    console.print(Text(f"All of it happened, in {time.monotonic() - started:.0f} s.", style="bold green"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
