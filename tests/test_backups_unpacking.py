"""What is wrong with a backup is found before anything is changed: wrong keys, other versions, another hand."""

import gzip
import hashlib
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bridge.backups import BackupFault, making
from bridge.credentials import backup_mac
from bridge.folder import InstallationFault, write_private
from bridge.transaction import Transaction
from tests.databases.make import HERE
from tests.lived import change, files_of, lived_in, rows
from tests.test_backups_making import members
from tests.test_backups_restoring import NEW, data, file, password_of, put_back

__all__ = ["data", "file"]


@pytest.fixture
def apart(data: Path, tmp_path: Path) -> Path:
    making.back_up(making.Wishes(data, tmp_path / "apart.backup", without_keys=True))
    making.back_up_keys(data, tmp_path / "keys", force=False)
    return tmp_path / "apart.backup"


def test_keys_kept_apart_open_a_backup_without_keys(data: Path, apart: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    assert put_back(apart, new, keys=tmp_path / "keys").aside is None
    assert {name: raw for name, raw in files_of(new).items() if name not in NEW} == {
        name: raw for name, raw in files_of(data).items() if name not in NEW
    }
    assert password_of(new, "pump-1") == password_of(data, "pump-1")


def test_without_keys_nothing_but_the_database_can_be_read(data: Path, apart: Path) -> None:
    here, packed = files_of(data), members(apart)
    assert "bridge/keys.json" not in packed
    for name, raw in packed.items():
        if not name.startswith("manifest.") and name != "bridge/registrations.db":
            assert len(raw) == len(here[name]) + 28, "a nonce and a tag"
            assert here[name][:50] not in raw or not here[name]


def wrong_keys(data: Path, tmp_path: Path, how: str) -> Path:
    file = tmp_path / "wrong"
    content = json.loads((data / "bridge" / "keys.json").read_text(encoding="utf-8"))
    other = json.loads((lived_in(tmp_path / "other").folder.keys).read_text(encoding="utf-8"))
    match how:
        case "another installation's":
            content = other
        case "the same name":
            content["keys"][content["current"]] = other["keys"][other["current"]]
        case "damaged":
            content["keys"][content["current"]] = "AA=="
        case "not there":
            return file
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("another installation's", "does not hold: it is another installation's"),
        ("the same name", "is another than that of the backup"),
        ("damaged", "holds no master keys"),
        ("not there", "cannot be read"),
    ],
)
def test_wrong_keys_are_refused_before_anything_is_changed(
    data: Path, apart: Path, tmp_path: Path, how: str, words: str
) -> None:
    before = files_of(data)
    with pytest.raises((BackupFault, InstallationFault)) as refused:
        put_back(apart, data, keys=wrong_keys(data, tmp_path, how))
    assert words in str(refused.value)
    with pytest.raises(BackupFault, match=r"made without keys.*--keys"):
        put_back(apart, data)
    assert files_of(data) == before


