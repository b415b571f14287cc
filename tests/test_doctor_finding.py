"""What the doctor looks at: files that can be read, and those that cannot are findings themselves."""

import json
import shutil
from pathlib import Path

import pytest

from bridge.doctor.finding import NothingThere, look_at
from tests.ailing import complaints, healthy


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return healthy(tmp_path / "data").folder.path


def test_a_whole_installation_is_read_without_a_fault(data: Path) -> None:
    found = look_at(data)
    assert found.faults == ()
    assert found.made is not None
    assert found.accounts is not None
    assert found.operations is not None
    assert found.operations.dynamic_security is not None
    assert not found.is_beside


def test_where_there_is_no_installation_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NothingThere, match="bootstrap-bridge init"):
        look_at(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bridge/keys.json", "keys.json"),
        ("bridge/installation.json", "installation.json"),
        ("operations-broker/dynamic-security.json", "dynamic-security.json"),
        ("operations-broker/mosquitto.conf", "operations-broker"),
        ("bootstrap-broker/mosquitto.conf", "bootstrap-broker"),
    ],
)
def test_a_file_that_is_gone_or_damaged_is_a_problem_and_the_rest_is_still_read(
    data: Path, name: str, words: str
) -> None:
    (data / name).write_bytes(b"\xff{")
    found = look_at(data)
    assert words in complaints(found.faults)
    (data / name).unlink()
    found = look_at(data)
    assert words in complaints(found.faults)
    assert len(found.faults) == 1


def test_beside_anothers_broker_its_configuration_and_accounts_are_looked_at(data: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.conf"
    theirs.write_text("listener 1999 127.0.0.1\n", encoding="utf-8")
    accounts = data / "operations-broker" / "dynamic-security.json"
    note = data / "bridge" / "beside.json"
    note.write_text(json.dumps({"configuration": str(theirs), "dynamicSecurity": str(accounts)}), encoding="utf-8")
    found = look_at(data)
    assert found.is_beside
    assert found.operations is not None
    assert found.operations.path == theirs
    note.write_text("{}", encoding="utf-8")
    assert "beside.json" in complaints(look_at(data).faults)


def test_a_brokers_folder_that_is_on_another_machine_is_no_problem(data: Path) -> None:
    shutil.rmtree(data / "operations-broker")
    found = look_at(data)
    assert (found.operations, found.accounts) == (None, None)
    assert complaints(found.faults).startswith("advice")
