"""Puts a restored installation into its folder and moves the old one aside, or changes nothing.

A file in the folder says that it is under way, from before the first move to after the last; while it is there no
bridge starts (`installation.load`), and the next restore goes back to what was there before it begins. Parts may be
file systems of their own, as a container's volumes are: then what is in them is moved.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final

from bridge.backups import BackupFault
from bridge.backups.archive import sync_folder
from bridge.backups.contents import MADE_AGAIN, PARTS, TOP
from bridge.folder import Folder, write_private

ASIDE: Final = "before-restore-"
_REPLACED: Final = (*TOP, *MADE_AGAIN, *PARTS)
_ON_ITS_WAY: Final = ".on-its-way"
"""Ends the name of a file that is being copied to another disk."""
_MOVING_OUT, _MOVING_IN = "moving out", "moving in"


def place(data: Path, stage: Path, called: str, *, moved: Callable[[str], None] = lambda name: None) -> Path | None:
    """Move what is in ``stage`` into ``data``, and what was there into a folder of it, whose path is returned.

    ``called`` names that folder, after the time. What comes belongs to whom that belonged to whose place it takes.
    ``moved`` hears of each step, for tests. Raises OSError, after which all is as it was.
    """
    names = (f"{ASIDE}{called}{'' if again == 0 else f'.{again}'}" for again in count())
    aside = next(data / name for name in names if not (data / name).exists())
    aside.mkdir(mode=0o700)
    try:
        _note(data, _MOVING_OUT, aside)
        for name in _REPLACED:
            _move(data / name, aside / name)
            moved(f"out {name}")
        _note(data, _MOVING_IN, aside)
        for name in _REPLACED:
            _move(stage / name, data / name)
            moved(f"in {name}")
        for name in PARTS:
            if (data / name).is_dir():
                _as_it_belonged(data / name, aside / name)
        for name in MADE_AGAIN:
            if os.geteuid() == 0 and (data / name).exists():
                os.chown(data / name, *owner_of(aside / name if (aside / name).exists() else data))
        for folder in (data, aside):
            for name in _REPLACED:
                _sync(folder / name)
            sync_folder(folder)
    except BaseException:
        if not undo(data):
            aside.rmdir()
        raise
    Folder(data).restoring.unlink()
    sync_folder(data)
    if any(aside.iterdir()):
        return aside
    aside.rmdir()
    return None


def _sync(path: Path) -> None:
    """Bring a file, or a folder with all that is in it, to the disk: from here on no restore would put it right."""
    if path.is_symlink() or not path.exists():
        return
    if path.is_dir():
        for inside in path.iterdir():
            _sync(inside)
        sync_folder(path)
    elif path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def undo(data: Path) -> bool:
    """Go back to what was there before a restore that was cut short; False if there was none.

    Raises OSError, BackupFault.
    """
    marker = Folder(data).restoring
    if not marker.exists():
        return False
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        aside, phase = data / str(content["aside"]), content["phase"]
    except (ValueError, KeyError, TypeError) as error:
        raise BackupFault(f"{marker} cannot be understood ({error}): look what is in {data}/{ASIDE}…") from error
    if phase == _MOVING_IN:
        for name in _REPLACED:  # what has come so far is in the backup still
            _take_away(data / name)
        _note(data, _MOVING_OUT, aside)
    for name in _REPLACED:
        _move(aside / name, data / name)
    if aside.is_dir():
        aside.rmdir()
    marker.unlink()
    sync_folder(data)
    return True


def _note(data: Path, phase: str, aside: Path) -> None:
    content = {"phase": phase, "aside": aside.name, "what": "a restore is under way, or was cut short: run it again"}
    write_private(Folder(data).restoring, json.dumps(content) + "\n")
    sync_folder(data)


def _move(source: Path, target: Path) -> None:
    """Move a file, or a folder with all that is in it, onto what is not there or is an empty folder."""
    if not source.exists() and not source.is_symlink():
        return
    if source.is_dir() and (is_mount(source) or target.is_dir()):
        _move_inside(source, target)
        return
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        if source.is_dir() and not source.is_symlink():
            _move_inside(source, target)
        else:
            _move_to_another_disk(source, target)


def _move_inside(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700, exist_ok=True)
    for path in sorted(source.iterdir()):
        if path.name.endswith(_ON_ITS_WAY):
            path.unlink()  # of one that was killed: what it is a part of is whole at the other place
        else:
            _move(path, target / path.name)
    if not is_mount(source):
        source.rmdir()


def _move_to_another_disk(source: Path, target: Path) -> None:
    """Move a file so that, whenever this ends, it is whole at one place, and has its name nowhere else than whole."""
    draft = target.with_name(f"{target.name}{_ON_ITS_WAY}")
    draft.unlink(missing_ok=True)
    shutil.copy2(source, draft, follow_symlinks=False)
    if os.geteuid() == 0:
        os.chown(draft, *owner_of(source), follow_symlinks=False)
    _sync(draft)
    draft.rename(target)
    sync_folder(target.parent)
    source.unlink()


def _as_it_belonged(part: Path, before: Path) -> None:
    """Give a folder and what is in it the owners and the mode of what was there: the bridge's user, or a broker's."""
    stayed = is_mount(part) or not before.is_dir()
    if not stayed:
        part.chmod(before.stat().st_mode & 0o777)
    if os.geteuid() != 0:
        return
    owner = owner_of(part if stayed else before)
    os.chown(part, *owner)
    for path in part.iterdir():
        old = before / path.name
        os.chown(path, *(owner_of(old) if old.exists() else owner), follow_symlinks=False)


def is_mount(path: Path) -> bool:
    """Tell whether something is mounted there. A container's volumes may all lie on the file system round them,
    so that only the number of the mount tells them from a folder; `os.path.ismount` sees no difference.
    """
    if os.path.ismount(path):
        return True
    try:
        return path.is_dir() and not path.is_symlink() and _mount_of(path) != _mount_of(path.absolute().parent)
    except OSError:  # no /proc
        return False


def _mount_of(folder: Path) -> str | None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii").splitlines()
    finally:
        os.close(descriptor)
    return next((line for line in lines if line.startswith("mnt_id:")), None)


def owner_of(path: Path) -> tuple[int, int]:
    """Return user and group of a file or folder. Raises OSError."""
    found = path.lstat()
    return found.st_uid, found.st_gid


def _take_away(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for inside in path.iterdir():
            _take_away(inside)
        if not is_mount(path):
            path.rmdir()
    else:
        path.unlink(missing_ok=True)
