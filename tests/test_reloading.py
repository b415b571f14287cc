"""How a running bridge takes up changed keys and logins, and what it goes by where it cannot."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
from structlog.testing import capture_logs

from bridge import installation, reloading
from bridge.bootstrap_logins import EarlierLogin, moment
from bridge.brokers import users_of
from bridge.clock import clock
from bridge.credentials import KeyRing
from bridge.folder import InstallationFault
from bridge.installation import Installation, load
from bridge.keys_file import write_keys
from bridge.measures import BOOTSTRAP_OVERLAP
from bridge.reloading import Changes, Hangup
from bridge.telling import Loaded

PATIENCE = 10.0


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so that no event tells."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)


class Gauge:
    """A meter that keeps what was shown last."""

    def __init__(self) -> None:
        self.shown: dict[str, float] = {}

    def count(self, measure: Any, number: float = 1, /, **labels: str) -> None:
        raise AssertionError(measure)

    observe = count

    def show(self, measure: Any, value: float, /, **labels: str) -> None:
        self.shown[measure.name] = value


class Bridge:
    """What follows changes, as the service does, with brokers of its own or without."""

    def __init__(self, made: Installation, *, brokers: bool = True) -> None:
        self.hangup = Hangup()
        self.changes = Changes(made, self.hangup)
        self.gauge = Gauge()
        self.taken: list[KeyRing] = []
        self.reloads = 0
        self.refuse: str | None = None
        if brokers:
            self.changes.reload_brokers = self.reload
        self._task: asyncio.Task[None] | None = None

    def reload(self) -> None:
        self.reloads += 1

    async def take(self, keys: KeyRing) -> None:
        if self.refuse is not None:
            raise InstallationFault(self.refuse)
        self.taken.append(keys)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.changes.follow(self.take, self.gauge))
        await self.noted(1)
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})

    async def noted(self, number: int) -> Loaded:
        """Wait until the bridge has noted what it goes by, for the ``number``-th time."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await asyncio.to_thread(Loaded.read, self.changes.made.folder.loaded)
                if found is not None and found.number >= number:
                    return found
                await asyncio.sleep(0.01)

    async def asked(self, number: int) -> Loaded:
        """Ask as by SIGHUP, and wait."""
        self.hangup._heard(signal.SIGHUP, None)
        return await self.noted(number)


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return installation.make(tmp_path / "data")


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def with_earlier(made: Installation, milliseconds: int, name: str = "devicebootstrap") -> Installation:
    """Return the installation with a new bootstrap login, and the earlier one for so long."""
    earlier = EarlierLogin(name, made.facts.bootstrap_password, moment(clock() + milliseconds))
    update = {"bootstrap_username": "devicebootstrap-2", "bootstrap_password": "p" * 32, "earlier_logins": [earlier]}
    changed = replace(made, facts=made.facts.model_copy(update=update))
    changed.write_facts()
    return changed


async def test_the_bridge_notes_what_it_goes_by(made: Installation) -> None:
    async with Bridge(made) as bridge:
        found = await bridge.noted(1)
    assert found == Loaded(os.getpid(), 1, made.keys.current, (made.keys.current,), ("devicebootstrap",), brokers=True)
    assert bridge.gauge.shown == {BOOTSTRAP_OVERLAP.name: 0.0}


async def test_asked_it_takes_up_new_keys_and_has_its_brokers_read_theirs(made: Installation) -> None:
    async with Bridge(made) as bridge:
        ring = made.keys.rotated("k2", bytes(32))
        await asyncio.to_thread(write_keys, made.folder.keys, ring)
        found = await bridge.asked(2)
    assert bridge.taken == [ring]
    assert (found.current, found.fault) == ("k2", None)
    assert bridge.changes.made.keys == ring
    assert bridge.reloads == 1


@pytest.mark.parametrize("spoil", ["damaged", "lost", "another's", "open", "refused", "facts"])
async def test_what_cannot_be_taken_up_is_told_and_all_goes_on_as_before(made: Installation, spoil: str) -> None:
    keys = made.folder.keys
    async with Bridge(made) as bridge:
        with capture_logs() as log:
            match spoil:
                case "damaged":
                    keys.write_text("{")
                case "lost":
                    keys.unlink()
                case "another's":
                    write_keys(keys, KeyRing({"other": bytes(32)}, "other"))
                case "open":
                    keys.chmod(0o644)
                case "refused":
                    bridge.refuse = "a key is lacking that rows name"
                case "facts":
                    made.folder.facts.write_text("{}")
            found = await bridge.asked(2)
        assert found.fault
        assert found.current == made.keys.current
        assert [(line["event"], line["reason"]) for line in log] == [("changes not taken up", found.fault)]
        assert bridge.changes.made == made
        assert (bridge.taken, bridge.reloads) == ([], 0)
        bridge.refuse = None
        write_keys(keys, made.keys.rotated("k2", bytes(32)))
        made.write_facts()
        assert (await bridge.asked(3)).fault is None, "put right, it is taken"
    assert bridge.changes.made.keys.current == "k2"


