"""A backup is put back whole or not at all; what was deleted, replaced or rotated since stays so unless asked for."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bridge import installation
from bridge.backups import BackupFault, making, restoring
from bridge.backups.contents import GOING
from bridge.backups.restoring import Restored, Wishes, restore
from bridge.brokers import users_of
from bridge.keys_file import read_keys, write_keys
from bridge.locks import Busy, lock_bridge, lock_changes, lock_folder
from bridge.records import Change
from bridge.rotation import with_own_logins
from bridge.transaction import Transaction
from tests.lived import CHOSEN, DEVICES, add_key, bring, change, delete, files_of, lived_in, note, rows
from tests.making import waiting

NEW = ("bridge/registrations.db", "access.json", "bootstrap.json")
SINCE = "SELECT username, seed FROM accounts WHERE wanted ORDER BY username"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return lived_in(tmp_path / "data").folder.path


@pytest.fixture
def file(data: Path, tmp_path: Path) -> Path:
    making.back_up(making.Wishes(data, tmp_path / "one.backup"))
    return tmp_path / "one.backup"


def put_back(file: Path, data: Path, **wishes: Any) -> Restored:
    return restore(Wishes(file, data, **wishes))


def password_of(data: Path, name: str) -> str:
    """What a device of this folder logs in with."""
    (tenant, seed, key) = rows(data, f"SELECT tenant, seed, key_id FROM accounts WHERE subject = '{name}'")[0]
    return installation.read_keys(data / "bridge" / "keys.json").device_password(tenant, name, seed, key)


def broker_accounts(data: Path) -> set[str]:
    content = json.loads((data / "operations-broker" / "dynamic-security.json").read_text(encoding="utf-8"))
    return {one["username"] for one in content["clients"]}


def do(data: Path, *steps: Callable[[Transaction], Any]) -> None:
    for step in steps:
        change(data, step)


def brought(data: Path, name: str, key: str | None = None) -> Callable[[Transaction], Any]:
    made = installation.load(data)
    return lambda transaction: bring(transaction, made, name, key)


def test_on_another_machine_all_is_as_it_was(data: Path, file: Path, tmp_path: Path) -> None:
    new = tmp_path / "new" / "deep"
    told = put_back(file, new)
    assert told.aside is None
    assert told.changes.compared is None
    assert {name: raw for name, raw in files_of(new).items() if name not in NEW} == {
        name: raw for name, raw in files_of(data).items() if name not in NEW
    }
    assert rows(new, SINCE) == rows(data, SINCE)
    assert [password_of(new, name) for name in DEVICES] == [password_of(data, name) for name in DEVICES]
    assert {path.stat().st_mode & 0o077 for path in (new / "bridge").iterdir()} == {0}
    assert sorted(path.name for path in new.iterdir()) == [
        "access.json",
        "bootstrap-broker",
        "bootstrap.json",
        "bridge",
        "lock",
        "operations-broker",
    ]
    assert installation.make(new).mended == ()


def test_access_json_is_there_again_with_those_who_are_unless_it_was_taken_away(data: Path, tmp_path: Path) -> None:
    change(data, lambda transaction: transaction.forget_accounts(["admin"]))
    making.back_up(making.Wishes(data, tmp_path / "one.backup"))
    put_back(tmp_path / "one.backup", tmp_path / "new")
    content = json.loads((tmp_path / "new" / "access.json").read_text(encoding="utf-8"))
    assert [one["username"] for one in content["administrators"]] == ["root"]
    put_back(tmp_path / "one.backup", data)
    assert not (data / "access.json").exists()


def test_the_restore_stands_in_the_audit_of_each_tenant(data: Path, file: Path) -> None:
    told = put_back(file, data)
    found = rows(data, "SELECT tenant, actor, outcome, details FROM audit WHERE action = 'restore' ORDER BY tenant")
    assert [row[:3] for row in found] == [
        ("default", "management/bridge", "ok"),
        ("management", "management/bridge", "ok"),
    ]
    assert json.loads(found[0][3]) == {"backup": told.manifest.at}
    assert json.loads(found[1][3])["compared"] is True


def test_who_was_deleted_since_stays_so_and_who_was_renewed_keeps_the_new_password(data: Path, file: Path) -> None:
    then = password_of(data, "pump-2")
    do(data, lambda t: delete(t, "pump-1"), brought(data, "pump-2"), brought(data, "later-1"), _without_kim)
    now = password_of(data, "pump-2")
    told = put_back(file, data).changes
    assert told.devices_deleted == ("pump-1",)
    assert told.devices_renewed == ("pump-2",)
    assert told.devices_come == ("later-1",)
    assert told.people_deleted == ("kim",)
    assert password_of(data, "pump-2") == now != then
    assert rows(data, "SELECT id FROM registrations ORDER BY id") == ["pump-2", "pump-3", "waits-1"]
    assert rows(data, "SELECT id FROM devices ORDER BY id") == ["pump-2", "pump-3"]
    # The rows still know them, as accounts to be taken away; the broker does not let them in even before that.
    assert rows(data, "SELECT username FROM accounts WHERE NOT wanted ORDER BY 1") == ["default/device_pump-1", "kim"]
    assert rows(data, "SELECT username FROM accounts WHERE kind = 'device' AND installed IS NULL AND wanted") == [
        "default/device_pump-2"
    ]
    assert {"default/device_pump-1", "default/device_pump-2", "kim"} & broker_accounts(data) == set()
    assert "default/device_pump-3" in broker_accounts(data)
    (number,) = rows(data, "SELECT sum(number) FROM tallies WHERE hour = 0")
    assert number == 3, "the counts are those of the rows"


async def _without_kim(transaction: Transaction) -> None:
    await transaction.forget_accounts(["kim"])
    await note(transaction, "delete-administrator")


def test_revived_they_are_as_they_were_and_it_is_told(data: Path, file: Path) -> None:
    then = {name: password_of(data, name) for name in DEVICES}
    do(data, lambda t: delete(t, "pump-1"), brought(data, "pump-2"), _without_kim)
    told = put_back(file, data, revive=True)
    assert (told.revived, told.changes.devices_deleted, told.changes.devices_renewed) == (
        True,
        ("pump-1",),
        ("pump-2",),
    )
    assert {name: password_of(data, name) for name in DEVICES} == then
    made = installation.load(data)
    ((secret, key),) = rows(data, "SELECT secret, key_id FROM accounts WHERE username = 'kim'")
    assert made.keys.unlocked("kim", secret, key) == CHOSEN


def test_one_that_was_registered_anew_and_waits_is_not_let_in_with_its_old_password(data: Path, file: Path) -> None:
    async def again(transaction: Transaction) -> None:
        before = (await transaction.registrations(["pump-1"]))["pump-1"]
        await delete(transaction, "pump-1")
        await transaction.save([Change(None, waiting(id=before.id))])

    do(data, again)
    told = put_back(file, data).changes
    assert told.devices_deleted == ("pump-1",)
    assert rows(data, "SELECT id FROM registrations WHERE id = 'pump-1'") == []


def test_one_who_was_accepted_since_has_to_be_accepted_again(data: Path, file: Path) -> None:
    do(data, brought(data, "waits-1"))
    told = put_back(file, data).changes
    assert (told.devices_accepted, told.devices_come) == (("waits-1",), ())
    assert rows(data, "SELECT username FROM accounts WHERE subject = 'waits-1'") == []


def test_the_folder_that_tells_what_changed_may_be_another(data: Path, file: Path, tmp_path: Path) -> None:
    do(data, lambda t: delete(t, "pump-1"))
    told = put_back(file, tmp_path / "new", compare_with=data)
    assert told.changes.devices_deleted == ("pump-1",)
    assert rows(tmp_path / "new", "SELECT id FROM devices ORDER BY 1") == ["pump-2", "pump-3"]


def test_a_named_folder_that_tells_nothing_is_refused_before_anybody_is_revived(
    data: Path, file: Path, tmp_path: Path
) -> None:
    """Else a slip of the pen would bring devices back that the folder's own database knows to be deleted."""
    do(data, lambda t: delete(t, "pump-1"))
    before = files_of(data)
    with pytest.raises(BackupFault, match=r"--compare-with .*there is no database"):
        put_back(file, data, compare_with=tmp_path / "before-restor")
    assert files_of(data) == before
    assert rows(data, "SELECT id FROM devices WHERE id = 'pump-1'") == []


