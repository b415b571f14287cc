"""The command line without brokers: usage, labels, status."""

import json
from pathlib import Path

import pytest
import typer.core
import typer.main
from typer.testing import CliRunner, Result

from device_sim.cli import app
from device_sim.memory import Approach, Credentials, Memory
from device_sim.sealing import key_fingerprint, new_private_key
from device_sim.store import StateStore
from tests.device_sim.mosquitto import free_port


@pytest.fixture
def bootstrap_file(tmp_path: Path) -> Path:
    """A bootstrap.json that leads nowhere."""
    path = tmp_path / "bootstrap.json"
    login = {"username": "devicebootstrap", "password": "everybody knows"}
    ports = {"port": free_port(), "bootstrapPort": free_port()}
    path.write_text(json.dumps({"host": "127.0.0.1", "topicPrefix": "", "tls": None, "bootstrap": login} | ports))
    return path


def invoke(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])


def run(bootstrap_file: Path, *arguments: object) -> Result:
    """Run a fleet that gives up at once."""
    state = bootstrap_file.parent / "state"
    quick = ("--connect-timeout", 0.1, "--bootstrap-file", bootstrap_file, "--state", state)
    return invoke("run", *quick, *arguments)


def test_a_fleet_that_never_reaches_a_broker_ends_with_status_3_and_says_where_it_looked(bootstrap_file: Path) -> None:
    result = run(bootstrap_file, "--count", 3)
    assert result.exit_code == 3
    ports = json.loads(bootstrap_file.read_text())
    assert f"ports {ports['bootstrapPort']} (bootstrap) and {ports['port']} (operations)" in result.output
    assert "still waiting" in result.output


