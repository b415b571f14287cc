"""What an installation is made of, and what a second start finds."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from bridge.configurations import write_configurations
from bridge.credentials import KeyRing
from bridge.installation import InstallationFault, load, make, read_keys


def files_below(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "some" / "where"


def test_a_fresh_installation_has_keys_logins_and_both_brokers_files(data: Path) -> None:
    made = make(data)
    assert set(files_below(data)) == {
        "bridge/keys.json",
        "bridge/installation.json",
        "bootstrap-broker/acl",
        "bootstrap-broker/passwords",
        "operations-broker/dynamic-security.json",
    }
    assert (made.facts.host, made.facts.port, made.facts.bootstrap_port) == ("127.0.0.1", 1883, 1884)
    assert made.database_url == f"sqlite+aiosqlite:///{data}/bridge/registrations.db"


def test_all_that_an_installation_writes_is_its_owners_alone(data: Path) -> None:
    made = make(data)
    made.write_access()
    write_configurations(made, Path("/plugin.so"))
    for path in [data, *data.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_making_it_again_changes_nothing(data: Path) -> None:
    first = make(data)
    first.write_access()
    before = files_below(data)
    second = make(data)
    second.write_access()
    assert files_below(data) == before
    assert second.facts == first.facts
    assert load(data).facts == first.facts


def test_access_is_written_again_with_the_same_passwords_when_it_is_missing(data: Path) -> None:
    made = make(data)
    made.write_access()
    before = made.folder.access.read_bytes()
    made.folder.access.unlink()
    make(data).write_access()
    assert made.folder.access.read_bytes() == before


def test_access_tells_administrators_and_the_devices_file_does_not(data: Path) -> None:
    made = make(data, host="broker.example", port=2883, bootstrap_port=2884, topic_prefix="site/one")
    made.write_access()
    access: dict[str, Any] = json.loads((data / "access.json").read_bytes())
    assert (access["host"], access["port"], access["bootstrapPort"]) == ("broker.example", 2883, 2884)
    assert (access["topicPrefix"], access["tls"]) == ("site/one", None)
    assert access["bootstrap"]["username"] == "devicebootstrap"
    logins = [(one["tenant"], one["username"], len(one["password"])) for one in access.pop("administrators")]
    assert logins == [("management", "root", 32), ("default", "admin", 32)]
    assert json.loads((data / "bootstrap.json").read_bytes()) == access


def test_every_login_and_client_id_is_drawn_by_itself(data: Path) -> None:
    facts = make(data).facts
    own = [facts.gate, facts.control, facts.info, facts.accounts]
    secrets = [facts.bootstrap_password, *(one.password for one in own), *(one.client_id for one in own)]
    assert len(set(secrets)) == 9
    assert all(len(bytes.fromhex(one.client_id)) == 16 for one in own)
    other = make(data.with_name("other")).facts
    assert other.bootstrap_password != facts.bootstrap_password


def test_the_brokers_know_the_logins_that_were_made(data: Path) -> None:
    made = make(data)
    content = json.loads(made.folder.dynamic_security.read_bytes())
    clients = {client["username"]: client.get("clientid") for client in content["clients"]}
    own = (made.facts.control, made.facts.info, made.facts.accounts)
    assert clients == {"root": None, "admin": None, **{one.username: one.client_id for one in own}}
    users = [line.split(":")[0] for line in (data / "bootstrap-broker" / "passwords").read_text().splitlines()]
    assert users == ["devicebootstrap", made.facts.gate.username]


def test_a_wish_is_kept_and_one_left_out_changes_nothing(data: Path) -> None:
    make(data, port=2883)
    assert make(data, port=None, host=None).facts.port == 2883
    assert make(data, port=3883).facts.port == 3883
    assert load(data).facts.port == 3883


def test_another_prefix_than_the_accounts_are_bound_to_is_refused(data: Path) -> None:
    make(data, topic_prefix="one")
    with pytest.raises(InstallationFault, match="topic prefix"):
        make(data, topic_prefix="two")
    assert load(data).facts.topic_prefix == "one"


def test_an_installation_that_is_not_there_is_told_how_to_make(data: Path) -> None:
    with pytest.raises(InstallationFault, match="init"):
        load(data)


def test_lost_keys_are_never_replaced_by_new_ones(data: Path) -> None:
    made = make(data)
    made.folder.keys.unlink()
    with pytest.raises(InstallationFault, match="restore it from a backup"):
        make(data)
    assert not made.folder.keys.exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"current":"a","keys":{}}',
        '{"current":"a","keys":{"b":"' + base64.b64encode(bytes(32)).decode() + '"}}',
        '{"current":"a","keys":{"a":"' + base64.b64encode(bytes(31)).decode() + '"}}',
        '{"current":"a","keys":{"a":"***"}}',
        '{"current":"a","keys":{"a":7}}',
        '{"current":[],"keys":{"a":"x"}}',
    ],
)
def test_damaged_keys_are_named_and_never_used(data: Path, content: str) -> None:
    folder = make(data).folder
    folder.keys.write_text(content)
    with pytest.raises(InstallationFault, match=r"keys\.json"):
        make(data)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version":1}'])
def test_damaged_facts_are_named(data: Path, content: str) -> None:
    folder = make(data).folder
    folder.facts.write_text(content)
    with pytest.raises(InstallationFault, match=r"installation\.json"):
        load(data)


def test_keys_of_earlier_times_stay_in_the_ring(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = {"old": bytes(32), "new": bytes(range(32))}
    encoded = {name: base64.b64encode(key).decode() for name, key in keys.items()}
    path.write_text(json.dumps({"current": "new", "keys": encoded}))
    assert read_keys(path) == KeyRing(keys, "new")
    assert next(iter(read_keys(path).masters)) == "old"


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(InstallationFault, match="data"):
        make(tmp_path / "data")


def test_the_configurations_have_this_installations_ports_and_paths(data: Path) -> None:
    made = make(data, port=2883, bootstrap_port=2884)
    files = write_configurations(made, Path("/plugin.so"), max_connections=900, extra=("user somebody",))
    operations, bootstrap = files.operations.read_text().splitlines(), files.bootstrap.read_text().splitlines()
    assert "listener 2883 127.0.0.1" in operations
    assert "plugin /plugin.so" in operations
    assert f"plugin_opt_config_file {made.folder.dynamic_security}" in operations
    assert f"persistence_location {made.folder.operations}/" in operations
    assert "listener 2884 127.0.0.1" in bootstrap
    assert f"password_file {made.folder.bootstrap}/passwords" in bootstrap
    assert f"acl_file {made.folder.bootstrap}/acl" in bootstrap
    assert "max_connections 900" in bootstrap
    assert operations[-1] == bootstrap[-1] == "user somebody"


def test_keys_that_are_not_those_of_the_installation_are_refused_in_words(data: Path) -> None:
    made = make(data)
    content = json.loads(made.folder.keys.read_text(encoding="utf-8"))
    (key,) = content["keys"].values()
    made.folder.keys.write_text(json.dumps({"current": "other", "keys": {"other": key}}), encoding="utf-8")
    with pytest.raises(InstallationFault, match=r"keys\.json does not hold: restore"):
        make(data)


def test_what_was_removed_of_the_brokers_files_is_made_again_with_the_same_logins(data: Path) -> None:
    made = make(data)
    made.folder.dynamic_security.unlink()
    again = make(data)
    assert again.facts == made.facts
    clients = json.loads(made.folder.dynamic_security.read_bytes())["clients"]
    assert {client["username"] for client in clients} >= {"root", "admin", "bridge-control"}
