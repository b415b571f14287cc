"""A broker that does not hear the first signals, as Mosquitto when it is told to end just before its main loop."""

import sys
from pathlib import Path

PROGRAM = """#!{python}
import signal, sys
heard = 0
def hear(number, frame):
    global heard
    heard += 1
    if heard > {deaf}:
        sys.exit(0)
signal.signal(signal.SIGTERM, hear)
print("serves", file=sys.stderr, flush=True)
while True:
    signal.pause()
"""


def deaf_broker(folder: Path, deaf: int) -> Path:
    """Make a program that says ``serves`` and ends in good order at the SIGTERM after the first ``deaf``."""
    program = folder / "mosquitto"
    program.write_text(PROGRAM.format(python=sys.executable, deaf=deaf), encoding="utf-8")
    program.chmod(0o700)
    return program
