"""The doctor on files: each check is quiet on what is whole and complains of what is broken on purpose."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.doctor import files
from tests.ailing import changed, complaints, found, healthy, verdicts


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return healthy(tmp_path / "data").folder.path


def with_accounts(data: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = data / "operations-broker" / "dynamic-security.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def beside(data: Path, acl: str, users: str) -> Path:
    """Let the operations broker be somebody else's, with users and rights of its own."""
    home = data.parent / "theirs"
    home.mkdir()
    (home / "acl").write_text(acl, encoding="utf-8")
    (home / "passwords").write_text(users, encoding="utf-8")
    conf = home / "mosquitto.conf"
    conf.write_text(f"listener 1883\nacl_file {home}/acl\npassword_file {home}/passwords\n", encoding="utf-8")
    accounts = data / "operations-broker" / "dynamic-security.json"
    (data / "bridge" / "beside.json").write_text(
        json.dumps({"configuration": str(conf), "dynamicSecurity": str(accounts)}), encoding="utf-8"
    )
    return home


@pytest.mark.parametrize("check", [files.modes, files.access_file, files.gate_rights, files.accounts])
def test_a_whole_installation_gives_no_cause(data: Path, check: Any) -> None:
    assert verdicts(found(check, data)) == {"ok"}


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("bridge/keys.json", 0o640),
        ("bridge/installation.json", 0o604),
        ("operations-broker/dynamic-security.json", 0o644),
        ("bootstrap-broker/passwords", 0o620),
        ("bootstrap.json", 0o644),
        ("bridge", 0o750),
        (".", 0o755),
    ],
)
def test_a_file_that_others_reach_is_a_problem(data: Path, name: str, mode: int) -> None:
    (data / name).chmod(mode)
    text = complaints(found(files.modes, data))
    assert text.startswith("problem")
    assert f"{mode:04o}" in text
    assert "chmod" in text


def test_others_may_pass_through_the_folder_to_the_brokers(data: Path) -> None:
    data.chmod(0o711)
    assert verdicts(found(files.modes, data)) == {"ok"}


def test_a_file_of_another_owner_than_its_folders_is_a_problem(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of, other = Path.stat, data / "operations-broker" / "dynamic-security.json"

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        real = of(path, follow_symlinks=follow_symlinks)
        return os.stat_result((*real[:4], real.st_uid + 1, *real[5:])) if path == other else real

    monkeypatch.setattr(Path, "stat", stat)  # only root could give the file away
    assert "belongs to" in complaints(found(files.modes, data))


def test_the_administrators_passwords_in_a_loose_file_are_a_problem_and_none_at_all_are_well(data: Path) -> None:
    path = data / "access.json"
    secret = json.loads(path.read_text(encoding="utf-8"))["administrators"][0]["password"]
    path.chmod(0o644)
    text = complaints(found(files.access_file, data))
    assert "0644" in text
    assert secret not in text
    path.unlink()
    assert verdicts(found(files.access_file, data)) == {"ok"}


def test_rights_at_the_bootstrap_broker_that_were_changed_are_a_problem(data: Path) -> None:
    with (data / "bootstrap-broker" / "acl").open("a", encoding="utf-8") as file:
        file.write("pattern readwrite #\n")
    assert "acl" in complaints(found(files.gate_rights, data))
    (data / "bootstrap-broker" / "acl").unlink()
    assert "cannot be read" in complaints(found(files.gate_rights, data))


def test_open_defaults_are_a_problem(data: Path) -> None:
    with_accounts(data, lambda content: content["defaultACLAccess"].update(publishClientSend=True))
    text = complaints(found(files.accounts, data))
    assert "publishClientSend" in text
    assert "mosquitto_ctrl" in text


def test_accounts_that_were_put_right_are_told_until_somebody_has_looked(data: Path) -> None:
    aside = data / "operations-broker" / "dynamic-security.json.damaged-20260101T000000"
    aside.write_text("{}", encoding="utf-8")
    assert "had to be put right" in complaints(found(files.accounts, data))
    aside.unlink()
    assert verdicts(found(files.accounts, data)) == {"ok"}


def test_a_lost_login_of_the_bridge_is_a_problem(data: Path) -> None:
    with_accounts(data, lambda content: content["clients"].pop(0))
    assert "bridge-control" in complaints(found(files.accounts, data))


@pytest.mark.parametrize(
    ("act", "holder", "verdict"),
    [
        ("publishClientSend", [{"rolename": "admin"}], "problem"),
        ("publishClientReceive", [{"rolename": "admin"}], "advice"),
        ("publishClientSend", [], "advice"),
    ],
)
def test_a_role_of_others_on_our_topics_is_told(data: Path, act: str, holder: list[Any], verdict: str) -> None:
    def change(content: dict[str, Any]) -> None:
        content["roles"].append({"rolename": "admin", "acls": [{"acltype": act, "topic": "#", "allow": True}]})
        content["clients"].append({"username": "boss", "roles": holder})

    with_accounts(data, change)
    assert verdicts(found(files.accounts, data)) == {verdict}
    assert "the role admin" in complaints(found(files.accounts, data))


def test_beside_others_users_their_rights_are_looked_at(data: Path) -> None:
    home = beside(data, "user old\ntopic readwrite plant/#\n", "old:$7$x\n")
    assert verdicts(found(files.others_rules, data)) == {"ok"}
    (home / "acl").write_text("user old\ntopic readwrite #\n", encoding="utf-8")
    text = complaints(found(files.others_rules, data))
    assert "acl:2" in text
    assert "--beside" in text
    (home / "acl").unlink()
    assert "cannot be read" in complaints(found(files.others_rules, data))


def test_a_user_whom_an_account_of_ours_shadows_is_told(data: Path) -> None:
    beside(data, "user old\ntopic readwrite plant/#\n", "old:$7$x\nadmin:$7$secret\n")
    text = complaints(found(files.others_rules, data))
    assert "admin" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("number", "version", "verdict"),
    [(10, (2, 0, 11), "ok"), (4_000, (2, 0, 11), "advice"), (4_000, (2, 1, 0), "ok"), (4_000, None, "advice")],
)
def test_thousands_of_accounts_are_much_for_mosquitto_2_0(
    data: Path, number: int, version: tuple[int, ...] | None, verdict: str
) -> None:
    with_accounts(data, lambda content: content.update(clients=[{"username": str(one)} for one in range(number)]))
    assert verdicts(found(files.account_file_size, data, version)) == {verdict}


def test_an_accounts_file_of_root_s_that_the_broker_cannot_write_is_told(data: Path) -> None:
    if os.geteuid() != 0:
        assert verdicts(found(files.modes, data)) == {"ok"}
        return
    changed(data / "operations-broker" / "mosquitto.conf", "user root", "user nobody")
    assert "chown nobody" in complaints(found(files.modes, data))
