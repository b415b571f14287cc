"""A backup is one file, whole or not there, that holds what an installation is and fits together."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge import installation
from bridge.backups import BackupFault, making, snapshot
from bridge.backups.making import Wishes, back_up, back_up_keys
from bridge.credentials import key_check
from bridge.transaction import Transaction
from tests.lived import DEVICES, add_key, bring, change, files_of, lived_in, rows


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return lived_in(tmp_path / "data").folder.path


def members(file: Path) -> dict[str, bytes]:
    """Read a backup as anybody does, with tar."""
    with tarfile.open(file, "r:gz") as archive:
        found = {}
        for one in archive:
            content = archive.extractfile(one)
            assert content is not None
            assert one.mode == 0o600
            found[one.name] = content.read()
        return found


def drafts(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_backup_holds_every_file_that_the_installation_is(data: Path, tmp_path: Path) -> None:
    (data / "ca.pem").write_text("a certificate")
    (data / "bridge" / "ca.key").write_text("a key")
    file = tmp_path / "one.backup"
    made = back_up(Wishes(data, file))
    found = members(file)
    here = files_of(data)
    left_out = {name for name in here if name not in found}
    assert left_out == set()
    assert {name: found[name] for name in here if name != "bridge/registrations.db"} == {
        name: content for name, content in here.items() if name != "bridge/registrations.db"
    }
    (tmp_path / "copy.db").write_bytes(found["bridge/registrations.db"])
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert [row[0] for row in copy.execute("SELECT id FROM devices ORDER BY id")] == list(DEVICES)
    assert made.manifest.counts == {"registrations": 4, "devices": 3, "accounts": 6}
    assert (file.stat().st_mode & 0o777, made.bytes) == (0o600, file.stat().st_size)
    assert drafts(tmp_path) == []


def test_keys_that_a_link_leads_to_come_along(data: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mounted-keys"
    shutil.move(data / "bridge" / "keys.json", elsewhere)
    (data / "bridge" / "keys.json").symlink_to(elsewhere)
    back_up(Wishes(data, tmp_path / "one.backup"))
    assert members(tmp_path / "one.backup")["bridge/keys.json"] == elsewhere.read_bytes()


def test_what_is_of_one_time_or_one_machine_stays_out(data: Path, tmp_path: Path) -> None:
    for name in ("operations-broker/mosquitto.db", "bridge/lock", "bridge/registrations.db.lock", "access.json"):
        (data / name).write_text("x")
    (data / "bridge" / ".draft").write_text("x")
    (data / "before-restore-1").mkdir()
    (data / "before-restore-1" / "keys.json").write_text("x")
    back_up(Wishes(data, tmp_path / "one.backup"))
    assert not {name for name in members(tmp_path / "one.backup") if "lock" in name or "mosquitto.db" in name}
    assert not {"access.json", "bridge/.draft"} & set(members(tmp_path / "one.backup"))


def test_the_manifest_tells_what_is_needed_and_nothing_secret(data: Path, tmp_path: Path) -> None:
    back_up(Wishes(data, tmp_path / "one.backup", without_keys=True))
    manifest: dict[str, Any] = json.loads(members(tmp_path / "one.backup")["manifest.json"])
    keys = installation.read_keys(data / "bridge" / "keys.json")
    assert (manifest["format"], manifest["database"], manifest["schema_version"]) == (1, "sqlite", "0002")
    assert manifest["needed"] == [keys.current]
    assert manifest["checks"] == {keys.current: key_check(keys.masters[keys.current])}


def test_a_backup_without_keys_names_the_key_that_seals_it_among_those_it_is_opened_with(
    data: Path, tmp_path: Path
) -> None:
    """After a rotation no row may name the current key yet."""
    then = installation.read_keys(data / "bridge" / "keys.json").current
    add_key(data, "later")
    made = back_up(Wishes(data, tmp_path / "one.backup", without_keys=True))
    assert made.manifest.needed == [then]
    assert making.members_of(made)["keyIds"] == sorted([then, "later"])


def test_a_file_that_is_there_is_replaced_only_by_force(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    file.write_text("another")
    for words in (lambda: back_up(Wishes(data, file)), lambda: back_up_keys(data, file, force=False)):
        with pytest.raises(BackupFault, match=r"is there already.*--force"):
            words()
    assert file.read_text() == "another"
    back_up(Wishes(data, file, force=True))
    assert "manifest.json" in members(file)
    (name,) = back_up_keys(data, tmp_path / "keys", force=False)
    assert name == installation.read_keys(data / "bridge/keys.json").current
    assert (tmp_path / "keys").read_bytes() == (data / "bridge" / "keys.json").read_bytes()
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600


def test_one_that_came_meanwhile_is_not_replaced(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.backup"

    def noted(what: str, done: int, total: int) -> None:
        if what == "packing":
            file.write_text("another")

    with pytest.raises(BackupFault, match="has come meanwhile"):
        back_up(Wishes(data, file), noted)
    assert file.read_text() == "another"
    assert drafts(tmp_path) == []


def test_writers_go_on_meanwhile_and_the_copy_is_of_one_moment(data: Path, tmp_path: Path) -> None:
    written = 0
    database = data / "bridge" / "registrations.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE ballast (content BLOB)")
        writer.executemany("INSERT INTO ballast VALUES (?)", [(bytes(100_000),)] * 200)

        def noted(done: int, total: int) -> None:
            nonlocal written
            writer.execute("INSERT INTO groups VALUES ('default', ?)", (f"G{written}",))
            written += 1

        snapshot.copy(database, tmp_path / "copy.db", noted)
        assert written >= 3, "the bridge wrote between its parts"
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM groups").fetchone() == (0,)
    assert snapshot.looked_through(tmp_path / "copy.db").counts["devices"] == 3


def test_the_log_of_a_bridge_that_was_killed_is_in_the_backup_and_stays_beside_the_database(
    data: Path, tmp_path: Path
) -> None:
    database = data / "bridge" / "registrations.db"
    program = (
        "import os, sqlite3, sys\n"
        "one = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "one.execute('PRAGMA journal_mode=WAL')\n"
        "one.execute(\"INSERT INTO groups VALUES ('default', 'written last')\")\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(database)], check=True)
    log = database.with_name("registrations.db-wal")
    before = log.read_bytes()
    assert before
    back_up(Wishes(data, tmp_path / "one.backup"))
    assert log.read_bytes() == before, "without it the next start would take its changes for lost"
    (tmp_path / "copy.db").write_bytes(members(tmp_path / "one.backup")["bridge/registrations.db"])
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT path FROM groups").fetchall() == [("written last",)]


def test_a_key_that_rows_name_is_in_the_copy_however_late_it_came(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody rotates the key, and a device is accepted under it, while the database is being copied."""
    plain, came = snapshot.copy, list[bool]()

    def copy(*arguments: Any) -> None:
        if not came:
            came.append(True)
            add_key(data, "later")
            made = installation.load(data)

            async def accept(transaction: Transaction) -> None:
                await bring(transaction, made, "pump-9")

            change(data, accept)
        plain(*arguments)

    monkeypatch.setattr(making, "copy", copy)
    made = back_up(Wishes(data, tmp_path / "one.backup"))
    assert "later" in made.manifest.needed
    assert "later" in json.loads(members(tmp_path / "one.backup")["bridge/keys.json"])["keys"]


