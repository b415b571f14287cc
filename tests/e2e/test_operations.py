"""What an operator has: the port with health and figures on the real process, and how it ends on signals."""

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.stopping import HUNG, LIMIT
from tests.e2e.peer import administrator
from tests.e2e.scenes import bring_in, enter
from tests.e2e.site import BIN, ApartSite, Process, UpSite, free_ports, wait_until
from tests.e2e.test_crash import brokers_on

TERM, INT = signal.SIGTERM, signal.SIGINT
PATIENCE = 120.0
"""Seconds, on a machine that has much else to do: a broker begins again, sessions come back one after the other."""


def shown(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def ready(port: int) -> tuple[int, dict[str, Any]]:
    status, text = shown(port, "/readyz")
    content: dict[str, Any] = json.loads(text)
    return status, content


def figure(port: int, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", shown(port, "/metrics")[1], re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def lines(process: Process) -> list[dict[str, Any]]:
    """The log of a process, its lines as JSON."""
    return [json.loads(line) for line in process.output.splitlines() if line.startswith("{")]


def events(process: Process) -> list[str]:
    return [line["event"] for line in lines(process)]


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[ApartSite]:
    chosen = ApartSite(tmp_path / "data")
    try:
        yield chosen
    finally:
        for process in chosen.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.process.send_signal(signal.SIGCONT)
        chosen.stop()


def serve(site: ApartSite, *options: str, **env: str) -> Process:
    site.generation += 1
    log = site.data.parent / f"serve.{site.generation}.log"
    words = [str(BIN / "bootstrap-bridge"), "serve", "--data", str(site.data), *options]
    started = site.processes["serve"] = Process.start(words, log, **env)
    return started


async def test_the_port_tells_of_the_whole_way_of_a_device_and_of_a_broker_that_is_away(own_site: UpSite) -> None:
    own_site.start("--port", "0", "--bootstrap-port", "0", "--metrics-port", "0")
    said = re.search(r"http://127\.0\.0\.1:(\d+)/healthz", own_site.up.output)
    assert said is not None, own_site.up.output
    port = int(said[1])
    status, text = shown(port, "/healthz")
    assert (status, json.loads(text)["status"]) == (200, "ok")
    assert ready(port)[0] == 200
    access = own_site.access
    async with administrator(access) as admin:
        await bring_in(access, admin, "seen-1")
        assert (await admin.answer("accept", {"id": "nobody"}))["ok"] is False
    wait_until(
        lambda: figure(port, 'bootstrap_bridge_registration_events_total{event="confirmed"}') == 1, "it is confirmed"
    )
    assert figure(port, 'bootstrap_bridge_refusals_total{code="NOT_FOUND"}') == 1
    assert figure(port, "bootstrap_bridge_call_to_pending_seconds_count") == 1
    assert figure(port, "bootstrap_bridge_accept_to_delivered_seconds_count") == 1
    assert figure(port, 'bootstrap_bridge_accounts{kind="device",state="installed"}') == 1
    assert figure(port, 'bootstrap_bridge_registrations{status="ACCEPTED"}') == 1
    pid = own_site.broker_pids()["operations-broker"]
    os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: figure(port, 'bootstrap_bridge_session_ends_total{reason="Disconnected",session="control"}') >= 1,
        "the session has ended",
        PATIENCE,
    )
    wait_until(lambda: ready(port)[0] == 200, "all serves again", PATIENCE)


def test_a_port_that_is_taken_is_named_with_who_holds_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        site = UpSite(tmp_path / "data")
        done = site.cli("up", "--port", "0", "--bootstrap-port", "0", "--metrics-port", str(port))
    text = done.stdout + done.stderr
    assert done.returncode == 3, text
    assert str(port) in text
    assert str(os.getpid()) in text
    assert "--metrics-port" in text
    assert "Traceback" not in text
    assert brokers_on(tmp_path / "data") == {}


@pytest.mark.parametrize(("number", "form"), [(TERM, "auto"), (INT, "text")])
def test_a_bridge_without_brokers_tells_what_it_lacks_and_ends_on_a_signal(
    apart: ApartSite, number: signal.Signals, form: str
) -> None:
    ports = free_ports(3)
    assert apart.cli("init", "--port", str(ports[0]), "--bootstrap-port", str(ports[1])).returncode == 0
    started = serve(apart, "--metrics-port", str(ports[2]), "--log-format", form)
    wait_until(lambda: "session ended" in started.output, "no broker answers", PATIENCE)

    def away(part: str) -> str:
        reasons = {one["name"]: one["reason"] for one in ready(ports[2])[1]["notReady"]}
        return str(reasons[part])

    for part, port in (("calls", ports[1]), ("control", ports[0])):
        wait_until(lambda part=part, port=port: str(port) in away(part), f"{part} says where nobody answers", PATIENCE)
    status, content = ready(ports[2])
    assert status == 503
    assert all(part["since"] for part in content["notReady"])
    assert shown(ports[2], "/healthz")[0] == 200
    assert started.stop(number) == 0
    if form == "text":
        assert lines(started) == []
        assert "stopped" in started.output
    else:
        assert list(lines(started)[0])[:3] == ["timestamp", "level", "event"]
        assert events(started)[-1] == "stopped"


async def test_the_stages_are_gone_through_in_their_order_and_systemd_hears_of_it(
    apart: ApartSite, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        apart.start()
        apart.processes["serve"].stop()
        started = serve(apart, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="60000000")
        heard: list[str] = []

        def told(word: str) -> bool:
            heard.append(listening.recv(4096).decode())
            return any(word in one for one in heard)

        wait_until(lambda: told("READY=1"), "systemd is told that it is ready")
        assert [one for one in heard if "READY=1" in one] == ["READY=1\nSTATUS=ready"]
        wait_until(lambda: told("WATCHDOG=1"), "systemd is told that it is alive")
        assert started.stop() == 0
        listening.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            while True:
                heard.append(listening.recv(4096).decode())
    assert [line["stage"] for line in lines(started) if line["event"] == "stage done"] == [
        "take nothing more",
        "bring out what is done",
        "say offline",
        "leave the brokers",
        "close the database",
    ]
    stopping = [one for one in heard if "STOPPING=1" in one]
    assert len(stopping) == 5
    assert "STATUS=stopping: take nothing more" in stopping[0]


async def test_what_was_accepted_a_moment_before_the_signal_is_brought_out(apart: ApartSite) -> None:
    apart.start()
    access = apart.access
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        callers = []
        for number in range(20):
            await admin.ok("register", {"id": f"late-{number}"})
            callers.append(await enter(stack, access, f"late-{number}", {}))
        assert (await admin.ok("accept-all", {}))["acceptedCount"] == 20
        assert apart.processes["serve"].stop() == 0
        for caller in callers:
            assert (await caller.peer.next_json())["status"] == "ACCEPTED"
    with sqlite3.connect(f"file:{apart.data}/bridge/registrations.db?mode=ro", uri=True) as connection:
        (delivered,) = connection.execute("select count(*) from registrations where delivered is not null").fetchone()
    connection.close()
    assert delivered == 20


def test_brokers_that_hang_do_not_keep_up_from_ending(own_site: UpSite) -> None:
    own_site.start()
    pids = list(own_site.broker_pids().values())
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    own_site.up.process.send_signal(TERM)
    status = own_site.up.process.wait(2 * LIMIT)
    assert status in {0, HUNG}, own_site.up.output
    assert "end the brokers" in own_site.up.output
    assert brokers_on(own_site.data) == {}
    assert time.monotonic() - began < 2 * LIMIT
    own_site.start()


@pytest.mark.parametrize("number", [TERM, INT])
def test_a_second_signal_ends_at_once_and_the_next_start_goes_on(own_site: UpSite, number: signal.Signals) -> None:
    own_site.start()
    up = own_site.up
    pids = list(own_site.broker_pids().values())
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        up.process.send_signal(TERM)
        wait_until(lambda: "stage done" in up.output, "the shutdown has begun")
        assert up.process.poll() is None
        up.process.send_signal(number)
        assert up.process.wait(20) == 128 + number
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    assert "ended at once, at the stage" in up.output
    wait_until(lambda: not brokers_on(own_site.data), "the brokers end with it")
    own_site.start()


def test_a_signal_while_the_tables_are_made_leaves_a_database_that_can_be_used(apart: ApartSite) -> None:
    ports = free_ports(2)
    assert apart.cli("init", "--port", str(ports[0]), "--bootstrap-port", str(ports[1])).returncode == 0
    database = apart.data / "bridge" / "registrations.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        started = serve(apart)
        wait_until(lambda: "starting" in events(started), "it has begun")
        started.process.send_signal(TERM)
        assert started.process.wait(2 * LIMIT) == 0, started.output
        assert "Traceback" not in started.output
    for name in ("operations", "bootstrap"):
        apart.start_broker(name)
    apart.start_bridge()


async def test_a_signal_in_a_bulk_file_keeps_what_was_committed_and_the_file_can_be_sent_again(
    own_site: UpSite,
) -> None:
    own_site.start()
    rows = 12_000
    file = "ID;PATH\n" + "".join(f"bulk-{number};Group\n" for number in range(rows))
    async with administrator(own_site.access) as admin:
        await admin.peer.publish("control/default/admin/request/bulk-register", file.encode())
        database = own_site.data / "bridge" / "registrations.db"

        def begun() -> bool:
            with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
                return bool(connection.execute("select 1 from registrations limit 1").fetchall())

        wait_until(begun, "a part is committed")
        assert own_site.up.stop() == 0, own_site.up.output
    own_site.start()
    async with administrator(own_site.access) as admin:
        answer = await admin.answer("bulk-register", file.encode())
        assert answer["result"]["numberOfSuccessful"] == rows
        counts = (await admin.ok("list", {"limit": 1}))["counts"]
        assert counts["WAITING_FOR_CONNECTION"] == rows
