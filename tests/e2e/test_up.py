"""`up` as a person meets it: a second one, a taken port, Ctrl-C."""

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from bridge.stopping import LIMIT
from tests.e2e.peer import administrator
from tests.e2e.scenes import assert_refused, assert_serves
from tests.e2e.site import BIN, UpSite, free_ports, run, running
from tests.e2e.test_crash import brokers_on


def up(data: Path, *words: str) -> tuple[int, str]:
    done = run(str(BIN / "bootstrap-bridge"), "up", "--data", str(data), *words)
    return done.returncode, done.stdout + done.stderr


async def test_a_second_up_on_the_same_folder_is_refused_and_the_first_goes_on(own_site: UpSite) -> None:
    own_site.start()
    access = own_site.access
    status, text = up(own_site.data)
    assert status == 1, text
    assert str(own_site.data) in text.replace("\n", "")
    assert "Traceback" not in text
    assert len(text.splitlines()) < 10
    assert own_site.access == access
    assert len(brokers_on(own_site.data)) == 2
    await assert_serves(access, "second-up")


@pytest.mark.parametrize("which", ["--port", "--bootstrap-port"])
def test_a_taken_port_is_named_with_who_holds_it(tmp_path: Path, which: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        (other,) = free_ports(1)
        rest = "--bootstrap-port" if which == "--port" else "--port"
        status, text = up(tmp_path / "data", which, str(port), rest, str(other))
    assert status == 3, text
    assert str(port) in text
    assert str(os.getpid()) in text, "who holds it"
    assert "Traceback" not in text
    assert brokers_on(tmp_path / "data") == {}


def test_a_port_taken_by_another_mosquitto_is_named_so(own_site: UpSite, tmp_path: Path) -> None:
    own_site.start()
    port = own_site.access["port"]
    status, text = up(tmp_path / "other", "--port", str(port), "--bootstrap-port", "0")
    assert status == 3, text
    assert "mosquitto" in text
    assert len(brokers_on(own_site.data)) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.alone
async def test_a_signal_ends_all_and_the_next_start_goes_on(own_site: UpSite, number: signal.Signals) -> None:
    own_site.start()
    access = own_site.access
    async with administrator(access) as admin:
        await admin.ok("register", {"id": "kept-1"})
        began = time.monotonic()
        assert own_site.up.stop(number) == 0
        assert time.monotonic() - began < LIMIT
        await admin.peer.thrown_out()
    assert brokers_on(own_site.data) == {}
    assert "Traceback" not in own_site.up.output
    own_site.start()
    assert own_site.access == access
    async with administrator(access) as admin:
        assert (await admin.get("kept-1"))["status"] == "WAITING_FOR_CONNECTION"


def test_port_0_takes_free_ports_so_that_two_installations_stand_side_by_side(tmp_path: Path) -> None:
    with running(UpSite(tmp_path / "one")) as one, running(UpSite(tmp_path / "two")) as two:
        ports = [site.access[name] for site in (one, two) for name in ("port", "bootstrapPort")]
        assert len(set(ports)) == 4
        assert all(port > 0 for port in ports)
        passwords = [entry["password"] for site in (one, two) for entry in site.access["administrators"]]
        assert len(set(passwords)) == 4, "each installation has its own"


def test_the_files_tell_what_the_contract_says(own_site: UpSite) -> None:
    own_site.start()
    access = own_site.access
    assert set(access) == {"host", "port", "bootstrapPort", "topicPrefix", "tls", "bootstrap", "administrators"}
    assert (access["host"], access["tls"]) == ("127.0.0.1", None)
    assert access["bootstrap"]["username"] == "devicebootstrap"
    assert [(one["tenant"], one["username"]) for one in access["administrators"]] == [
        ("management", "root"),
        ("default", "admin"),
    ]
    content = json.loads((own_site.data / "bootstrap.json").read_text())
    assert content == {name: value for name, value in access.items() if name != "administrators"}
    passwords = [access["bootstrap"]["password"], *(one["password"] for one in access["administrators"])]
    for password in passwords:
        assert password not in own_site.up.output
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and (folder / "cmdline").exists():
                assert password.encode() not in (folder / "cmdline").read_bytes(), "process list"


def test_every_file_with_a_secret_is_closed_to_others(own_site: UpSite) -> None:
    own_site.start()
    open_to_others = [
        str(path.relative_to(own_site.data))
        for path in own_site.data.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077 and own_site.data.stat().st_mode & 0o005
    ]
    assert open_to_others == []


def test_keys_that_are_not_those_of_the_database_are_refused_in_words(own_site: UpSite) -> None:
    own_site.start()
    own_site.stop()
    keys = own_site.data / "bridge" / "keys.json"
    content = json.loads(keys.read_text(encoding="utf-8"))
    (name,) = content["keys"]
    keys.write_text(json.dumps({"current": "other", "keys": {"other": content["keys"][name]}}), encoding="utf-8")
    done = own_site.cli("up", "--port", "0", "--bootstrap-port", "0")
    assert done.returncode == 1
    assert "keys.json" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_first_administrator_that_was_deleted_stays_deleted(own_site: UpSite) -> None:
    own_site.start()
    async with administrator(own_site.access, "management") as root:
        await root.ok("delete-administrator", {"name": "admin"})
    own_site.stop()
    (own_site.data / "access.json").rename(own_site.data / "old.json")
    own_site.start()
    assert [one["username"] for one in own_site.access["administrators"]] == ["root"]
    old = json.loads((own_site.data / "old.json").read_text(encoding="utf-8"))["administrators"][1]
    await assert_refused(own_site.access["port"], old["username"], old["password"], None)