def test_a_database_that_does_not_go_on_where_the_backup_ends_tells_nothing(
    data: Path, file: Path, tmp_path: Path
) -> None:
    """All devices are missing in one that was begun anew; who would leave them out would restore nothing."""
    anew = lived_in(tmp_path / "anew").folder.path
    shutil.copy(anew / "bridge" / "registrations.db", data / "bridge" / "registrations.db")
    told = put_back(file, data)
    assert told.changes.compared is None
    assert "was begun anew" in told.changes.reason
    assert rows(data, "SELECT id FROM devices ORDER BY 1") == list(DEVICES)


def test_an_older_database_tells_nothing(data: Path, file: Path, tmp_path: Path) -> None:
    do(data, brought(data, "later-1"), lambda t: note(t, "accept", "later-1"))
    making.back_up(making.Wishes(data, tmp_path / "two.backup"))
    put_back(file, data)
    told = put_back(tmp_path / "two.backup", data)
    assert "does not go on where the backup ends" in told.changes.reason
    assert "later-1" in rows(data, "SELECT id FROM devices")


@pytest.mark.parametrize("how", ["missing", "damaged", "empty"])
def test_where_the_database_is_lost_it_is_said_that_nothing_is_known(data: Path, file: Path, how: str) -> None:
    database = data / "bridge" / "registrations.db"
    if how == "missing":
        database.unlink()
    else:
        database.write_bytes(b"" if how == "empty" else os.urandom(50_000))
    told = put_back(file, data)
    assert told.changes.compared is None
    assert str(database) in told.changes.reason
    assert rows(data, "SELECT id FROM devices ORDER BY 1") == list(DEVICES)


