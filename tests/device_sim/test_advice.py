"""The commands an administrator is told."""

import shutil
import subprocess
from pathlib import Path

import pytest

from device_sim.advice import accept_commands, data_option, register_command
from device_sim.plan import numbered_ids


@pytest.mark.parametrize(
    ("ids", "command"),
    [
        (["sim-001"], "bootstrap-bridge register sim-001"),
        (["pump-1", "pump-3"], "bootstrap-bridge register pump-1 pump-3"),
        (["it's", "[a]"], "bootstrap-bridge register 'it'\"'\"'s' '[a]'"),
        (["-x", "y"], "bootstrap-bridge register -- -x y"),
        (numbered_ids("sim-", 50), "seq -f sim-%03g 1 50 | bootstrap-bridge register -"),
        (["a&b-09", "a&b-10"], "seq -f 'a&b-%02g' 9 10 | bootstrap-bridge register -"),
        (["p-9", "p-10"], "bootstrap-bridge register p-9 p-10"),
        (["p-\u0967", "p-\u0968"], "bootstrap-bridge register 'p-\u0967' 'p-\u0968'"),
    ],
)
def test_the_command_that_registers_fits_the_ids(ids: list[str], command: str) -> None:
    assert register_command(ids) == command


def test_many_ids_without_an_order_go_through_a_pipe() -> None:
    ids = [f"x{number * 7}" for number in range(30)]
    assert register_command(ids, " --data d").startswith("printf '%s\\n' x0 x7 ")
    assert register_command(ids, " --data d").endswith(" | bootstrap-bridge register --data d -")


@pytest.mark.parametrize(
    "ids",
    [
        numbered_ids("sim-", 50),
        numbered_ids("a&b'", 1200)[900:],
        ["it's", "[a]", "-x", "ポンプ", "a*"],
        [f"x{number * 7}" for number in range(30)],
        ["p-9999998", "p-9999999"],
    ],
)
def test_the_shell_hands_over_exactly_these_ids(tmp_path: Path, ids: list[str]) -> None:
    bridge = tmp_path / "bootstrap-bridge"
    bridge.write_text(
        '#!/bin/sh\nshift\ncase "$1" in --data) shift 2;; esac\n'
        'if [ "$1" = - ]; then cat; else if [ "$1" = -- ]; then shift; fi; printf "%s\\n" "$@"; fi\n'
    )
    bridge.chmod(0o755)
    shell = shutil.which("sh")
    assert shell
    done = subprocess.run(
        [shell, "-c", register_command(ids, " --data 'a b'")],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        check=True,
        timeout=10,
    )
    assert done.stdout.decode().splitlines() == ids


def test_devices_with_a_token_are_accepted_one_by_one_the_others_at_once() -> None:
    ids = numbered_ids("sim-", 3)
    assert accept_commands(ids, {}) == ["bootstrap-bridge accept-all"]
    mixed = accept_commands(ids, {"sim-002": "LABEL"}, " --data d")
    assert mixed == ["bootstrap-bridge accept-all --data d", "bootstrap-bridge accept --data d sim-002"]
    assert accept_commands(["-x"], {"-x": "LABEL"}) == ["bootstrap-bridge accept -- -x"]


def test_a_data_directory_is_named_unless_it_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert data_option(Path("var/bootstrap.json")) == ""
    assert data_option(tmp_path / "var" / "bootstrap.json") == ""
    assert data_option(Path("/srv/a b/bootstrap.json")) == " --data '/srv/a b'"
    assert data_option(Path("/etc/devices.json")) == ""
