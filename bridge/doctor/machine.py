"""The doctor on the machine: clock, disk, ports, open files, Mosquitto's version. Asks the system, changes nothing."""

import ctypes
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.beside_fit import is_answered
from bridge.children import BrokersFault, find_mosquitto, holder_of
from bridge.doctor.database import CLOCK_SLACK
from bridge.doctor.finding import Finding, Says, Subject
from bridge.mosquitto_conf import LOOPBACK

SPARE_FILES: Final = 100
"""Open files that a broker needs beside its connections."""
FULL: Final = 200_000_000
NEARLY_FULL: Final = 2_000_000_000
EARLIEST: Final = 1_735_689_600
"""2025-01-01: a clock before this has never been set."""
_TIME_ERROR: Final = 5
_UNSYNCHRONISED: Final = 0x40


class _Timex(ctypes.Structure):
    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    ]


def is_synchronised() -> bool | None:
    """Ask the kernel whether something keeps its clock; None where it cannot be asked (adjtimex(2))."""
    if not sys.platform.startswith("linux"):
        return None
    asked = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(asked))
    if state < 0:
        return None
    return not (state == _TIME_ERROR or asked.status & _UNSYNCHRONISED)


def clock(subject: Subject, now: float | None = None, synchronised: bool | None = None) -> Iterator[Finding]:
    """The clock is set, has not gone back, and is kept by something."""
    says = Says("clock")
    now = time.time() if now is None else now
    synchronised = is_synchronised() if synchronised is None else synchronised
    if now < EARLIEST:
        yield says.problem(f"it says {time.strftime('%Y-%m-%d', time.gmtime(now))}: it was never set", "set it by NTP")
        return
    folder = subject.folder
    times = [(path.stat().st_mtime, path) for path in (folder.facts, folder.keys, folder.database) if path.exists()]
    newest, path = max(times, default=(0.0, folder.path))
    if newest - now > CLOCK_SLACK:
        yield says.problem(
            f"{path} was written {newest - now:.0f} s in the future: the clock went back",
            "set the clock and keep it by NTP; until then times and deadlines are wrong",
        )
    elif synchronised is False:
        yield says.advice("nothing keeps it right", "run an NTP client, as systemd-timesyncd or chrony")
    else:
        yield says.ok("right by all that can be seen" + ("" if synchronised is None else ", kept by NTP"))


def disk(subject: Subject, free: int | None = None) -> Iterator[Finding]:
    """There is room for the database, the accounts file and their copies."""
    says = Says("disk")
    free = shutil.disk_usage(subject.folder.path).free if free is None else free
    found = f"{free / 1e9:.1f} GB are free for {subject.folder.path}"
    if free < FULL:
        yield says.problem(found, "make room: a full disk stops the bridge, and Mosquitto loses accounts")
    elif free < NEARLY_FULL:
        yield says.advice(found, "make room before it is full")
    else:
        yield says.ok(found)


def ports(subject: Subject) -> Iterator[Finding]:
    """What listens at the brokers' ports is a Mosquitto, each its own."""
    if subject.made is None:
        return
    facts = subject.made.facts
    says = Says("ports")
    holders = {}
    for name, host, port in (
        ("operations", facts.host, facts.port),
        ("bootstrap", facts.bootstrap_host, facts.bootstrap_port),
    ):
        if not is_answered(host, port):
            continue  # told by whoever looks for the broker
        if host not in LOOPBACK:
            yield says.ok(f"the {name} broker's port {port} answers at {host}")
            continue
        holders[name] = holder = holder_of(port)
        if holder is None:
            yield says.ok(f"the {name} broker's port {port} answers; whose it is cannot be seen from here")
        elif holder[1] != "mosquitto":
            yield says.problem(
                f"at the {name} broker's port {port} listens {holder[1]} (process {holder[0]}), no Mosquitto",
                "end it, or give the broker another port",
            )
        else:
            yield says.ok(f"the {name} broker's port {port} is Mosquitto's (process {holder[0]})")
    if len(holders) == 2 and holders["operations"] is not None and holders["operations"] == holders["bootstrap"]:
        yield says.problem(
            "one Mosquitto serves both ports: strangers and residents share a broker",
            "run the bootstrap broker as a process of its own, with the configuration in bootstrap-broker/",
        )


def open_files(subject: Subject, limit: int | None = None) -> Iterator[Finding]:
    """The bootstrap broker may hold as many connections as its configuration says."""
    if subject.bootstrap is None:
        return
    says = Says("open files")
    wished = [int(one.value("max_connections")) for one in subject.bootstrap.listeners if one.value("max_connections")]
    if limit is None:
        limit = _limit_of(subject) or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = max(wished, default=0) + SPARE_FILES
    if limit not in {resource.RLIM_INFINITY, -1} and limit < needed:
        yield says.advice(
            f"the bootstrap broker may take {needed - SPARE_FILES} connections, but {limit} open files are allowed",
            f"ulimit -n {needed} before it starts (systemd: LimitNOFILE={needed}), or a smaller max_connections",
        )
    else:
        yield says.ok("enough for the bootstrap broker's max_connections")


def _limit_of(subject: Subject) -> int | None:
    """Return the limit of the bootstrap broker that runs, if it can be seen."""
    if subject.made is None or subject.made.facts.bootstrap_host not in LOOPBACK:
        return None
    holder = holder_of(subject.made.facts.bootstrap_port)
    if holder is None:
        return None
    try:
        text = Path(f"/proc/{holder[0]}/limits").read_text(encoding="ascii")
    except OSError:
        return None  # another user's, or it has just ended
    found = re.search(r"^Max open files +(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else None


def mosquitto_version() -> tuple[int, ...] | None:
    """Ask the program that is installed here; None where there is none, or it says nothing that is understood."""
    named = os.environ.get("BOOTSTRAP_BRIDGE_MOSQUITTO")
    try:
        program = Path(named) if named else find_mosquitto()
        said = subprocess.run([program, "-h"], capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603 - the broker's own program
    except (BrokersFault, OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", said)
    return tuple(int(part) for part in found.groups()) if found else None


def version(found: tuple[int, ...] | None) -> Iterator[Finding]:
    """Mosquitto is one that the bridge was tried with."""
    says = Says("Mosquitto")
    if found is None:
        yield says.advice("its version cannot be told from here", "look at the broker's machine: 2.0.11 or newer")
    elif found < (2, 0, 11):
        yield says.problem(f"version {'.'.join(map(str, found))}", "upgrade to 2.0.11 or newer")
    else:
        yield says.ok(f"version {'.'.join(map(str, found))}")
