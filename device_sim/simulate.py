"""One run of the simulator, from its settings to its exit status."""

import asyncio
import json
import shlex
import signal
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from device_sim import advice
from device_sim.bootstrap_file import Brokers
from device_sim.connection import Dialler
from device_sim.display import ProgressDisplay, say, show_faults, summary_table
from device_sim.fleet import End, Limits, descriptors_missing, run_fleet
from device_sim.plan import Member, Plan, assemble, going_on
from device_sim.store import StateError, StateStore
from device_sim.summary import bad_devices, faults, good_devices, tally

DONE, NOT_ALL, USAGE, NOT_REACHED = 0, 1, 2, 3
_SIGNALLED = 128  # the shells' convention for a program that a signal has ended
_IDS_IN_JSON = 100
_WHOM = "Is the file that tls.caFile names the ca.pem of that installation?"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything about a run but the fleet itself; times in seconds."""

    brokers: Brokers
    bootstrap_file: Path
    state: Path
    labels_file: Path
    limits: Limits
    mqtt5: bool = True
    advise_after: float = 30.0
    as_json: bool = False


class Simulation:
    """A run of ``plan``; it talks to people on ``console`` and prints the summary for scripts on ``output``."""

    def __init__(self, settings: Settings, plan: Plan, console: Console, output: Console) -> None:
        self._settings = settings
        self._plan = plan
        self._console = console
        self._output = output
        self._advised = False
        self._elapsed = 0.0
        self._signal: signal.Signals | None = None
        self._members: list[Member] = []

    def run(self, store: StateStore) -> int:
        """Run to the end and return the exit status. Raises StateError."""
        self._members = assemble(self._plan, store)
        if missing := descriptors_missing(len(self._members)):
            raise StateError(
                f"{len(self._members)} devices need {missing} more open files than this process may have: raise the "
                f"limit (ulimit -n), or run fewer devices"
            )
        if count := going_on(self._plan, self._members):
            say(
                self._console,
                f"{count} devices go on with the call they began in an earlier run, in its manner and with its token: "
                "nothing of it changes until credentials have come. Another --state begins anew.",
            )
        try:
            end = asyncio.run(self._run(store))
        except* StateError as group:
            raise StateError(str(group.exceptions[0])) from group
        status = self._status(end)
        self._report(end, status)
        return status

    async def _run(self, store: StateStore) -> End:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)

        def interrupted(number: signal.Signals) -> None:
            self._signal = number
            stop.set()
            for each in signals:  # the next one ends the program the hard way
                loop.remove_signal_handler(each)

        for each in signals:
            loop.add_signal_handler(each, interrupted, each)
        dialler = Dialler(self._settings.brokers, mqtt5=self._settings.mqtt5)
        with ProgressDisplay(self._console, len(good_devices(self._members))) as display:
            return await run_fleet(
                self._members,
                dialler,
                store.save,
                self._settings.limits,
                stop,
                lambda elapsed: self._look(display, elapsed),
            )

    def _look(self, display: ProgressDisplay, elapsed: float) -> None:
        self._elapsed = elapsed
        good = tally(good_devices(self._members))
        display.show(elapsed, good)
        nobody_accepted = good.called > 0 and good.waiting > 0 and good.accepted == 0
        if not self._advised and nobody_accepted and elapsed >= self._settings.advise_after:
            self._advised = True
            self._advise(display, elapsed)

    def _advise(self, display: ProgressDisplay, elapsed: float) -> None:
        waiting = [member.label for member in self._members if _waits(member)]
        labels = self._plan.labels
        data = advice.data_option(self._settings.bootstrap_file)
        hint = ""
        if any(labels.get(device_id) for device_id in waiting):
            hint = (
                f"device-sim labels --state {shlex.quote(str(self._settings.state))} "
                f"--labels {shlex.quote(str(self._settings.labels_file))}"
            )
        display.advise(
            elapsed, advice.register_command(waiting, data), advice.accept_commands(waiting, labels, data), hint
        )

    def _status(self, end: End) -> int:
        reached = any(member.device.counts.connections for member in self._members)
        if end is End.INTERRUPTED and self._signal and not (reached and self._all_made_it()):
            return _SIGNALLED + self._signal
        if not reached:
            return NOT_REACHED
        return DONE if self._all_made_it() else NOT_ALL

    def _all_made_it(self) -> bool:
        return all(device.informed for device in good_devices(self._members))

    def _report(self, end: End, status: int) -> None:
        good, bad = good_devices(self._members), bad_devices(self._members)
        found = faults(good)
        if self._settings.as_json:
            waiting = [member.label for member in self._members if _waits(member)]
            say(
                self._output,
                json.dumps(
                    {
                        "ok": status == DONE,
                        "exitStatus": status,
                        "end": end.name.lower(),
                        "seconds": round(self._elapsed, 3),
                        "devices": tally(good).as_json(),
                        "misbehaving": tally(bad).as_json() if bad else None,
                        "waitingIds": waiting[:_IDS_IN_JSON],
                        "faults": found,
                    },
                    ensure_ascii=False,
                ),
            )
        else:
            self._output.print(summary_table(tally(good), tally(bad) if bad else None))
        brokers = self._settings.brokers
        if status == NOT_REACHED and any(one.device.counts.refused and _waits(one) for one in self._members):
            say(
                self._console,
                f"The bootstrap broker at {brokers.host}:{brokers.bootstrap_port} refuses the login "
                f"{brokers.username}: where it was rotated, take the bootstrap.json of now.",
            )
        elif status == NOT_REACHED:
            plain = "is 'bootstrap-bridge up' running?"
            say(
                self._console,
                f"No device has reached a broker at {brokers.host}, ports {brokers.bootstrap_port} (bootstrap) and "
                f"{brokers.operations_port} (operations)"
                + (f": {plain}" if brokers.tls is None else f" by TLS: {plain} {_WHOM}"),
            )
        if status != DONE:
            show_faults(self._console, found)


def _waits(member: Member) -> bool:
    return not member.misbehaves and member.device.credentials is None
