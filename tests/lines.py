"""Which Mosquitto the tests run on: the system's, or another line unpacked beside it by `make mosquitto-2.1`."""

import os
import re
import shutil
import subprocess
from pathlib import Path

VARIABLE = "BOOTSTRAP_BRIDGE_TEST_MOSQUITTO"
"""Its value is a line, as 2.1; without one the tests take what the system has."""
FOLDERS = "/usr/sbin:/usr/local/sbin"
OWN_CHOICE = ("BOOTSTRAP_BRIDGE_MOSQUITTO", "BOOTSTRAP_BRIDGE_PLUGIN")


class NotThere(Exception):
    """The line that was asked for is not on this machine; the sentence says how to get it."""


def line() -> str:
    """Return the line that was asked for, empty for the system's."""
    return os.environ.get(VARIABLE, "")


def choose() -> None:
    """Let every process that the tests start find the broker and its clients of the line. Raises NotThere."""
    if not line():
        return
    folder = Path(__file__).parent.parent / "build" / f"mosquitto-{line()}" / "bin"
    if not (folder / "mosquitto").exists():
        raise NotThere(f"{VARIABLE}={line()}, but {folder} has no mosquitto: make mosquitto-{line()}")
    for name in OWN_CHOICE:
        os.environ.pop(name, None)
    if str(folder) not in os.environ["PATH"].split(":"):
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def broker() -> Path:
    """Return the program of the broker."""
    named = os.environ.get(OWN_CHOICE[0])
    found = named or shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{FOLDERS}")
    if found is None:
        raise NotThere("Mosquitto is not installed: make mosquitto")
    return Path(found)


def version() -> str:
    """Ask the broker's program for its version."""
    said = subprocess.run([broker(), "-h"], capture_output=True, text=True, timeout=30, check=False).stdout
    found = re.search(r"^mosquitto version (\S+)", said)
    assert found, f"{broker()} says no version: {said[:200]}"
    return found[1]


def told() -> str:
    """Say in one line what the tests run on."""
    try:
        return f"mosquitto: {version()} ({broker().resolve()})"
    except NotThere as fault:
        return f"mosquitto: {fault}"
