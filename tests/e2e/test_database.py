"""The database locked, lost, damaged or taken away, and a second bridge on it, as those who run and use it see that."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.peer import Administrator, administrator, device
from tests.e2e.scenes import accepted, assert_serves
from tests.e2e.site import BIN, ApartSite, UpSite, running
from tests.e2e.test_disk import answer_to, call_for_ever, states

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""


@contextlib.contextmanager
def held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another program hold the database for as long as the block lasts."""
    words = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate("")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApartSite]:
    """An installation with brokers that stay, whose bridge the tests end and start."""
    with running(ApartSite(tmp_path_factory.mktemp("database") / "data")) as chosen:
        assert isinstance(chosen, ApartSite)
        yield chosen


@pytest.fixture
def stopped(site: ApartSite) -> Iterator[ApartSite]:
    """The installation without its bridge, whose files the test spoils and puts back."""
    site.processes.pop("serve").stop()
    yield site
    site.start_bridge()


def database_of(site: ApartSite) -> Path:
    return site.data / "bridge" / "registrations.db"


def refusal(site: ApartSite, *options: str) -> str:
    """Start the bridge, which must refuse in words."""
    done = site.cli("serve", *options)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


async def test_a_database_that_another_program_holds_for_long_serves_everybody_afterwards(site: ApartSite) -> None:
    async with (
        administrator(site.access) as admin,
        states(site.access) as known,
        device(site.access, "locked-1") as caller,
        asyncio.TaskGroup() as tasks,
    ):
        await admin.ok("register", {"id": "locked-1"})
        await caller.ask()
        calling = tasks.create_task(call_for_ever(caller))
        with held(database_of(site)):
            await known.until("offline")
            assert (await admin.get("locked-1"))["status"] == "PENDING_ACCEPTANCE", "what is there can be read"
            answer = await answer_to(admin, "accept", {"id": "locked-1"})
            assert answer is None or answer["error"]["code"] == "INTERNAL"
        await known.until("online")
        await admin.ok("accept", {"id": "locked-1"})
        await accepted(caller, 60)
        calling.cancel()
    assert "Traceback" not in site.processes["serve"].output


async def test_a_database_that_is_taken_away_takes_no_change_until_it_is_back(site: ApartSite) -> None:
    path = database_of(site)
    async with administrator(site.access) as admin, states(site.access) as known:
        await admin.ok("register", {"id": "taken-1"})
        shutil.move(path, path.with_name("elsewhere.db"))
        assert await admin.code("register", {"id": "taken-2"}) == "INTERNAL"
        await known.until("offline")
        assert "removed or replaced while it was in use" in site.processes["serve"].output
        shutil.move(path.with_name("elsewhere.db"), path)
        await known.until("online")
        await admin.ok("register", {"id": "taken-2"})
        assert (await admin.get("taken-1"))["status"] == "WAITING_FOR_CONNECTION"


async def test_damage_that_shows_while_it_runs_ends_the_service_of_changes_and_the_next_start(tmp_path: Path) -> None:
    with running(ApartSite(tmp_path / "data")) as own:
        assert isinstance(own, ApartSite)
        path = database_of(own)
        async with administrator(own.access) as admin, states(own.access) as known:
            rows = "".join(f"many-{number};A;{'x' * 200}\n" for number in range(8_000))
            assert (await admin.answer("bulk-register", f"ID;PATH;NAME\n{rows}".encode()))["ok"]
            for file in path.parent.glob("registrations.db*"):
                if file.suffix in {".db", ".db-wal"} and file.stat().st_size > 8192:
                    with file.open("r+b") as spoilt:
                        spoilt.seek(8192)
                        spoilt.write(os.urandom(file.stat().st_size - 8192))
            cursor, code = None, "ok"
            while code == "ok":
                page = await admin.answer("list", {"limit": 1000, "sort": "id", "cursor": cursor})
                code = "ok" if page["ok"] else page["error"]["code"]
                cursor = page.get("result", {}).get("next")
                assert cursor or code != "ok", "the damage shows"
            assert code == "INTERNAL"
            await known.until("offline")
            assert await admin.code("register", {"id": "more-1"}) == "INTERNAL"
        output = own.processes["serve"].output
        assert "nothing more is written to it: copy it and its -wal, end the bridge, restore it from a backup" in output
        assert output.count("Traceback") == 0
        own.processes.pop("serve").stop()
        before = path.read_bytes()
        assert "restore it from a backup" in refusal(own)
        assert path.read_bytes() == before