def test_the_summary_for_scripts_is_one_json_object_on_standard_output(bootstrap_file: Path) -> None:
    result = run(bootstrap_file, "--count", 2, "--json", "--misbehave", "garbage", "--misbehaving", 1)
    summary = json.loads(result.stdout)
    assert summary["ok"] is False
    assert summary["exitStatus"] == result.exit_code == 3
    assert summary["end"] == "unreachable"
    assert summary["devices"]["waiting"] == summary["misbehaving"]["devices"] == 1
    assert summary["waitingIds"] == ["sim-001"]
    assert "everybody knows" not in result.output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--line", "--sealed"], "cannot be sealed"),
        (["--stay", "--for", 3], "exclude each other"),
        (["--count", 3, "--id", "pump-7"], "--count goes with"),
        (["--id", "a/b"], "a device id holds no"),
        (["--id", "pump-7", "--id", "pump-7"], "is there twice"),
        (["--prefix", "a b"], "a device id holds no"),
        (["--ids-from", "/nowhere/ids"], "cannot be read"),
        (["--misbehaving", 1], "needs --misbehave"),
        (["--count", 2, "--misbehave", "garbage", "--misbehaving", 3], "3 of 2"),
        (["--misbehave", "garbage"], "has to keep to the contract"),
        (["--misbehave", "other-id", "--stay"], "has to keep to the contract"),
        (["--count", 0], "--count"),
        (["--mqtt", 4], "--mqtt"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_a_reason(
    bootstrap_file: Path, arguments: list[object], reason: str
) -> None:
    result = run(bootstrap_file, *arguments)
    assert result.exit_code == 2
    assert reason in result.output


def test_an_unusable_bootstrap_file_ends_with_status_2_and_one_sentence(tmp_path: Path) -> None:
    for content in (None, "{"):
        path = tmp_path / "bootstrap.json"
        if content:
            path.write_text(content)
        result = run(path)
        assert result.exit_code == 2
        assert len(result.stderr.strip().splitlines()) == 1
        assert str(path) in result.stderr
        assert not (tmp_path / "state").exists()


def test_a_state_directory_in_use_and_a_damaged_memory_end_with_status_2(bootstrap_file: Path) -> None:
    store = StateStore(bootstrap_file.parent / "state")
    with store.locked():
        assert "another device-sim" in (result := run(bootstrap_file)).stderr
        assert result.exit_code == 2
        store.path("sim-001").write_text("{")
    assert "is damaged" in (result := run(bootstrap_file)).stderr
    assert result.exit_code == 2


def test_unusable_labels_end_with_status_2(bootstrap_file: Path) -> None:
    labels = bootstrap_file.parent / "labels.csv"
    labels.write_text("id,token\npump-7,{brace\n")
    result = run(bootstrap_file, "--labels", labels, "--id", "pump-7", "--line")
    assert "leave out --line" in result.output
    assert result.exit_code == 2
    labels.write_text("nonsense")
    assert run(bootstrap_file, "--labels", labels).exit_code == 2


def test_ids_may_be_given_one_by_one_and_from_a_file(bootstrap_file: Path) -> None:
    (bootstrap_file.parent / "ids").write_text("\npump-8\n Wärmepumpe-7 \n")
    result = run(bootstrap_file, "--json", "--id", "pump-7", "--ids-from", bootstrap_file.parent / "ids")
    assert json.loads(result.stdout)["waitingIds"] == ["pump-7", "pump-8", "Wärmepumpe-7"]
    (bootstrap_file.parent / "ids").write_text("\n")
    assert run(bootstrap_file, "--ids-from", bootstrap_file.parent / "ids").exit_code == 2


def test_a_run_writes_labels_that_the_labels_command_prints_with_the_key_fingerprints(bootstrap_file: Path) -> None:
    state = bootstrap_file.parent / "state"
    run(bootstrap_file, "--count", 2, "--tokens", "mixed")
    printed = json.loads(invoke("labels", "--state", state, "--json").stdout)
    assert [label["id"] for label in printed] == ["sim-001", "sim-002"]
    assert printed[0]["token"] is None
    assert printed[1]["token"] in (state / "labels.csv").read_text()
    table = invoke("labels", "--state", state).stdout
    for label in printed:
        memory = StateStore(state).load(label["id"])
        assert memory
        assert memory.approach.private_key
        assert memory.approach.token == label["token"]
        assert key_fingerprint(memory.approach.private_key) == label["keyFingerprint"]
        assert label["keyFingerprint"] in table
    assert printed[1]["token"] in table


def test_a_second_run_says_that_devices_go_on_as_they_began(bootstrap_file: Path) -> None:
    assert "go on with the call" not in run(bootstrap_file).output
    assert "1 devices go on with the call" in run(bootstrap_file, "--line").output


@pytest.mark.parametrize(
    ("arguments", "sealed"),
    [
        ((), True),
        (("--sealed",), True),
        (("--plain",), True),
        (("--no-sealed",), False),
        (("--line",), False),
        (("--line", "--no-sealed"), False),
    ],
    ids=lambda value: " ".join(value) or "nothing said" if isinstance(value, tuple) else "",
)
def test_devices_ask_for_sealed_answers_unless_they_cannot_or_shall_not(
    bootstrap_file: Path, arguments: tuple[str, ...], sealed: bool
) -> None:
    run(bootstrap_file, *arguments)
    (memory,) = StateStore(bootstrap_file.parent / "state").memories()
    assert (memory.approach.private_key is not None) is sealed


@pytest.mark.parametrize(("before", "after"), [("--no-sealed", ()), ("--sealed", ("--no-sealed",))])
def test_devices_that_wait_go_on_with_the_key_that_they_began_with_or_without_one(
    bootstrap_file: Path, before: str, after: tuple[str, ...]
) -> None:
    store = StateStore(bootstrap_file.parent / "state")
    run(bootstrap_file, "--count", 2, before)
    first = store.memories()
    assert "2 devices go on with the call" in run(bootstrap_file, "--count", 2, *after).output
    assert store.memories() == first
    run(bootstrap_file, "--count", 3, *after)
    assert [memory.approach.private_key is None for memory in store.memories()] == [
        *[memory.approach.private_key is None for memory in first],
        "--no-sealed" in after,
    ]


def test_without_a_token_means_that_the_label_has_one(bootstrap_file: Path) -> None:
    run(bootstrap_file, "--count", 2, "--misbehave", "no-token")
    lines = (bootstrap_file.parent / "state" / "labels.csv").read_text().splitlines()
    assert lines[1] == "sim-001,"
    assert len(lines[2]) > len("sim-002,")


def test_status_prints_what_devices_remember_but_no_secret(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    own = Credentials(tenant="t1", username="t1/device_a", password="secret", client_id="a")
    key = new_private_key()
    with store.locked():
        store.save(Memory("a", Approach("c" * 32, token="LABEL", private_key=key), own))
        store.save(Memory("[b]", Approach("d" * 32)))
    entries = json.loads(invoke("status", "--state", tmp_path, "--json").stdout)
    assert [(entry["id"], entry["state"], entry["tenant"]) for entry in entries] == [
        ("[b]", "waiting", None),
        ("a", "credentials", "t1"),
    ]
    table = invoke("status", "--state", tmp_path).stdout
    assert "[b]" in table
    assert "has credentials" in table
    assert key_fingerprint(key) in table
    assert not any(word in table + json.dumps(entries) for word in ("secret", "LABEL", "c" * 32))


@pytest.mark.parametrize("command", ["labels", "status"])
def test_a_missing_state_directory_is_said_so(tmp_path: Path, command: str) -> None:
    result = invoke(command, "--state", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "there is no state directory" in result.stderr


@pytest.mark.parametrize("command", ["run", "labels", "status"])
def test_every_command_and_option_has_help(command: str) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    found = group.commands[command]
    assert found.help
    assert all(getattr(parameter, "help", None) for parameter in found.params)


def test_the_help_of_run_names_every_exit_status() -> None:
    text = invoke("run", "--help").stdout
    assert all(status in text for status in ("0", "1", "2", "3", "130", "143"))
    assert "DEVICE_SIM_BOOTSTRAP_FILE" in text
