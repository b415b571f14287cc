"""Whose names are taken on a broker that ran before."""

import json
from pathlib import Path

import pytest

from bridge.folder import Folder
from bridge.neighbours import Neighbours


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An installation beside a broker with one user in a password file and one in the plugin's file."""
    made = Folder(tmp_path / "data")
    made.bridge.mkdir(parents=True)
    (tmp_path / "passwords").write_text("old:$7$101$c2FsdA==$aGFzaA==\n", encoding="utf-8")
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(f"listener 1883\npassword_file {tmp_path}/passwords\n", encoding="utf-8")
    accounts = tmp_path / "accounts.json"
    clients = [{"username": "plain"}, {"username": "jo", "textname": "bootstrap-bridge"}]
    accounts.write_text(json.dumps({"clients": clients, "roles": [], "groups": []}), encoding="utf-8")
    beside = {"configuration": str(configuration), "dynamicSecurity": str(accounts)}
    made.beside.write_text(json.dumps(beside), encoding="utf-8")
    return made


def test_an_installation_with_a_broker_of_its_own_has_no_neighbours(tmp_path: Path) -> None:
    assert Neighbours(Folder(tmp_path)).names() == frozenset()


def test_users_of_the_password_file_and_of_the_plugin_are_neighbours_and_our_own_accounts_are_not(
    folder: Folder,
) -> None:
    assert Neighbours(folder).names() == {"old", "plain"}


def test_a_user_who_came_since_is_known(folder: Folder, tmp_path: Path) -> None:
    neighbours = Neighbours(folder)
    neighbours.names()
    with (tmp_path / "passwords").open("a", encoding="utf-8") as file:
        file.write("new:$7$101$c2FsdA==$aGFzaA==\n")
    assert "new" in neighbours.names()


def test_of_a_file_that_cannot_be_read_any_more_what_was_known_holds(folder: Folder, tmp_path: Path) -> None:
    neighbours = Neighbours(folder)
    neighbours.names()
    (tmp_path / "passwords").unlink()
    assert neighbours.names() == {"old", "plain"}
    (tmp_path / "accounts.json").write_text("no JSON", encoding="utf-8")
    assert Neighbours(folder).names() == frozenset()