def test_a_lost_database_is_not_replaced_by_an_empty_one_until_somebody_says_so(stopped: ApartSite) -> None:
    path = database_of(stopped)
    kept = path.with_name("kept.db")
    path.rename(kept)
    words = refusal(stopped)
    assert "this installation had one" in words
    marker = path.with_name("database-made")
    assert str(marker) in words
    assert not path.exists()
    marker.unlink()
    stopped.start_bridge()
    assert "WAITING" not in stopped.cli("list").stdout
    stopped.processes.pop("serve").stop()
    path.unlink()
    kept.rename(path)


async def test_a_backup_taken_under_load_is_restored_as_the_documentation_says(site: ApartSite, tmp_path: Path) -> None:
    path, backup = database_of(site), tmp_path / "backup.db"
    async with administrator(site.access) as admin:
        await admin.ok("register", {"id": "backup-1"})
        registering = asyncio.create_task(in_a_row(admin, 50))
        await asyncio.to_thread(back_up, path, backup)
        await registering
        site.kill_bridge()
        shutil.copy(backup, path)
        for ending in ("-wal", "-shm", ".lock"):
            path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
        site.start_bridge()
        assert (await admin.get("backup-1"))["status"] == "WAITING_FOR_CONNECTION"
        found = await admin.ok("list", {"search": "row-", "limit": 1000})
        names = [f"row-{number}" for number in range(50)]
        assert {one["id"] for one in found["registrations"]} == set(names[: len(found["registrations"])]), "a moment"
        await admin.ok("register", {"id": "backup-2"})


async def in_a_row(admin: Administrator, number: int) -> None:
    for each in range(number):
        await admin.ok("register", {"id": f"row-{each}"})


def back_up(path: Path, backup: Path) -> None:
    """Do what `sqlite3 PATH ".backup BACKUP"` does."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)


def test_a_log_that_was_lost_with_its_last_changes_is_refused(site: ApartSite) -> None:
    path = database_of(site)
    site.kill_bridge()
    log = path.with_name(f"{path.name}-wal")
    kept = log.rename(path.with_name("kept-wal"))
    assert f"the log {log} is missing" in refusal(site)
    kept.rename(log)
    site.start_bridge()


def test_a_second_bridge_on_the_folder_or_the_database_is_refused_and_a_killed_one_is_no_obstacle(
    site: ApartSite, tmp_path: Path
) -> None:
    pid = site.processes["serve"].process.pid
    for again in (site.cli("serve"), site.cli("up", "--port", "0", "--bootstrap-port", "0")):
        assert again.returncode == 1
        assert f"in use by another bridge (process {pid})" in " ".join(again.stderr.split())
    other = ApartSite(tmp_path / "other")
    shutil.copytree(site.data, other.data)
    url = f"sqlite+aiosqlite:///{database_of(site)}"
    assert f"the database {database_of(site)} is in use by another bridge (process {pid})" in refusal(
        other, "--database", url
    )
    site.kill_bridge()
    site.start_bridge()


async def test_up_and_serve_do_not_work_in_one_folder(own_site: UpSite) -> None:
    own_site.start()
    done = own_site.cli("serve")
    assert done.returncode == 1
    assert f"process {own_site.up.process.pid}" in " ".join(done.stderr.split())
    done = own_site.cli("init")
    assert done.returncode == 1
    assert f"process {own_site.up.process.pid}" in " ".join(done.stderr.split())
    await assert_serves(own_site.access, "one-only")


def test_two_init_at_once_make_one_installation(tmp_path: Path) -> None:
    words = [str(BIN / "bootstrap-bridge"), "init", "--data", str(tmp_path / "data")]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=60) for one in both]
    statuses = sorted(one.returncode for one in both)
    assert statuses in ([0, 0], [0, 1]), said
    if statuses == [0, 1]:
        assert "in use by another bridge" in " ".join(" ".join(text for _, text in said).split())
    there = {path.name for path in (tmp_path / "data" / "bridge").iterdir()}
    assert there == {"installation.json", "keys.json", "changes.lock"}
