"""The console as a child: what it gets to know, and what becomes of it when it ends, hangs or never serves."""

import asyncio
import contextlib
import os
import pwd
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge import console_child
from bridge.children import BrokersFault
from bridge.console_child import ConsoleChild, choose_user, find_port, words_for
from bridge.facts import Tls
from bridge.installation import make
from bridge.settings import BadSettings, settings_from

PATIENCE = 30.0
SERVES = "print('ready: open http://127.0.0.1:1/ in a browser', flush=True)"
WAITS = "import signal; signal.pause()"


@contextlib.asynccontextmanager
async def child(tmp_path: Path, program: str) -> AsyncIterator[tuple[ConsoleChild, asyncio.Task[None]]]:
    """Run ``program`` in the console's place."""
    with (tmp_path / "lock").open("w") as lock:
        made = ConsoleChild([sys.executable, "-c", program], None, lock.fileno(), tmp_path / "console")
        running = asyncio.create_task(made.run())
        try:
            async with asyncio.timeout(PATIENCE):
                yield made, running
        finally:
            await made.stop()
            await asyncio.wait({running}, timeout=PATIENCE)
            assert running.done()


async def test_it_is_ready_when_it_says_so_and_ends_with_us(tmp_path: Path) -> None:
    async with child(tmp_path, f"{SERVES}\n{WAITS}") as (made, running):
        assert await made.wait_until_ready() == "http://127.0.0.1:1/"
        pid = made.pid
        assert pid is not None
    assert made.pid is None
    running.result()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_it_is_started_again_when_it_ends_by_itself(tmp_path: Path) -> None:
    async with child(tmp_path, f"{SERVES}\n{WAITS}") as (made, running):
        await made.wait_until_ready()
        for number in (signal.SIGKILL, signal.SIGTERM):
            before = made.pid
            assert before is not None
            os.kill(before, number)
            while made.ready.is_set():  # noqa: ASYNC110 - until its end has been seen
                await asyncio.sleep(0.01)
            await made.ready.wait()
            assert made.pid not in {None, before}
        assert not running.done()


async def test_one_that_never_served_ends_up_instead_of_being_started_for_ever(tmp_path: Path) -> None:
    async with child(tmp_path, "raise SystemExit(3)") as (_, running):
        with pytest.raises(BrokersFault, match="status 3 before it served"):
            await running


async def test_one_that_does_not_say_anything_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_child, "READY_PATIENCE", 0.05)
    async with child(tmp_path, WAITS) as (made, _):
        with pytest.raises(BrokersFault, match="does not serve"):
            await made.wait_until_ready()


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    made = ConsoleChild([str(tmp_path / "python")], None, 2, tmp_path / "console")
    with pytest.raises(BrokersFault, match=r"python cannot be started"):
        await made.run()


async def test_one_that_does_not_go_is_made_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_child, "END_PATIENCE", 0.05)
    program = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVES}\nwhile True: signal.pause()"
    async with child(tmp_path, program) as (made, _):
        await made.wait_until_ready()
    assert made.pid is None


async def test_it_gets_nothing_of_our_environment_that_may_be_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BOOTSTRAP_BRIDGE_PASSWORD", "BOOTSTRAP_BRIDGE_DATABASE", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"):
        monkeypatch.setenv(name, "hunter2")
    told = tmp_path / "environment"
    program = f"import os, pathlib\npathlib.Path({str(told)!r}).write_text(repr(dict(os.environ)))\n{SERVES}\n{WAITS}"
    async with child(tmp_path, program) as (made, _):
        await made.wait_until_ready()
    assert "PATH" in told.read_text()
    assert "hunter2" not in told.read_text()


def test_its_command_names_the_broker_and_nothing_secret(tmp_path: Path) -> None:
    made = make(tmp_path / "data", port=2_883, topic_prefix="site/one", tls=Tls(on=True))
    settings = settings_from(data=tmp_path / "data", console=True, console_name="pumps.example.com,other.example.com")
    words = words_for(settings, made, 8_080)
    assert words[1:4] == ["-m", "bridge", "console"]
    assert words[words.index("--port") + 1] == "2883"
    assert words[words.index("--topic-prefix") + 1] == "site/one"
    assert words[words.index("--tls-ca") + 1] == str(made.authority)
    names = [words[at + 1] for at, word in enumerate(words) if word == "--console-name"]
    assert names == ["pumps.example.com", "other.example.com"]
    assert "--tls" in words
    assert "--plain-on-the-network" not in words
    known = made.folder.facts.read_text(encoding="utf-8") + made.folder.keys.read_text(encoding="utf-8")
    secrets = {word for word in known.replace('"', " ").split() if len(word) >= 20}
    assert secrets
    assert not secrets & set(words)


def test_a_port_that_somebody_has_is_refused_and_0_takes_none_of_the_brokers() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        with pytest.raises(BrokersFault, match="--console-port"):
            find_port(settings_from(console=True, console_port=taken), (), secure=False)
    with pytest.raises(BrokersFault, match="taken by a broker"):
        find_port(settings_from(console=True, console_port=1_883), (1_883, 1_884), secure=False)
    assert find_port(settings_from(console=True, console_port=0), (), secure=False) > 0


def test_nobody_is_let_in_from_the_network_in_clear_without_that_word() -> None:
    open_to_all = {"console": True, "console_listen": "0.0.0.0", "console_port": 0}
    with pytest.raises(BadSettings, match="--plain-on-the-network"):
        find_port(settings_from(**open_to_all), (), secure=False)
    assert find_port(settings_from(**open_to_all), (), secure=True)
    assert find_port(settings_from(**open_to_all, plain_on_the_network=True), (), secure=False)


def test_started_as_root_it_runs_as_nobody_where_that_one_can_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, closed = tmp_path / "open", tmp_path / "closed"
    monkeypatch.setattr(
        console_child, "barred_folder", lambda path, entry: closed if path.is_relative_to(closed) else None
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    barred = {path: choose_user(path, opened / "python", opened / "bridge.py") for path in (opened, closed)}
    assert barred == {opened: pwd.getpwnam("nobody").pw_name, closed: None}
    assert choose_user(opened, closed / "python", opened / "bridge.py") is None
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    assert choose_user(opened, opened / "python", opened / "bridge.py") is None
