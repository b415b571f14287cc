"""A restore that is cut short at any step changes nothing: the next start refuses, the next restore goes back first."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge import installation
from bridge.backups import BackupFault
from bridge.backups.contents import PARTS
from bridge.backups.placing import is_mount, place, undo
from bridge.folder import Folder
from bridge.installation import InstallationFault
from tests.lived import files_of

OLD = {
    "access.json": "old access",
    "bridge/keys.json": "old keys",
    "bridge/beside.json": "old beside",
    "operations-broker/mosquitto.db": "old sessions",
}
NEW = {
    "bridge/keys.json": "new keys",
    "ca.pem": "new",
    "bootstrap-broker/acl": "new acl",
    "bridge/installation.json": "n",
}
STEPS = 2 * 6


class Killed(BaseException):
    """The process ended here."""


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return written(tmp_path / "data", OLD)


@pytest.fixture
def stage(data: Path) -> Path:
    return written(data / ".restoring", NEW)


def steps(at: int, what: Callable[[], None]) -> Callable[[str], None]:
    left = iter(range(at, -1, -1))

    def moved(name: str) -> None:
        if next(left) == 0:
            what()

    return moved


def texts(data: Path) -> dict[str, str]:
    return {name: raw.decode() for name, raw in files_of(data).items() if not name.startswith(".restoring/")}


def test_the_new_is_there_and_the_old_is_aside_whole(data: Path, stage: Path) -> None:
    aside = place(data, stage, "then")
    assert aside == data / "before-restore-then"
    assert texts(data) == {**NEW, **{f"before-restore-then/{name}": content for name, content in OLD.items()}}
    written(data / ".restoring", NEW)
    assert place(data, stage, "then") == data / "before-restore-then.1", "in the same second"


def test_into_an_empty_folder_nothing_is_moved_aside(tmp_path: Path) -> None:
    data = tmp_path / "empty"
    stage = written(data / ".restoring", NEW)
    assert place(data, stage, "then") is None
    assert texts(data) == NEW


@pytest.mark.parametrize("at", range(STEPS))
def test_whatever_is_raised_in_the_middle_all_is_as_it_was(data: Path, stage: Path, at: int) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place(data, stage, "then", moved=steps(at, fail))
    assert texts(data) == OLD


@pytest.mark.parametrize("at", range(STEPS))
def test_who_is_killed_in_the_middle_is_undone_by_the_next_and_nothing_starts_meanwhile(
    data: Path, stage: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        monkeypatch.setattr("bridge.backups.placing.undo", lambda data: True)
        raise Killed

    with pytest.raises(Killed):
        place(data, stage, "then", moved=steps(at, die))
    monkeypatch.undo()
    for begin in (installation.load, installation.make):
        with pytest.raises(InstallationFault, match="run bootstrap-bridge restore again"):
            begin(data)
    (data / "bridge").mkdir(exist_ok=True)
    (data / "bridge" / "lock").touch()  # as a start leaves it that was refused
    assert undo(data)
    assert texts(data) == OLD
    assert not undo(data)


def test_a_part_that_is_a_disk_of_its_own_is_filled_and_emptied(
    data: Path, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = data / "bridge"
    monkeypatch.setattr("bridge.backups.placing.is_mount", lambda path: path == part)
    number = part.stat().st_ino
    place(data, stage, "then")
    assert part.stat().st_ino == number, "it cannot be moved"
    assert texts(data) == {**NEW, **{f"before-restore-then/{name}": content for name, content in OLD.items()}}
    written(data / ".restoring", OLD)
    with pytest.raises(KeyboardInterrupt):
        place(data, stage, "later", moved=steps(STEPS - 1, lambda: (_ for _ in ()).throw(KeyboardInterrupt)))
    assert texts(data)["bridge/keys.json"] == "new keys"
    assert part.stat().st_ino == number


def test_a_volume_on_the_file_system_round_it_is_seen_by_the_number_of_its_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_mount(tmp_path)
    monkeypatch.setattr("os.path.ismount", lambda path: False)  # as it says of these
    assert is_mount(Path("/proc"))
    assert not is_mount(tmp_path)
    assert not is_mount(tmp_path / "not there")


def test_all_that_has_come_is_on_the_disk_before_it_counts(
    data: Path, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    real = os.fsync

    def noted(descriptor: int) -> None:
        if (data / "restore-under-way.json").exists():
            synced.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr("os.fsync", noted)
    place(data, stage, "then")
    assert {str(data / name) for name in NEW} <= synced


def test_a_word_about_a_restore_that_nobody_understands_is_refused(data: Path) -> None:
    (data / "restore-under-way.json").write_text(json.dumps({"phase": "?"}))
    with pytest.raises(BackupFault, match="cannot be understood"):
        undo(data)
    assert (data / "bridge" / "keys.json").read_text() == "old keys"


def test_all_is_on_the_disk_before_the_word_goes_that_it_is_under_way(
    data: Path, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a machine that loses power has names of files, nothing in them, and nobody who would go back."""
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if Folder(data).restoring.exists():
            synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    aside = place(data, stage, "then")
    assert aside is not None
    placed = [*(data / name for name in NEW), *(aside / name for name in OLD)]
    assert {path.stat().st_ino for path in placed} | {path.parent.stat().st_ino for path in placed} <= set(synced)


@pytest.mark.parametrize("copied", range(6))
def test_who_is_killed_between_two_disks_has_lost_nothing(
    data: Path, stage: Path, copied: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a container's volumes: a half copy must not take the place of what it is a copy of."""
    left = iter(range(copied, -1, -1))
    real_copy, real_rename = shutil.copy2, Path.rename

    def copy(source: Path, target: Path, **options: Any) -> None:
        real_copy(source, target, **options)
        if next(left) == 0:
            target.write_bytes(target.read_bytes()[:2])
            monkeypatch.setattr("bridge.backups.placing.undo", lambda data: True)
            raise Killed

    def rename(source: Path, target: Path) -> Path:
        if source.parent != target.parent and source.parent.name in PARTS:
            raise OSError(errno.EXDEV, "other disk")
        return real_rename(source, target)

    written(data, {"bridge/registrations.db": "old rows", "bootstrap-broker/acl": "old acl"})
    before = texts(data)
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).parent == data and Path(path).name in PARTS)
    monkeypatch.setattr(shutil, "copy2", copy)
    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(Killed):
        place(data, stage, "then")
    monkeypatch.undo()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).parent == data and Path(path).name in PARTS)
    assert undo(data)
    assert texts(data) == before
