"""The broker's accounts file, cut off by a full disk: put aside, and made as in the beginning."""

import errno
import json
from pathlib import Path

import pytest

from bridge import installation, mending
from bridge.mending import mend_accounts_file


def names(path: Path) -> set[str]:
    return {one["username"] for one in json.loads(path.read_text(encoding="utf-8"))["clients"]}


def test_a_whole_file_is_left_alone(tmp_path: Path) -> None:
    made = installation.make(tmp_path / "data")
    path = made.folder.dynamic_security
    content = json.loads(path.read_text(encoding="utf-8"))
    content["clients"].append({"username": "by hand"})
    path.write_text(json.dumps(content), encoding="utf-8")
    before = path.stat()
    assert mend_accounts_file(made) is None
    assert path.stat() == before


@pytest.mark.parametrize("left", ["", '{"clients": [{"username": "bridge-', "[]", '{"clients": 1}', "\0\0\0"])
def test_what_a_full_disk_has_left_is_put_aside_and_the_logins_are_those_of_before(tmp_path: Path, left: str) -> None:
    made = installation.make(tmp_path / "data")
    path = made.folder.dynamic_security
    before = names(path)
    path.write_text(left, encoding="utf-8")
    aside = mend_accounts_file(made)
    assert aside is not None
    assert aside.read_text(encoding="utf-8") == left
    assert names(path) == before
    assert path.stat().st_mode & 0o777 == 0o600
    assert mend_accounts_file(made) is None


def test_a_lost_file_is_made_again(tmp_path: Path) -> None:
    made = installation.make(tmp_path / "data")
    made.folder.dynamic_security.unlink()
    assert mend_accounts_file(made) is None
    assert names(made.folder.dynamic_security)


def test_as_long_as_the_disk_is_full_the_fault_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = installation.make(tmp_path / "data")
    path = made.folder.dynamic_security
    path.write_text("{", encoding="utf-8")

    def full(made: installation.Installation) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(mending, "new_accounts_file", full)
    with pytest.raises(OSError, match="No space left"):
        mend_accounts_file(made)
    monkeypatch.undo()
    mend_accounts_file(made)
    assert names(path)
    assert path.with_name(f"{path.name}.damaged").read_text(encoding="utf-8") == "{"
