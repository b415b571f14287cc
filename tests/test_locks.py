"""Locks on files: one holder at a time, free when he has ended in whatever way, and he is named."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.locks import (
    REMINDED_AFTER,
    Busy,
    _left_behind,
    changed_alone,
    holder,
    lock_bridge,
    lock_changes,
    lock_folder,
    lock_out_bridge,
    take_lock,
)

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


BROKER = """
import signal, sys
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
print("serves", flush=True)
signal.pause()
"""
KILLED = """
import os, signal, subprocess, sys
from pathlib import Path
from bridge.locks import lock_folder
folder, configuration, broker = sys.argv[1:]
lock = lock_folder(Path(folder))
words = [sys.executable, broker, "-c", configuration]
child = subprocess.Popen(words, pass_fds=(lock.descriptor,), stdout=subprocess.PIPE, start_new_session=True)
assert child.stdout.readline() == b"serves\\n"
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
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


def left_behind(data: Path, configuration: Path) -> int:
    """Kill who holds the folder and has a child on ``configuration``, which is not told; return the child."""
    broker = data.parent / "mosquitto"
    broker.write_text(BROKER)
    data.mkdir()
    words = [sys.executable, "-c", KILLED, str(data), str(configuration), str(broker)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    return int(done.stdout)


def test_a_broker_that_missed_the_death_of_its_parent_is_asked_again_to_end(tmp_path: Path) -> None:
    """The kernel's SIGTERM is lost on a Mosquitto that had only just been started."""
    data = tmp_path / "data"
    descriptor = os.pidfd_open(left_behind(data, data / "operations-broker" / "mosquitto.conf"))
    lock = lock_folder(data)
    assert lock.cut_off
    lock.release()
    assert select.select([descriptor], [], [], 60)[0], "it has ended"
    os.close(descriptor)


def test_what_is_no_broker_of_the_folder_is_left_alone_though_it_holds_the_lock(tmp_path: Path) -> None:
    data = tmp_path / "data"
    left = left_behind(data, tmp_path / "elsewhere" / "operations-broker" / "mosquitto.conf")
    try:
        with pytest.raises(Busy):
            take_lock(data / "lock", WHAT, REMEDY, patience=3 * REMINDED_AFTER)
        os.kill(left, 0)
    finally:
        os.kill(left, signal.SIGKILL)


def test_a_broker_is_left_alone_whose_parent_holds_the_lock_under_a_number_that_says_nothing_here(
    tmp_path: Path,
) -> None:
    """As in a container, whose processes are seen from outside under other numbers."""
    (tmp_path / "mosquitto").write_text(BROKER)
    lock = take_lock(tmp_path / "lock", WHAT, REMEDY)
    words = [sys.executable, str(tmp_path / "mosquitto"), "-c", str(tmp_path / "operations-broker" / "mosquitto.conf")]
    with subprocess.Popen(words, pass_fds=(lock.descriptor,), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"serves\n"
        with pytest.raises(Busy):
            take_lock(tmp_path / "lock", WHAT, REMEDY, patience=3 * REMINDED_AFTER)
        assert child.poll() is None
        child.kill()
    lock.release()


def test_a_file_that_is_closed_while_it_is_looked_at_hides_none_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a parent that is busy with files would be taken for gone, and its broker be ended."""
    lock = take_lock(tmp_path / "lock", WHAT, REMEDY)
    usual = Path.iterdir

    def with_one_just_closed(folder: Path) -> Iterator[Path]:
        if folder == Path(f"/proc/{os.getpid()}/fd"):
            yield folder / "999999"
        yield from usual(folder)

    monkeypatch.setattr(Path, "iterdir", with_one_just_closed)
    (tmp_path / "mosquitto").write_text(BROKER)
    words = [sys.executable, str(tmp_path / "mosquitto"), "-c", str(tmp_path / "operations-broker" / "mosquitto.conf")]
    with subprocess.Popen(words, pass_fds=(lock.descriptor,), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"serves\n"
        found = _left_behind(tmp_path / "lock")
        child.kill()
    assert found == []
    lock.release()


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


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "bridge").mkdir()
    return tmp_path


def test_the_holder_is_who_the_system_too_says_it_is(data: Path) -> None:
    assert holder(data) is None
    lock = lock_bridge(data)
    assert holder(data) == os.getpid()
    (data / "bridge" / "lock").write_text("1\n")
    assert holder(data) is None, "the number of another process"
    lock.sign()
    lock.release()
    assert holder(data) is None, "it has ended, and left its number"


@pytest.mark.parametrize(
    "table", ["", "1: FLOCK ADVISORY WRITE 4711 00:29:4 0 EOF\n", "1: -> FLOCK ADVISORY WRITE 1 0 0\n"]
)
def test_without_a_word_of_the_system_nobody_is_the_holder(data: Path, table: str) -> None:
    lock = lock_bridge(data)
    (data / "locks").write_text(table)
    assert holder(data, data / "locks") is None
    assert holder(data, data / "nowhere") is None
    lock.release()


def test_a_bridge_is_kept_out_only_where_none_is_at_work(data: Path) -> None:
    bridge = lock_bridge(data)
    assert lock_out_bridge(data) is None
    bridge.release()
    kept_out = lock_out_bridge(data)
    assert kept_out is not None
    assert (data / "bridge" / "lock").read_text() == "", "nobody takes the number of the last one for ours"
    kept_out.release()
    lock_bridge(data).release()


def test_changes_are_made_by_one_at_a_time(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.locks.CHANGING", 0.05)
    with changed_alone(data), pytest.raises(Busy, match="keys and logins"):
        lock_changes(data)
    lock_changes(data).release()


def test_a_lock_that_root_makes_is_the_owners_of_the_folder_who_takes_it_next(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda descriptor, user, group: given.append(os.fstat(descriptor).st_ino))
    for lock, path in ((lock_folder, data / "lock"), (lock_bridge, data / "bridge" / "lock")):
        lock(data).release()
        assert given.pop() == path.stat().st_ino
