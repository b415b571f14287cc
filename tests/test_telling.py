"""How a command finds the running bridge, asks it, and knows what became of it."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge import installation
from bridge.folder import Folder, InstallationFault
from bridge.locks import Busy, Lock, lock_bridge, lock_changes
from bridge.telling import Answer, Changing, Loaded, changing

LOADED = Loaded(os.getpid(), 3, "k2", ("k1", "k2"), ("devicebootstrap",), brokers=True)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return installation.make(tmp_path / "data").folder


@pytest.fixture
def bridge(folder: Folder) -> Iterator[Lock]:
    """The lock of a bridge, which is this process."""
    lock = lock_bridge(folder.path)
    yield lock
    lock.release()


@pytest.fixture
def hangup() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Have something done when this process is asked to read its files again."""
    before = signal.getsignal(signal.SIGHUP)

    def heard(do: Callable[[], None]) -> None:
        # In a thread, as another process would: whoever asks is waiting in this one.
        signal.signal(signal.SIGHUP, lambda number, frame: threading.Timer(0.02, do).start())

    yield heard
    signal.signal(signal.SIGHUP, before)


def test_what_is_noted_is_read(folder: Folder) -> None:
    for loaded in (LOADED, replace(LOADED, fault="it is damaged")):
        loaded.write(folder.loaded)
        assert Loaded.read(folder.loaded) == loaded


@pytest.mark.parametrize("raw", [None, b"", b"{", b"{}", b"[]", b'{"keys": 1, "logins": []}', b"\xff"])
def test_what_cannot_be_read_is_no_note(folder: Folder, raw: bytes | None) -> None:
    if raw is not None:
        folder.loaded.write_bytes(raw)
    assert Loaded.read(folder.loaded) is None


def test_a_note_with_further_members_is_none_of_this_version(folder: Folder) -> None:
    LOADED.write(folder.loaded)
    folder.loaded.write_text(json.dumps({**json.loads(folder.loaded.read_bytes()), "other": 1}))
    assert Loaded.read(folder.loaded) is None


def test_where_no_bridge_runs_nobody_is_told_and_none_starts_meanwhile(folder: Folder) -> None:
    with changing(folder.path) as change:
        assert not change.bridge_runs
        assert change.tell(lambda loaded: False).answer is Answer.NOBODY
        waiting = threading.Event()

        def start() -> None:
            lock_bridge(folder.path).release()
            waiting.set()

        starting = threading.Thread(target=start)
        starting.start()
        assert not waiting.wait(0.2), "it waits for the change"
    assert waiting.wait(10), "and begins then"
    starting.join()


def test_changes_take_turns(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.locks.CHANGING", 0.1)
    with changing(folder.path), pytest.raises(Busy, match="keys and logins"):
        lock_changes(folder.path)
    with changing(folder.path) as change:
        assert not change.bridge_runs


def test_without_an_installation_there_is_nothing_to_change(tmp_path: Path) -> None:
    with pytest.raises(InstallationFault, match="there is no installation"), changing(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("bridge")
def test_a_running_bridge_is_asked_and_says_what_it_goes_by(
    folder: Folder, hangup: Callable[[Callable[[], None]], None]
) -> None:
    LOADED.write(folder.loaded)
    hangup(lambda: replace(LOADED, number=4, current="k3").write(folder.loaded))
    with changing(folder.path) as change:
        assert change.bridge_runs
        told = change.tell(lambda loaded: loaded.current == "k3")
    assert (told.answer, told.is_current) == (Answer.TAKEN, True)
    assert told.loaded == replace(LOADED, number=4, current="k3")


@pytest.mark.usefixtures("bridge")
def test_an_answer_from_before_the_question_counts_for_nothing(
    folder: Folder, hangup: Callable[[Callable[[], None]], None]
) -> None:
    LOADED.write(folder.loaded)
    hangup(lambda: None)
    with changing(folder.path) as change:
        told = change.tell(lambda loaded: True, patience=0.2)
    assert (told.answer, told.is_current) == (Answer.NOT_TAKEN, False)


@pytest.mark.usefixtures("bridge")
def test_a_bridge_that_takes_it_not_says_why(folder: Folder, hangup: Callable[[Callable[[], None]], None]) -> None:
    hangup(lambda: replace(LOADED, fault="keys.json is damaged").write(folder.loaded))
    with changing(folder.path) as change:
        told = change.tell(lambda loaded: True)
    assert told.answer is Answer.NOT_TAKEN
    assert told.loaded is not None
    assert told.loaded.fault == "keys.json is damaged"


@pytest.mark.usefixtures("bridge")
def test_a_number_that_is_not_proved_to_be_the_bridge_is_never_signalled(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in another container: the number in the lock is of any process here, which a signal would end."""

    def kill(*asked: object) -> None:
        raise AssertionError(asked)

    (folder.bridge / "lock").write_text("1\n")
    monkeypatch.setattr("os.kill", kill)
    change = Changing(folder, bridge_runs=True)
    assert change.tell(lambda loaded: True).answer is Answer.UNSEEN
