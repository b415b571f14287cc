"""What people see of a fleet: progress while it runs, advice when it waits, tables at the end."""

from collections.abc import Mapping, Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from device_sim.memory import Memory
from device_sim.sealing import key_fingerprint
from device_sim.summary import Seconds, Tally

_LINE_EVERY = 5.0  # seconds between two lines where no terminal shows a moving picture
_FAULTS_SHOWN = 5


class ProgressDisplay:
    """Bars on a terminal, now and then a line elsewhere. Use as a context manager."""

    def __init__(self, console: Console, devices: int) -> None:
        self._console = console
        self._last_line = ""
        self._line_due = 0.0
        self._bars: Progress | None = None
        if console.is_terminal:
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
            self._bars = Progress(*columns, console=console)
            self._tasks = [
                self._bars.add_task(name, total=devices) for name in ("called", "have credentials", "logged in")
            ]

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars:
            self._bars.stop()

    def show(self, elapsed: float, tally: Tally) -> None:
        """Show ``tally``, ``elapsed`` seconds after the start."""
        if self._bars:
            # A device that had credentials from an earlier run has no need to call.
            done = max(tally.called, tally.devices - tally.waiting), tally.credentials, tally.made_it
            for task, completed in zip(self._tasks, done, strict=True):
                self._bars.update(task, completed=completed)
            return
        line = (
            f"{tally.called} called, {tally.credentials} have credentials, {tally.made_it} logged in, "
            f"{tally.waiting} waiting"
        )
        if elapsed >= self._line_due and line != self._last_line:
            self._line_due = elapsed + _LINE_EVERY
            self._last_line = line
            self.say(f"{elapsed:4.0f} s: {line}")

    def say(self, text: str) -> None:
        """Print lines between the picture."""
        say(self._console, text)

    def advise(self, elapsed: float, register: str, accept: Sequence[str], labels_hint: str) -> None:
        """Say how devices that wait could be registered and accepted; all are commands to copy."""
        shown, more = accept[:3], len(accept) - 3
        lines = [
            f"No device has been accepted in {elapsed:.0f} s. They may not be registered, or not accepted yet:",
            f"  {register}",
            *(f"  {command}" for command in shown),
        ]
        if more > 0:
            lines.append(f"  and so on for {more} more with a token")
        if labels_hint:
            lines.append(f"Security tokens stand on the labels:\n  {labels_hint}")
        self.say("\n".join(lines))


def say(console: Console, text: str) -> None:
    """Print ``text`` as it is: no markup, no colours, no line breaks of our own in commands to copy."""
    console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def summary_table(good: Tally, bad: Tally | None) -> Table:
    """Return the table at the end of a run; ``bad`` is the part of the fleet that misbehaved, if any."""
    table = Table(title="Device simulator", title_justify="left")
    table.add_column("")
    table.add_column("devices", justify="right")
    columns = [good]
    if bad is not None:
        table.add_column("misbehaving", justify="right")
        columns.append(bad)
    rows: list[tuple[str, list[object]]] = [
        ("in the fleet", [tally.devices for tally in columns]),
        ("called", [tally.called for tally in columns]),
        ("credentials received", [tally.accepted for tally in columns]),
        ("had credentials before", [tally.credentials - tally.accepted for tally in columns]),
        ("logged in, info sent", [tally.made_it for tally in columns]),
        ("still waiting", [tally.waiting for tally in columns]),
        ("seconds from call to credentials, p50 p95 p99", [_seconds(tally.seconds) for tally in columns]),
        ("calls sent", [tally.counts.calls for tally in columns]),
        ("answers: not accepted yet", [tally.counts.pending for tally in columns]),
        ("answers: call not understood", [tally.counts.not_understood for tally in columns]),
        ("answers ignored, malformed or not for the device", [tally.counts.ignored for tally in columns]),
        ("telemetry sent", [tally.counts.telemetry for tally in columns]),
        ("connections made", [tally.counts.connections for tally in columns]),
        ("connections lost or not made", [tally.counts.failures for tally in columns]),
        ("logins refused", [tally.counts.refused for tally in columns]),
        ("messages or subscriptions refused", [tally.counts.denied for tally in columns]),
        ("credentials forgotten", [tally.counts.forgotten for tally in columns]),
    ]
    for name, values in rows:
        table.add_row(name, *(str(value) for value in values))
    return table


def show_faults(console: Console, faults: Mapping[str, int]) -> None:
    """Say what last went wrong at devices that have not made it."""
    for fault, devices in list(faults.items())[:_FAULTS_SHOWN]:
        say(console, f"{devices} x {fault}")


def labels_table(labels: Mapping[str, str], fingerprints: Mapping[str, str]) -> Table:
    """Return the labels as a table; ``fingerprints`` holds those of the keys that devices have made."""
    table = Table()
    for name in ("id", "security token", "key fingerprint"):
        table.add_column(name, overflow="fold", no_wrap=name != "id")
    for device_id, token in labels.items():
        table.add_row(Text(device_id), Text(token), fingerprints.get(device_id, ""))
    return table


def status_table(memories: Sequence[Memory]) -> Table:
    """Return what the devices of a state directory remember, secrets left out."""
    table = Table()
    for name in ("id", "state", "tenant", "call", "token", "key fingerprint"):
        table.add_column(name, overflow="fold")
    for memory in memories:
        approach, own = memory.approach, memory.credentials
        table.add_row(
            Text(memory.device_id),
            "has credentials" if own else "waiting",
            own.tenant if own else "",
            f"{approach.call}, {approach.form}",
            "yes" if approach.token else "",
            fingerprint(memory) or "",
        )
    return table


def fingerprint(memory: Memory) -> str | None:
    """Return the fingerprint of a device's key, None where it has no key."""
    return key_fingerprint(memory.approach.private_key) if memory.approach.private_key else None


def _seconds(seconds: Seconds) -> str:
    values = (seconds.p50, seconds.p95, seconds.p99)
    return " ".join(f"{value:.2f}" for value in values if value is not None) or "-"