def test_where_the_database_is_lost_the_brokers_accounts_give_a_hint(data: Path, file: Path, tmp_path: Path) -> None:
    """Nobody is left out by it: the file may have been made anew, and lack everybody."""
    do(data, brought(data, "pump-2"))
    accounts = data / "operations-broker" / "dynamic-security.json"
    content = json.loads(accounts.read_text(encoding="utf-8"))
    gone = {"default/device_pump-1", "kim"}
    content["clients"] = [one for one in content["clients"] if one["username"] not in gone]
    accounts.write_text(json.dumps(content), encoding="utf-8")
    (data / "bridge" / "registrations.db").unlink()
    told = put_back(file, data)
    assert told.changes.unknown_to_broker == ("default/device_pump-1", "default/device_pump-2", "kim")
    assert rows(data, "SELECT id FROM devices ORDER BY 1") == list(DEVICES)
    (data / "bridge" / "registrations.db").unlink()
    os.utime(accounts, (0, 0))
    assert put_back(file, data).changes.unknown_to_broker == (), "it is older than the backup"
    assert put_back(file, tmp_path / "new").changes.unknown_to_broker == ()


def test_a_key_and_a_bootstrap_login_that_were_rotated_since_stay(data: Path, file: Path) -> None:
    add_key(data, "later")
    facts = data / "bridge" / "installation.json"
    content = json.loads(facts.read_text(encoding="utf-8"))
    content["bootstrap_password"] = "another word"
    facts.write_text(json.dumps(content), encoding="utf-8")
    do(data, brought(data, "pump-2"))
    now = password_of(data, "pump-2")
    told = put_back(file, data)
    assert told.stayed == ("bridge/keys.json", "bridge/installation.json")
    assert told.bootstrap_renewed
    assert told.lost == ()
    assert password_of(data, "pump-2") == now
    assert installation.read_keys(data / "bridge" / "keys.json").current == "later"
    put_back(file, data, revive=True)
    assert "later" not in installation.read_keys(data / "bridge" / "keys.json").masters
    assert json.loads(facts.read_text(encoding="utf-8"))["bootstrap_password"] != "another word"


def test_keys_that_were_removed_since_are_there_again_for_the_rows_of_then(data: Path, file: Path) -> None:
    """As `rotate-key`, then `rotate-key --remove-unused` leave them."""
    path = data / "bridge" / "keys.json"
    ring = read_keys(path)
    then = {name: password_of(data, name) for name in DEVICES}
    write_keys(path, ring.rotated("later", bytes(range(32))).without([ring.current]))
    facts = data / "bridge" / "installation.json"
    facts.write_text(facts.read_text().replace(f'"{ring.current}"', '"later"'))
    digest = read_keys(path).token_digest("pump-1", "4711")
    told = put_back(file, data)
    assert told.stayed == ("bridge/keys.json", "bridge/installation.json")
    now = read_keys(path)
    assert (set(now.masters), now.current) == ({ring.current, "later"}, "later")
    assert now.token_digest("pump-1", "4711") == digest
    assert {name: password_of(data, name) for name in DEVICES} == then


def test_a_password_whose_key_is_lost_is_told_as_not_kept(data: Path, file: Path) -> None:
    add_key(data, "later")
    do(data, brought(data, "pump-2"))
    (data / "bridge" / "keys.json").unlink()
    told = put_back(file, data)
    assert told.lost == ("default/device_pump-2",)
    assert told.stayed == ()
    assert "default/device_pump-2" not in broker_accounts(data), "the bridge makes it anew when it starts"
    assert password_of(data, "pump-2")