def test_a_key_that_is_missing_is_refused_since_the_backup_would_be_of_no_use(data: Path, tmp_path: Path) -> None:
    change(data, lambda transaction: _forget(transaction, installation.load(data)))
    with pytest.raises(BackupFault, match=r"master key lost.*would be of no use"):
        back_up(Wishes(data, tmp_path / "one.backup"))
    assert drafts(tmp_path) == []
    assert not (tmp_path / "one.backup").exists()


async def _forget(transaction: Transaction, made: Any) -> None:
    found = (await transaction.accounts(["kim"]))["kim"]
    await transaction.save_accounts([replace(found, key_id="lost")])


def test_a_damaged_database_makes_no_backup(data: Path, tmp_path: Path) -> None:
    database = data / "bridge" / "registrations.db"
    raw = bytearray(database.read_bytes())
    raw[8192:12288] = os.urandom(4096)
    database.write_bytes(raw)
    with pytest.raises(BackupFault, match=r"damaged|no whole database|cannot be copied"):
        back_up(Wishes(data, tmp_path / "one.backup"))
    assert not (tmp_path / "one.backup").exists()


def test_a_damaged_file_of_accounts_is_told_and_the_rest_is_backed_up(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "AGAIN", 0.0)
    (data / "operations-broker" / "dynamic-security.json").write_text("{")
    made = back_up(Wishes(data, tmp_path / "one.backup"))
    (warning,) = made.warnings
    assert "those that others made do not" in warning
    assert made.manifest.lacking == ["operations-broker/dynamic-security.json"]
    assert "bridge/registrations.db" in members(tmp_path / "one.backup")


