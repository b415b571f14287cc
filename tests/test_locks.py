"""Locks on files: one holder at a time, free when he has ended in whatever way, and he is named."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.locks import Busy, lock_bridge, lock_folder, take_lock

WHAT, REMEDY = "the folder x", "end that one first"
HOLDER = """
import sys, time
from pathlib import Path
from bridge.locks import take_lock
lock = take_lock(Path(sys.argv[1]), "x", "y")
lock.sign()
print("held", flush=True)
sys.stdin.read()
lock.strike_out()
"""


def holder_of(path: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_a_second_holder_is_refused_at_once_and_told_who_has_it(tmp_path: Path) -> None:
    with holder_of(tmp_path / "lock") as process:
        with pytest.raises(Busy, match=f"the folder x is in use by another bridge .process {process.pid}.: end that"):
            take_lock(tmp_path / "lock", WHAT, REMEDY, patience=3600)
        process.communicate("")


def test_in_the_same_process_too(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "lock", WHAT, REMEDY)
    with pytest.raises(Busy, match="process unknown"):
        take_lock(tmp_path / "lock", WHAT, REMEDY, patience=0)
    lock.release()
    take_lock(tmp_path / "lock", WHAT, REMEDY).release()


@pytest.mark.parametrize("killed", [True, False])
def test_whoever_ends_leaves_nothing_that_stops_the_next_and_it_shows_whether_he_was_killed(
    tmp_path: Path, killed: bool
) -> None:
    with holder_of(tmp_path / "lock") as process:
        if killed:
            process.send_signal(signal.SIGKILL)
        process.communicate("")
    lock = take_lock(tmp_path / "lock", WHAT, REMEDY, patience=0)
    assert lock.cut_off is killed
    lock.release()
    again = take_lock(tmp_path / "lock", WHAT, REMEDY, patience=0)
    assert again.cut_off is killed, "who looked and went away has changed nothing"
    again.sign()
    again.strike_out()
    again.release()
    last = take_lock(tmp_path / "lock", WHAT, REMEDY, patience=0)
    assert not last.cut_off
    last.release()


def test_children_that_inherit_it_hold_it_until_they_have_ended(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "lock", WHAT, REMEDY)
    words = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, pass_fds=(lock.descriptor,)) as child:
        lock.release()
        with pytest.raises(Busy):
            take_lock(tmp_path / "lock", WHAT, REMEDY, patience=0)
        assert child.stdin is not None
        child.stdin.close()
        take_lock(tmp_path / "lock", WHAT, REMEDY, patience=60).release()


def test_where_nothing_can_be_written_it_holds_without_a_name(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "lock", WHAT, REMEDY)
    read_only = os.open(tmp_path / "lock", os.O_RDONLY)
    os.dup2(read_only, lock.descriptor)
    lock.sign()
    lock.strike_out()
    assert (tmp_path / "lock").read_bytes() == b""
    lock.release()
    os.close(read_only)


def test_the_folder_and_the_part_of_the_bridge_are_taken_apart(tmp_path: Path) -> None:
    (tmp_path / "bridge").mkdir()
    folder, bridge = lock_folder(tmp_path), lock_bridge(tmp_path)
    for take in (lock_folder, lock_bridge):
        with pytest.raises(
            Busy, match=rf"the folder {tmp_path} is in use by another bridge .process {os.getpid()}.*--data"
        ):
            take(tmp_path)
    folder.release()
    bridge.release()
