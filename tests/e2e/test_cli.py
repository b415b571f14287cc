"""The commands as a new user types them, in processes of their own."""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.peer import administrator, device
from tests.e2e.scenes import accepted, enter
from tests.e2e.site import BIN, PATIENCE, ApartSite, Process, UpSite, run, running, wait_until

PROGRAM = str(BIN / "bootstrap-bridge")
COMMANDS = [
    *("register", "list", "get", "accept", "accept-all", "delete", "get-option", "set-option", "list-options", "stats"),
    *("list-groups", "create-group", "delete-group", "list-devices", "get-device", "update-device", "delete-device"),
    *("list-unregistered", "audit", "list-tenants", "create-tenant"),
    *("create-administrator", "delete-administrator", "list-administrators"),
    *("create-application", "delete-application", "list-applications"),
    *("watch", "up", "init", "serve", "doctor"),
    *("bulk-register", "bulk-validate", "template"),
]
PLAIN: dict[str, Any] = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpSite]:
    """An installation for the commands of this module; ids are each test's own."""
    with running(UpSite(tmp_path_factory.mktemp("cli") / "data")) as site:
        assert isinstance(site, UpSite)
        yield site


@pytest.fixture(scope="module", autouse=True)
def asked_in_vain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A command at brokers that run and a bridge that does not; it is patient, so it begins with the module."""
    folder = tmp_path_factory.mktemp("vain")
    with running(ApartSite(folder / "data")) as site:
        site.kill_bridge()
        words = [PROGRAM, "register", "away-1", "--data", str(site.data)]
        command = Process.start(words, folder / "vain.log", **PLAIN)
        try:
            yield command
        finally:
            command.stop()


def said(done: subprocess.CompletedProcess[str], status: int) -> str:
    """Check the exit status and that what is said is for people; return it."""
    text = done.stdout + done.stderr
    assert done.returncode == status, text
    assert "Traceback" not in text
    if status:
        assert done.stderr.strip(), "a failure says why, on the error output"
    return text


def as_json(done: subprocess.CompletedProcess[str], status: int = 0) -> dict[str, Any]:
    assert done.returncode == status, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["ok"] is (status == 0)
    return answer


async def called(at: UpSite, device_id: str, **call: Any) -> None:
    """A device has called once and gone away."""
    async with device(at.access, device_id) as caller:
        await caller.ask(call)


def test_with_nothing_registered_the_list_says_how_to_begin(at: UpSite) -> None:
    text = said(at.cli("list"), 0)
    assert "bootstrap-bridge register" in text
    assert as_json(at.cli("list", "--json"))["result"]["registrations"] == []


async def test_the_main_job_by_command_line(at: UpSite) -> None:
    assert "cli-1" in said(at.cli("register", "cli-1", "--name", "Pump 1"), 0)
    assert "Waiting for connection" in said(at.cli("list"), 0)
    async with device(at.access, "cli-1") as caller:
        await caller.ask({"securityToken": "label-1"})
        assert "Pending acceptance" in said(at.cli("list"), 0)
        text = said(at.cli("accept", "cli-1"), 1)
        assert "token" in text
        assert "TOKEN_MISMATCH" in said(at.cli("accept", "cli-1", "--token", "wrong"), 1)
        assert "cli-1" in said(at.cli("accept", "cli-1", "--token", "-", stdin="label-1\n"), 0)
        assert (await accepted(caller))["deviceId"] == "cli-1"
    text = said(at.cli("get", "cli-1"), 0)
    assert "Accepted" in text
    assert "Pump 1" in text
    assert "deleted" in said(at.cli("delete", "cli-1"), 0)
    assert "NOT_FOUND" in said(at.cli("get", "cli-1"), 1)


async def test_a_token_comes_from_a_file_or_the_line(at: UpSite, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("label-2\n")
    said(at.cli("register", "token-1", "token-2"), 0)
    await called(at, "token-1", securityToken="label-2")
    await called(at, "token-2", securityToken="label-2")
    said(at.cli("accept", "token-1", "--token-file", str(file)), 0)
    said(at.cli("accept", "token-2", "--token", "label-2"), 0)
    said(at.cli("register", "token-3", "--token-file", str(file), "--auto-accept"), 0)
    async with device(at.access, "token-3") as caller:
        await caller.call({"securityToken": "label-2"})
        await accepted(caller)
    said(at.cli("accept", "token-3", "--token-file", str(tmp_path / "none")), 2)
    assert "TOKEN_REQUIRED" in said(at.cli("register", "token-4", "--auto-accept"), 1)


async def test_json_prints_the_answer_as_it_came(at: UpSite) -> None:
    answer = as_json(at.cli("register", "json-1", "--json"))
    assert answer["command"] == "register"
    assert answer["result"]["created"][0]["id"] == "json-1"
    answer = as_json(at.cli("register", "json-1", "--json"), 1)
    assert answer["error"]["code"] == "ALREADY_REGISTERED"
    async with administrator(at.access) as admin:
        assert as_json(at.cli("get", "json-1", "--json"))["result"] == await admin.get("json-1")
    assert as_json(at.cli("get", "json-0", "--json"), 1)["error"]["code"] == "NOT_FOUND"
    assert as_json(at.cli("stats", "--json"))["command"] == "stats"
    assert as_json(at.cli("list-options", "--json"))["result"]["options"]
    assert as_json(at.cli("delete", "json-1", "--json"))["result"]["deleted"] == ["json-1"]


def test_ids_come_from_standard_input_even_more_than_a_message_holds(at: UpSite) -> None:
    ids = [f"stdin-{number:04}" for number in range(1500)]
    assert "1500" in said(at.cli("register", "-", stdin="\n".join([*ids, "", " "]) + "\n"), 0)
    answer = as_json(at.cli("list", "--search", "stdin-", "--limit", "1000", "--json"))
    assert len(answer["result"]["registrations"]) == 1000
    rest = at.cli("list", "--search", "stdin-", "--limit", "1000", "--cursor", answer["result"]["next"], "--json")
    assert len(as_json(rest)["result"]["registrations"]) == 500
    text = said(at.cli("accept", "-", stdin="stdin-0001\nstdin-0002\n"), 1)
    assert "INVALID_STATE" in text
    said(at.cli("delete", "-", stdin="\n".join(ids)), 0)


def test_what_fails_among_many_is_named_and_the_status_is_1(at: UpSite) -> None:
    text = said(at.cli("register", "part-1", "part/2", "part-1"), 1)
    assert "part/2" in text
    assert "INVALID_ID" in text
    said(at.cli("get", "part-1"), 0)
    text = said(at.cli("delete", "part-1", "part-0"), 1)
    assert "part-0" in text
    assert "NOT_FOUND" in text


async def test_accept_all_names_those_it_left(at: UpSite) -> None:
    said(at.cli("register", "left-1", "left-2", "left-3"), 0)
    await called(at, "left-1")
    await called(at, "left-2", securityToken="t")
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            await enter(stack, at.access, "left-3", {})
        done = at.cli("accept-all")
    text = done.stdout + done.stderr
    for word in ("left-2", "TOKEN_REQUIRED", "left-3", "CLAIM_CONFLICT"):
        assert word in text
    async with administrator(at.access) as admin:
        assert (await admin.get("left-1"))["status"] == "ACCEPTED"
        (first, _) = (await admin.get("left-3"))["claims"]
    assert first["fingerprint"] in said(at.cli("get", "left-3"), 0)
    said(at.cli("accept", "left-3", "--claim", first["fingerprint"]), 0)


def test_the_list_filters_sorts_and_pages(at: UpSite) -> None:
    said(at.cli("register", "page-1", "page-2", "page-3"), 0)
    words = (
        "list",
        "--search",
        "PAGE-",
        "--status",
        "waiting_for_connection",
        "--sort",
        "-id",
        "--limit",
        "2",
        "--json",
    )
    result = as_json(at.cli(*words))["result"]
    assert [one["id"] for one in result["registrations"]] == ["page-3", "page-2"]
    assert result["next"]
    assert "page-1" in said(at.cli("list", "--search", "page-", "--status", "WAITING_FOR_CONNECTION"), 0)
    assert "page-1" not in said(at.cli("list", "--status", "blocked"), 0)
    for wrong in (("--limit", "0"), ("--limit", "1001"), ("--status", "none")):
        said(at.cli("list", *wrong), 2)


def test_options_are_read_and_set(at: UpSite) -> None:
    text = said(at.cli("list-options"), 0)
    for key in ("security-token.policy", "security-token.max-attempts", "retry-after", "registration.ttl"):
        assert key in text
    said(at.cli("set-option", "security-token.max-attempts", "7"), 0)
    assert "7" in said(at.cli("get-option", "security-token.max-attempts"), 0)
    said(at.cli("set-option", "security-token.max-attempts", "5"), 0)
    assert "INVALID_OPTION" in said(at.cli("set-option", "security-token.max-attempts", "many"), 1)
    assert "INVALID_OPTION" in said(at.cli("get-option", "nonsense"), 1)
    assert "NOT_PERMITTED" in said(at.cli("set-option", "retry-after", "60"), 1)
    said(at.cli("set-option", "retry-after", "30", "--tenant", "management"), 0)
    said(at.cli("stats"), 0)


def test_broker_and_login_come_from_variables_or_options(at: UpSite, tmp_path: Path) -> None:
    one = next(one for one in at.access["administrators"] if one["tenant"] == "management")
    password = tmp_path / "password"
    password.write_text(one["password"] + "\n")
    port = str(at.access["port"])
    variables: dict[str, Any] = {
        "BOOTSTRAP_BRIDGE_HOST": "127.0.0.1",
        "BOOTSTRAP_BRIDGE_PORT": port,
        "BOOTSTRAP_BRIDGE_TENANT": "management",
        "BOOTSTRAP_BRIDGE_USERNAME": "root",
    }
    said(run(PROGRAM, "list", **variables, BOOTSTRAP_BRIDGE_PASSWORD=one["password"]), 0)
    said(run(PROGRAM, "list", **variables, BOOTSTRAP_BRIDGE_PASSWORD_FILE=str(password)), 0)
    said(run(PROGRAM, "list", BOOTSTRAP_BRIDGE_DATA=str(at.data)), 0)
    options = ("--host", "127.0.0.1", "--port", port, "--tenant", "management", "--user", "root")
    said(run(PROGRAM, "list", *options, "--password-file", str(password)), 0)


def test_a_wrong_password_is_refused_in_clear_words(at: UpSite, tmp_path: Path) -> None:
    password = tmp_path / "password"
    for wrong in ("wrong\n", ""):
        password.write_text(wrong)
        done = at.cli("list", "--password-file", str(password))
        text = said(done, done.returncode)
        assert done.returncode in {1, 2, 3}, repr(wrong)
        assert "password" in text


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("register",),
        ("get",),
        ("get", "a", "b"),
        ("list", "--nonsense"),
        ("set-option", "retry-after"),
        ("list", "--port", "x"),
        ("up", "--port", "70000"),
        ("list", "--data", "/nowhere/at/all"),
        ("accept", "x", "--token-file", "/nowhere/at/all"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(words: tuple[str, ...]) -> None:
    said(run(PROGRAM, *words), 2)


def test_without_a_broker_the_status_is_3(at: UpSite) -> None:
    assert "127.0.0.1:1" in said(at.cli("list", "--port", "1"), 3)
    said(at.cli("watch", "--port", "1"), 3)


async def test_watch_goes_on_when_the_broker_was_away(tmp_path: Path) -> None:
    site = ApartSite(tmp_path / "data")
    with running(site):
        words = (PROGRAM, "watch", "--data", str(site.data), "--json")
        watch = Process.start(list(words), tmp_path / "watch.log", PYTHONUNBUFFERED="1", **PLAIN)
        try:
            wait_until(lambda: '"online"' in watch.output, "watch tells that the bridge is there")
            for _ in range(2):
                before = watch.output.count('"online"')
                site.processes["operations"].kill()
                site.start_broker("operations")
                wait_until(lambda before=before: watch.output.count('"online"') > before, "it is back")
            async with administrator(site.access) as admin:
                await admin.ok("register", {"id": "seen-later"})
            wait_until(lambda: "seen-later" in watch.output, "what happens then is told")
            assert watch.output.count("trying again until Ctrl-C") == watch.output.count("connected again") == 2
            assert watch.stop(signal.SIGINT) == 0
            assert "Traceback" not in watch.output
        finally:
            watch.stop()


async def test_watch_follows_events_until_it_is_interrupted(at: UpSite, tmp_path: Path) -> None:
    for words, expected in (((), "Pending acceptance"), (("--json",), '"requested"')):
        device_id = f"watch-{len(words)}"
        words = (PROGRAM, "watch", "--data", str(at.data), *words)
        watch = Process.start(list(words), tmp_path / device_id, PYTHONUNBUFFERED="1", **PLAIN)
        try:
            number = 0

            def told(watch: Process = watch, device_id: str = device_id) -> bool:
                nonlocal number
                number += 1
                at.cli("register", f"{device_id}-{number}")
                return f"{device_id}-" in watch.output

            wait_until(told, "watch tells what happens")
            await called(at, f"{device_id}-1")
            wait_until(lambda expected=expected, watch=watch: expected in watch.output, "the call is told")
            assert watch.stop(signal.SIGINT) == 0
            assert "Traceback" not in watch.output
        finally:
            watch.stop()


def test_every_command_has_help_and_every_option_a_text() -> None:
    listing = said(run(PROGRAM, "--help", **PLAIN), 0)
    box = listing[listing.index("Running it") :]
    found = re.findall(r"^│ ([a-z][a-z-]*) +(\S.*\S) +│$", box, re.MULTILINE)
    assert set(COMMANDS) <= {name for name, _ in found}
    assert all(len(text) > 8 for _, text in found)
    with ThreadPoolExecutor() as pool:
        pages = list(pool.map(lambda one: run(PROGRAM, one[0], "--help", **PLAIN), found))
    for (name, _), page in zip(found, pages, strict=True):
        text = said(page, 0)
        rows = re.findall(r"^│ (?:\*|) *(-\S+|[A-Z][A-Z.]+)(.*)│$", text, re.MULTILINE)
        assert rows, name
        for option, rest in rows:
            words = [one for one in re.split(r" {2,}", rest.strip()) if not one.startswith("[default: ")][-1]
            assert len(words.split()) > 2, f"{name} {option} has no text: {words!r}"
            assert not words.startswith(("<", "--")), f"{name} {option} has no text: {words!r}"


def test_no_secret_stands_in_the_process_list_while_a_token_is_read(at: UpSite) -> None:
    process = subprocess.Popen(
        [PROGRAM, "register", "process-1", "--token", "-", "--data", str(at.data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **PLAIN},
    )
    assert process.stdin is not None
    process.stdin.write(b"hidden-label\n")
    process.stdin.flush()
    assert b"hidden-label" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert b"hidden-label" not in text


def test_without_the_bridge_the_status_is_3_after_a_while(asked_in_vain: Process) -> None:
    assert asked_in_vain.process.wait(PATIENCE) == 3
    assert "bridge" in asked_in_vain.output
    assert "Traceback" not in asked_in_vain.output


def test_output_that_cannot_be_written_is_said_in_words() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([PROGRAM, "version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "the output cannot be written: No space left on device"
