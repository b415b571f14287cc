"""The file of the master keys: read and written whole, and durable before anything names what is in it."""

import base64
import json
import os
from pathlib import Path

import pytest

from bridge.credentials import DIGESTS, KeyRing
from bridge.folder import InstallationFault
from bridge.keys_file import new_key_id, read_keys, write_keys

RING = KeyRing({"k1": bytes(range(32))}, "k1")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    for ring in (RING, RING.rotated("k2", bytes(32)), RING.rotated("k2", bytes(32)).without(("k1",))):
        write_keys(path, ring)
        assert read_keys(path) == ring
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_fresh_file_is_as_it_was_in_the_first_version(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, RING)
    assert json.loads(path.read_bytes()) == {
        "current": "k1",
        "keys": {"k1": base64.b64encode(bytes(range(32))).decode()},
    }


def test_a_symbolic_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    kept, path = tmp_path / "elsewhere", tmp_path / "keys.json"
    kept.mkdir()
    write_keys(kept / "keys.json", RING)
    path.symlink_to(kept / "keys.json")
    write_keys(path, RING.rotated("k2", bytes(32)))
    assert path.is_symlink()
    assert read_keys(kept / "keys.json").current == "k2"


@pytest.mark.parametrize("digests", [{"token-digest": "x"}, {"other": ""}, {"token-digest": ""}, [], 7])
def test_damaged_digest_keys_are_never_used(tmp_path: Path, digests: object) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, RING)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "digests": digests or {"": ""}}))
    with pytest.raises(InstallationFault, match="restore it from a backup"):
        read_keys(path)


def test_digest_keys_have_the_length_of_a_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, RING)
    short = dict.fromkeys(DIGESTS, base64.b64encode(bytes(31)).decode())
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "digests": short}))
    with pytest.raises(InstallationFault):
        read_keys(path)


def test_file_and_name_are_on_the_disk_before_anybody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The draft is synced before it has its name, its folder after: a machine that dies keeps the one or the other."""
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        sync(descriptor)
        done.append("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file")

    def replaced(path: Path, target: Path) -> Path:
        done.append("name")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_keys(tmp_path / "keys.json", RING)
    assert done == ["file", "name", "folder"]


def test_ids_are_drawn() -> None:
    assert len({new_key_id() for _ in range(20)}) == 20
