"""The soak, short: random kills under a fleet's load lose nothing, and a bridge that loses something is found out.

`make soak` is the long form. Each run draws its seed anew; a failure prints it with the command that replays it.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.site import Process, wait_until

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 600.0
"""Seconds for a run on a machine that has other things to do."""


def soak(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a soak to its end; what it keeps is below ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "tests.soak", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        check=False,
    )


def test_fifty_kills_at_random_lose_nothing(tmp_path: Path) -> None:
    done = soak(tmp_path, "--kills", "50", "--devices", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    summary = done.stdout.splitlines()[-1]
    print(summary)
    found = re.fullmatch(r"(\d+) kills of (\d+) processes in .* (\d+) credentials given, .*, 0 violations", summary)
    assert found is not None, summary
    kills, processes, credentials = map(int, found.groups())
    assert 50 <= kills <= processes
    assert credentials >= 40, "the fleet was served"
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("commit-late", r"by what was answered|was answered|told|lost"),
        ("skip-removals", r"the_broker_has_no_account_without_a_row: .* is in the broker and in no row"),
        ("draw-passwords", r"was registered again \d+ times, and still it|not the account's"),
    ],
)
def test_a_bridge_that_breaks_its_promises_is_found_out(tmp_path: Path, name: str, said: str) -> None:
    done = soak(tmp_path, "--break", name, "--seed", "162", "--kills", "60", "--devices", "12", "--check-every", "3")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(said, done.stderr), done.stderr
    kept = re.search(r"seed 162; database and logs are kept in (.+)", done.stderr)
    assert kept is not None, done.stderr
    assert (Path(kept.group(1)) / "data" / "bridge" / "registrations.db").exists()
    assert list(Path(kept.group(1)).glob("bridge.*.log"))
    assert f"again: make soak SEED=162 KILLS=60 DEVICES=12 EVERY=3 BREAK={name}" in done.stderr


def test_ctrl_c_ends_a_run_in_order_and_tells_what_was_done(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.soak", "--kills", "1000", "--devices", "8", "--check-every", "1"]
    run = Process.start(words, tmp_path / "soak.log", TMPDIR=str(tmp_path))
    try:
        wait_until(lambda: " kills " in run.output or run.process.poll() is not None, "a first line", PATIENCE)
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(PATIENCE) == 130, run.output
    finally:
        if run.process.poll() is None:
            run.kill()
    assert "0 violations" in run.output.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["soak.log"]
