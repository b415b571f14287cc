"""Look for inputs that break a promise for as long as is wanted, led by what they reach in the code.

``python -m tests.fuzz SECONDS [ROOM...]``, by way of atheris (libFuzzer): what reaches new code is kept in
``build/fuzz/ROOM`` for the next time; what breaks a promise goes into ``tests/corpora/ROOM``, and ends the search.
"""

import subprocess
import sys
from pathlib import Path

import atheris

from tests.fuzzing.corpus import BITS, CORPORA, MOST

with atheris.instrument_imports(include=["bridge", "tests.fuzzing.targets"]):
    from tests.fuzzing.targets import TARGETS

BUILD = Path("build/fuzz")


def search(room: str, seconds: int) -> None:
    """Search in this process, which it ends."""
    found = BUILD / room
    found.mkdir(parents=True, exist_ok=True)
    words = BUILD / "words"
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in bit) + '"\n' for bit in BITS))
    options = [f"-max_total_time={seconds}", f"-max_len={MOST}", f"-dict={words}", "-timeout=20", "-verbosity=0"]
    options += ["-print_final_stats=1"]
    artifacts = f"-artifact_prefix={CORPORA / room}/found-"
    atheris.Setup([sys.argv[0], *options, artifacts, str(found), str(CORPORA / room)], TARGETS[room])
    atheris.Fuzz()


def main(seconds: str, *rooms: str) -> int:
    """Search one room after the other, each in a process of its own and for its part of the time."""
    chosen = rooms or tuple(TARGETS)
    if len(chosen) == 1:
        search(chosen[0], int(seconds))
    each = max(1, int(seconds) // len(chosen))
    ended = [subprocess.run([sys.executable, "-m", "tests.fuzz", str(each), room]).returncode for room in chosen]
    broken = [room for room, status in zip(chosen, ended, strict=True) if status]
    print(f"broken promises: {', '.join(broken) or 'none'}")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