def test_the_authority_that_was_made_anew_stays_with_all_that_it_signed(data: Path, tmp_path: Path) -> None:
    names = ("bridge/ca.key", "bridge/ca.pem", "ca.pem", "operations-broker/server.pem")
    for name in names:
        (data / name).write_text("then")
    making.back_up(making.Wishes(data, tmp_path / "one.backup"))
    for name in names:
        (data / name).write_text("now")
    assert set(put_back(tmp_path / "one.backup", data).stayed) == set(names)
    assert {(data / name).read_text() for name in names} == {"now"}
    (data / "bridge" / "ca.key").unlink()
    assert put_back(tmp_path / "one.backup", data).stayed == ()
    assert {(data / name).read_text() for name in names} == {"then"}, "half an authority is none"
    assert [(data / name).stat().st_mode & 0o777 for name in ("ca.pem", "bridge/ca.key")] == [0o644, 0o600]


def test_a_running_bridge_is_refused_by_the_number_of_its_process(data: Path, file: Path) -> None:
    before = files_of(data)
    for lock in (lock_folder, lock_bridge):
        with ExitStack() as stack:
            stack.callback(lock(data).release)
            with pytest.raises(Busy, match=rf"process {os.getpid()}\): end that one first"):
                put_back(file, data)
    assert files_of(data) == before