def altered(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Pack a backup anew as somebody may who is no friend, with the files in the order of its manifest."""
    found = members(file)
    change(found)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in found.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    hostile = file.with_name("hostile.backup")
    hostile.write_bytes(gzip.compress(raw.getvalue()))
    return hostile


def _rows_changed(found: dict[str, bytes]) -> None:
    found["bridge/registrations.db"] = found["bridge/registrations.db"].replace(b"viewer", b"owner!")


def _rows_changed_and_the_manifest(found: dict[str, bytes]) -> None:
    _rows_changed(found)
    manifest = json.loads(found["manifest.json"])
    for one in manifest["members"]:
        one["sha256"] = hashlib.sha256(found[one["name"]]).hexdigest()
    found["manifest.json"] = json.dumps(manifest).encode()


def _manifest(found: dict[str, bytes], **changes: Any) -> None:
    found["manifest.json"] = json.dumps({**json.loads(found["manifest.json"]), **changes}).encode()


def _one_more(found: dict[str, bytes]) -> None:
    found["bridge/planted.json"] = b"{}"


def _one_less(found: dict[str, bytes]) -> None:
    found.popitem()


def _a_huge_one(found: dict[str, bytes]) -> None:
    manifest = json.loads(found["manifest.json"])
    manifest["members"][-1]["size"] = 10**15
    found["manifest.json"] = json.dumps(manifest).encode()


@pytest.mark.parametrize(
    ("change_", "words"),
    [
        (_rows_changed, "is not what was packed"),
        (_rows_changed_and_the_manifest, "changed after it was made"),
        (lambda found: _manifest(found, format=2), "format 2"),
        (lambda found: _manifest(found, at="2001"), "changed after it was made"),
        (lambda found: _manifest(found, members=[]), "more than its manifest says|changed after"),
        (_one_more, "more than its manifest says"),
        (_one_less, "no backup|cut off"),
        (_a_huge_one, "MB are free|another size|changed after"),
        (lambda found: found.update({"manifest.mac": b"0" * 64}), "changed after it was made"),
    ],
)
@pytest.mark.parametrize("kind", ["file", "apart"])
def test_a_backup_that_was_changed_is_refused_and_changes_nothing(
    data: Path, tmp_path: Path, request: pytest.FixtureRequest, kind: str, change_: Any, words: str
) -> None:
    hostile = altered(request.getfixturevalue(kind), change_)
    before = files_of(data)
    with pytest.raises(BackupFault, match=words):
        put_back(hostile, data, keys=tmp_path / "keys" if kind == "apart" else None)
    assert files_of(data) == before
    with pytest.raises(BackupFault):
        put_back(hostile, tmp_path / "new", keys=tmp_path / "keys" if kind == "apart" else None)
    assert not (tmp_path / "new").exists()


def test_a_backup_that_is_cut_off_anywhere_changes_nothing(data: Path, file: Path, tmp_path: Path) -> None:
    raw, before = file.read_bytes(), files_of(data)
    for length in range(0, len(raw), max(1, len(raw) // 25)):
        cut = tmp_path / "cut"
        cut.write_bytes(raw[:length])
        with pytest.raises(BackupFault):
            put_back(cut, data)
    assert files_of(data) == before


def test_a_backup_of_a_newer_program_is_refused_in_words(data: Path, tmp_path: Path) -> None:
    change(data, _newer_schema)
    making.back_up(making.Wishes(data, tmp_path / "newer.backup"))
    with pytest.raises(BackupFault, match="made by a newer bootstrap-bridge"):
        put_back(tmp_path / "newer.backup", tmp_path / "new")
    assert not (tmp_path / "new").exists()


async def _newer_schema(transaction: Transaction) -> None:
    await transaction.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")


def test_a_backup_of_an_older_program_is_brought_to_this_version(data: Path, tmp_path: Path) -> None:
    oldest = min(path.stem for path in HERE.glob("*.sql"))
    database = data / "bridge" / "registrations.db"
    database.unlink()
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript((HERE / f"{oldest}.sql").read_text(encoding="utf-8"))
    keys = {"current": "k1", "keys": {"k1": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}
    facts = json.loads((data / "bridge" / "installation.json").read_text(encoding="utf-8"))
    for one in facts["administrators"]:
        one["key_id"] = "k1"
    write_private(data / "bridge" / "keys.json", json.dumps(keys))
    write_private(data / "bridge" / "installation.json", json.dumps(facts))
    making.back_up(making.Wishes(data, tmp_path / "old.backup"))
    told = put_back(tmp_path / "old.backup", data)
    assert told.manifest.schema_version == oldest
    assert told.changes.compared is not None, "the older one that is there can be compared too"
    (version,) = rows(data, "SELECT version_num FROM alembic_version")
    assert version > oldest
    assert rows(data, "SELECT count(*) FROM registrations")[0] > 10


def test_the_manifest_can_be_sealed_by_whoever_has_the_key_alone() -> None:
    one, two = bytes(32), bytes([1]) * 32
    assert backup_mac(one, b"x") != backup_mac(two, b"x") != backup_mac(two, b"y")
