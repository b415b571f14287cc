"""Where the files of an installation are, and private files."""

import os
from pathlib import Path

import pytest

from bridge.folder import Folder, write_private


def test_a_private_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_private(path, "first")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "first"


def test_the_folder_names_every_file_below_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    named = (folder.keys, folder.facts, folder.database, folder.dynamic_security, folder.access, folder.for_devices)
    assert all(path.is_relative_to(tmp_path) for path in named)
    assert len(set(named)) == 6


def test_a_private_file_that_is_so_already_needs_no_place_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_private(path, "content")
    before = path.stat()
    write_private(path, "content")
    after = path.stat()  # it was read, so the time of that may be another
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )
    path.chmod(0o644)
    write_private(path, "content")
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_root_writes_belongs_to_the_owner_of_what_was_there_or_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a command that root runs would take the bridge's files from it."""
    given: list[tuple[int, int]] = []
    (tmp_path / "old").touch()
    for path in (tmp_path / "old", tmp_path):
        if os.geteuid() == 0:
            os.chown(path, 4_711 + path.is_dir(), -1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda descriptor, uid, gid: given.append((uid, gid)))
    owners = [(path.stat().st_uid, path.stat().st_gid) for path in (tmp_path / "old", tmp_path)]
    for name in ("old", "new"):
        write_private(tmp_path / name, "content")
    assert given == owners
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    write_private(tmp_path / "another", "content")
    assert given == owners, "anybody else's files are his own"