async def test_what_else_was_changed_in_the_folder_waits_for_the_next_start(made: Installation) -> None:
    async with Bridge(made) as bridge:
        replace(made, facts=made.facts.model_copy(update={"port": 4711, "bootstrap_password": "q" * 32})).write_facts()
        await bridge.asked(2)
    assert bridge.changes.made.facts == made.facts.model_copy(update={"bootstrap_password": "q" * 32})


async def test_a_new_bootstrap_login_is_brought_to_the_broker_beside_the_earlier_one(made: Installation) -> None:
    async with Bridge(made) as bridge:
        with_earlier(made, 3_600_000)
        with capture_logs() as log:
            found = await bridge.asked(2)
        assert users_of(made.folder.passwords.read_bytes()) == {"devicebootstrap-2", "devicebootstrap", "bridge"}
        assert found.logins == ("devicebootstrap-2", "devicebootstrap")
        assert bridge.reloads == 1
        assert not list(made.folder.bootstrap.glob("*.damaged-*")), "it was no fault of the file"
        (said,) = [line for line in log if line["event"] == "two bootstrap logins are valid"]
        assert (said["present"], said["earlier"]) == ("devicebootstrap-2", "devicebootstrap")
        await until(lambda: bridge.gauge.shown[BOOTSTRAP_OVERLAP.name] > 3_500)


@pytest.mark.parametrize("brokers", [True, False])
async def test_the_earlier_login_ends_by_itself_when_its_time_is_over(made: Installation, brokers: bool) -> None:
    changed = with_earlier(made, 500)
    installation.write_passwords(changed)
    with capture_logs() as log:
        async with Bridge(changed, brokers=brokers) as bridge:
            found = await bridge.noted(2)
    assert found.logins == ("devicebootstrap-2",)
    assert users_of(made.folder.passwords.read_bytes()) == {"devicebootstrap-2", "bridge"}
    assert load(made.folder.path).facts.earlier_logins == []
    assert bridge.reloads == brokers
    (said,) = [line for line in log if line["event"] == "bootstrap login ended"]
    assert said["logins"] == ["devicebootstrap"]
    assert ("do" in said) != brokers, "who reloads the broker is told, unless it is ours"


async def test_a_login_that_should_have_ended_before_a_start_ends_at_it(made: Installation) -> None:
    changed = with_earlier(made, -60_000)
    assert users_of(made.folder.passwords.read_bytes()) >= {"devicebootstrap"}
    async with Bridge(changed) as bridge:
        await bridge.noted(2)
    assert users_of(made.folder.passwords.read_bytes()) == {"devicebootstrap-2", "bridge"}


async def test_a_login_that_this_process_cannot_end_is_told_and_measured(made: Installation) -> None:
    """The broker's folder is another's, or elsewhere: by systemd or in a container."""
    changed = with_earlier(made, -60_000)
    made.folder.passwords.rename(made.folder.path / "elsewhere")
    with capture_logs() as log:
        async with Bridge(changed, brokers=False) as bridge:
            for number in (2, 3):
                await bridge.asked(number)
    assert bridge.gauge.shown[BOOTSTRAP_OVERLAP.name] < -59
    (said,) = [line for line in log if line["event"] == "bootstrap login not ended"]
    assert said["log_level"] == "error"
    assert "--end-overlap" in said["do"]
    assert load(made.folder.path).facts.earlier_logins, "it is not forgotten"


async def test_a_full_disk_keeps_nobody_from_taking_changes_up(
    made: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Bridge(made) as bridge:

        def full(path: Path, content: str) -> None:
            raise OSError(28, "No space left on device", str(path))

        write_keys(made.folder.keys, made.keys.rotated("k2", bytes(32)))
        monkeypatch.setattr("bridge.telling.write_private", full)
        with capture_logs() as log:
            bridge.hangup._heard(signal.SIGHUP, None)
            await until(lambda: any(line["event"] == "not noted which keys are in use" for line in log))
    assert bridge.changes.made.keys.current == "k2"


async def test_the_signal_is_heard_also_before_anybody_waits_for_it() -> None:
    hangup = Hangup()
    hangup.listen()
    os.kill(os.getpid(), signal.SIGHUP)
    assert await hangup.wait(PATIENCE)
    assert not await hangup.wait(0.01), "once"
    waiting = asyncio.create_task(hangup.wait(PATIENCE))
    await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGHUP)
    assert await waiting


def test_a_terminal_that_is_closed_ends_all_in_good_order(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr("os.kill", lambda pid, number: sent.append(number))
    monkeypatch.setattr(reloading, "_terminal_is_there", lambda: False)
    hangup = Hangup()
    hangup._had_terminal = True
    hangup._heard(signal.SIGHUP, None)
    assert sent == [signal.SIGTERM]
    hangup._had_terminal = False  # a service never had one
    hangup._heard(signal.SIGHUP, None)
    assert sent == [signal.SIGTERM]
    assert asyncio.run(hangup.wait(0))