def test_a_file_of_accounts_that_is_just_being_written_is_read_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data / "operations-broker" / "dynamic-security.json"
    whole = path.read_text()
    path.write_text("")
    monkeypatch.setattr("bridge.backups.making.time.sleep", lambda seconds: path.write_text(whole))
    made = back_up(Wishes(data, tmp_path / "one.backup"))
    assert made.warnings == ()
    assert members(tmp_path / "one.backup")["operations-broker/dynamic-security.json"] == whole.encode()


def test_beside_a_broker_its_own_file_of_accounts_comes_along(data: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.json"
    shutil.move(data / "operations-broker" / "dynamic-security.json", theirs)
    content = {"configuration": "/etc/mosquitto/mosquitto.conf", "dynamicSecurity": str(theirs)}
    (data / "bridge" / "beside.json").write_text(json.dumps(content))
    made = back_up(Wishes(data, tmp_path / "one.backup"))
    assert made.manifest.accounts_from == str(theirs)
    found = members(tmp_path / "one.backup")
    assert found["operations-broker/dynamic-security.of-your-broker.json"] == theirs.read_bytes()


def test_a_database_of_a_server_is_its_own_tools_work(data: Path, tmp_path: Path) -> None:
    url = "postgresql+asyncpg://bridge:secret-word@db/bridge"
    with pytest.raises(BackupFault, match=r"pg_dump.*--without-database") as refused:
        back_up(Wishes(data, tmp_path / "one.backup", url))
    assert "secret-word" not in str(refused.value)
    made = back_up(Wishes(data, tmp_path / "one.backup", url, without_database=True))
    assert (made.manifest.database, made.manifest.counts) == ("elsewhere", {})
    assert "bridge/registrations.db" not in members(tmp_path / "one.backup")
    assert "bridge/keys.json" in members(tmp_path / "one.backup")


def test_a_backup_goes_to_standard_output_and_a_file_behind_it_is_closed_to_others(data: Path, tmp_path: Path) -> None:
    program = "import sys; from bridge.cli import main; main()"
    file = tmp_path / "one.backup"
    with file.open("wb") as out:
        file.chmod(0o644)
        done = subprocess.run(
            [sys.executable, "-c", program, "backup", "-", "--json", "--data", str(data)],
            stdout=out,
            stderr=subprocess.PIPE,
            check=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
    assert "bridge/keys.json" in members(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(done.stderr)["bytes"] == file.stat().st_size
    assert drafts(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_backup_that_is_broken_off_leaves_nothing_behind(data: Path, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    out.mkdir()
    program = (
        "import os, signal, sys\n"
        "from bridge.backups import making\n"
        "from bridge.cli import main\n"
        "def pack(*arguments):\n"
        "    assert any(name.startswith('.') for name in os.listdir(sys.argv[2].rpartition('/')[0]))\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "making._pack = pack\n"
        "main()\n"
    )
    words = [sys.executable, "-c", program, "backup", str(out / "one.backup"), "--data", str(data)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], done.stderr
    assert list(out.iterdir()) == []


def test_the_draft_of_a_backup_that_was_killed_is_taken_away_by_the_next(data: Path, tmp_path: Path) -> None:
    left = tmp_path / ".one.backup.draft-left"
    left.mkdir()
    (left / "registrations.db").write_text("half a copy")
    back_up(Wishes(data, tmp_path / "one.backup"))
    assert drafts(tmp_path) == []


def test_rows_are_those_of_a_life(data: Path) -> None:
    assert rows(data, "SELECT username FROM accounts WHERE kind <> 'device' ORDER BY 1") == ["admin", "kim", "root"]