def test_a_running_broker_is_refused_since_it_would_write_over_what_is_restored(
    data: Path, file: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        facts = data / "bridge" / "installation.json"
        content = json.loads(facts.read_text(encoding="utf-8"))
        facts.write_text(json.dumps({**content, "bootstrap_port": broker.getsockname()[1]}), encoding="utf-8")
        with pytest.raises(BackupFault, match=rf"bootstrap broker.*process {os.getpid()}.*end it first"):
            put_back(file, data)
        facts.write_text(json.dumps({**content, "port": broker.getsockname()[1]}), encoding="utf-8")
        with pytest.raises(BackupFault, match=r"operations broker.*end it first"):
            put_back(file, data)
        theirs = {"configuration": str(tmp_path / "mosquitto.conf"), "dynamicSecurity": str(tmp_path / "theirs.json")}
        (data / "bridge" / "beside.json").write_text(json.dumps(theirs))
        accounts = data / "operations-broker" / "dynamic-security.json"
        now = accounts.read_text().replace("device_pump-1", "device_pump-x")
        accounts.write_text(now)
        told = put_back(file, data)
    assert accounts.read_text() == now
    assert "stays as your broker has it" in told.notes[-1]


def test_what_is_not_in_the_backup_is_told(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "AGAIN", 0.0)
    theirs = tmp_path / "theirs.json"
    shutil.copy(data / "operations-broker" / "dynamic-security.json", theirs)
    (data / "operations-broker" / "dynamic-security.json").write_text("{")
    content = {"configuration": "/etc/mosquitto/mosquitto.conf", "dynamicSecurity": str(theirs)}
    (data / "bridge" / "beside.json").write_text(json.dumps(content))
    making.back_up(making.Wishes(data, tmp_path / "one.backup", without_database=True))
    told = put_back(tmp_path / "one.backup", tmp_path / "new")
    said = "\n".join(told.notes)
    assert "pg_restore" in said
    assert "could not be read when the backup was made" in said
    assert f"{theirs}, where your broker keeps its accounts, is not touched" in said
    assert (tmp_path / "new/operations-broker/dynamic-security.of-your-broker.json").read_bytes() == theirs.read_bytes()


def test_files_belong_to_whom_they_belonged(data: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restored by root, they are the bridge's user's and the brokers' again."""
    given: dict[str, int] = {}

    def chown(path: Path, user: int, group: int, **options: Any) -> None:
        given[str(path.relative_to(data))] = user

    owner = {"bridge": 12_001, "operations-broker": 12_002, "bootstrap-broker": 12_003}

    def owner_of(path: Path) -> tuple[int, int]:
        user = next(owner[part] for part in path.parts if part in owner)
        return user, user

    monkeypatch.setattr("bridge.backups.placing.owner_of", owner_of)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", chown)
    put_back(file, data)
    assert {name: given[name] for name in owner} == owner
    assert {given[name] for name in given if name.startswith("bridge/")} == {12_001}
    assert {"bridge/registrations.db", "bridge/keys.json", "operations-broker/dynamic-security.json"} <= set(given)


def test_a_restore_that_is_broken_off_changes_nothing(data: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files_of(data)

    def noted(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(Wishes(file, data), noted)
    monkeypatch.setattr(restoring, "place", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        restore(Wishes(file, data))
    assert files_of(data) == before
    assert not (data / ".restoring").exists()


def test_a_bootstrap_login_that_has_ended_since_is_not_let_in_again(data: Path, file: Path) -> None:
    """As `rotate-bootstrap-password --overlap 0` leaves it, whatever the brokers' files of then say."""
    folder, then = installation.load(data).folder, "devicebootstrap"
    assert then in users_of(folder.passwords.read_bytes())
    content = json.loads(folder.facts.read_text(encoding="utf-8"))
    folder.facts.write_text(json.dumps({**content, "bootstrap_username": "devicebootstrap-2"}), encoding="utf-8")
    put_back(file, data)
    assert users_of(folder.passwords.read_bytes()) == {"devicebootstrap-2", "bridge"}
    assert installation.write_passwords(installation.load(data)) == []
    put_back(file, data, revive=True)
    assert users_of(folder.passwords.read_bytes()) == {then, "bridge"}


def test_what_is_older_than_the_backup_does_not_stay(data: Path, tmp_path: Path) -> None:
    """As where a snapshot of the disk was put back first; unless keys or logins were renewed in it since."""
    snapshot = tmp_path / "snapshot"
    shutil.copytree(data, snapshot)
    facts = data / "bridge" / "installation.json"
    content = json.loads(facts.read_text(encoding="utf-8"))
    facts.write_text(json.dumps({**content, "bootstrap_username": "devicebootstrap-2"}), encoding="utf-8")
    add_key(data, "later")
    do(data, brought(data, "pump-2"), lambda t: note(t, "accept", "pump-2"))
    making.back_up(making.Wishes(data, tmp_path / "two.backup"))
    for name, username, current in (
        ("old", "devicebootstrap-2", "later"),
        ("renewed", "devicebootstrap", read_keys(snapshot / "bridge" / "keys.json").current),
    ):
        shutil.copytree(snapshot, tmp_path / name)
        if name == "renewed":
            (tmp_path / name / "bridge" / "installation.json").touch()
        told = put_back(tmp_path / "two.backup", tmp_path / name)
        made = installation.load(tmp_path / name)
        assert (made.facts.bootstrap_username, made.keys.current) == (username, current)
        assert told.bootstrap_renewed == (name == "renewed")


def test_own_logins_that_were_made_anew_since_are_in_the_brokers_files_before_these_start(
    data: Path, file: Path
) -> None:
    """As after a theft: whoever has the old ones may do everything where they work."""
    with_own_logins(installation.load(data)).write_facts()
    others = broker_accounts(data)
    told = put_back(file, data)
    made = installation.load(data)
    assert installation.write_accounts_file(made) == []
    assert installation.write_passwords(made) == []
    assert broker_accounts(data) == others
    assert any("run bootstrap-bridge init" in note for note in told.notes)


def test_an_authority_that_nobody_shall_trust_any_more_stays_away(data: Path, tmp_path: Path) -> None:
    for name in ("bridge/ca.key", "bridge/ca.pem", *GOING):
        (data / name).write_text("then")
    making.back_up(making.Wishes(data, tmp_path / "one.backup"))
    for name in GOING:
        (data / name).unlink()
    assert set(put_back(tmp_path / "one.backup", data).stayed) == set(GOING)
    assert [name for name in GOING if (data / name).exists()] == []
    put_back(tmp_path / "one.backup", data, revive=True)
    assert [name for name in GOING if (data / name).exists()] == list(GOING)


def test_who_changes_keys_meanwhile_is_told_to_try_again(data: Path, file: Path) -> None:
    """He would take whoever has the bridge's lock for a bridge, and ask it by a signal that ends it."""
    lock = lock_changes(data)
    with pytest.raises(Busy, match="keys and logins"):
        put_back(file, data)
    lock.release()


def test_access_json_too_belongs_to_whom_it_belonged(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = installation.load(data)
    made.write_access()
    making.back_up(making.Wishes(data, tmp_path / "one.backup"))
    given: dict[str, int] = {}

    def chown(path: Path, user: int, group: int, **options: Any) -> None:
        given[path.name] = user

    monkeypatch.setattr("bridge.backups.placing.owner_of", lambda path: (12_004, 12_004))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda descriptor, user, group: None)
    monkeypatch.setattr(os, "chown", chown)
    put_back(tmp_path / "one.backup", data)
    assert (given["access.json"], given["bootstrap.json"]) == (12_004, 12_004)
