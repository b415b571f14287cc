"""Where the files of an installation are, and private files."""

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
    assert path.stat() == before
    path.chmod(0o644)
    write_private(path, "content")
    assert path.stat().st_mode & 0o777 == 0o600
