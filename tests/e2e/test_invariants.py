"""A real installation broken on purpose, in its database and in its broker: the invariants report each breach."""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.inspecting import asking, prepare, violations
from tests.e2e.peer import administrator, device, private_id, resident
from tests.e2e.people import bulk
from tests.e2e.scenes import accepted
from tests.e2e.site import ApartSite
from tests.invariants import INVARIANTS
from tests.snapshot import Ledger

FILE: Final = "ID;CREDENTIALS\nfiled-1;filed-1-password\nfiled-2;filed-2-password\n"
FILED: Final = {"filed-1": "filed-1-password", "filed-2": "filed-2-password"}
CALLER: Final = private_id()
"""The client id under which the device `again` calls in each of its lives."""


@dataclass
class Whole:
    """A site at rest, its bridge stopped, and who was told what. What a test breaks is put back after it."""

    site: ApartSite
    ledger: Ledger

    def sql(self, *statements: str) -> None:
        """Change the rows behind everybody's back."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            for statement in statements:
                assert connection.execute(statement).rowcount > 0, statement
            connection.commit()

    @property
    def database(self) -> Path:
        return self.site.data / "bridge" / "registrations.db"

    @property
    def accounts(self) -> Path:
        return self.site.data / "operations-broker" / "dynamic-security.json"


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """An installation with something of everything."""
    site = ApartSite(tmp_path_factory.mktemp("whole") / "data")
    prepare(site)
    try:
        site.start()
        ledger = asyncio.run(live(site))
        site.processes.pop("serve").stop()
        yield Whole(site, ledger)
    finally:
        site.stop()


@pytest.fixture
def whole(lived_in: Whole, tmp_path: Path) -> Iterator[Whole]:
    """The same, with all put back afterwards."""
    kept = [(path, tmp_path / path.name) for path in (lived_in.database, lived_in.accounts)]
    for path, copy in kept:
        shutil.copy(path, copy)
    held, asked = list(lived_in.ledger.held), list(lived_in.ledger.asked)
    try:
        yield lived_in
    finally:
        lived_in.ledger.held[:], lived_in.ledger.asked[:] = held, asked
        lived_in.site.processes.pop("operations").stop()
        for path, copy in kept:
            shutil.copy(copy, path)
        for name in ("-wal", "-shm"):
            lived_in.database.with_name(lived_in.database.name + name).unlink(missing_ok=True)
        lived_in.site.start_broker("operations")


async def live(site: ApartSite) -> Ledger:
    """Let things happen on ``site``, and keep the ledger."""
    ledger, access = Ledger(), site.access
    async with administrator(access) as admin:

        async def ask(command: str, subject: str, **body: Any) -> None:
            member = "name" if "administrator" in command else "id"
            ledger.tell("default/admin", command, [subject], await admin.answer(command, {member: subject, **body}))

        async with device(access, "again", client_id=CALLER) as caller:
            for life in ("first", "second"):
                ledger.begin("again")
                await ask("register", "again", group="A/B")
                await caller.ask()
                await ask("accept", "again")
                ledger.give(await accepted(caller))
                if life == "first":
                    await ask("delete", "again")
        async with device(access, "confirmed") as caller:
            ledger.begin("confirmed")
            await ask("register", "confirmed")
            await caller.ask()
            await ask("accept", "confirmed")
            credentials = await accepted(caller)
            ledger.give(credentials)
        async with resident(access, credentials) as peer:
            await peer.publish("devices/default/confirmed/info", b"{}")
        await admin.until("confirmed", "confirmedTime")
        async with device(access, "calls") as caller:
            await ask("register", "calls")
            await caller.ask({"securityToken": "t"})
        await ask("register", "waits")
        await ask("create-administrator", "rita", role="registrar")
        answer = {"ok": True, "result": await bulk(admin, FILE)}
        ledger.tell("default/admin", "bulk-register", list(FILED), answer, passwords=FILED)
    assert await violations(site, ledger) == []
    return ledger


async def test_a_whole_installation_breaks_nothing(whole: Whole) -> None:
    assert await violations(whole.site, whole.ledger) == []


_AGAIN: Final = "default/device_again"
_AUDIT: Final = "at, tenant, actor, action, device_id, outcome, details"
_BREACHES_OF_ROWS: Final[Mapping[str, tuple[str, ...]]] = {
    "a_status_and_what_it_rests_on_agree": ("UPDATE registrations SET seed = NULL WHERE id = 'again'",),
    "a_claim_is_kept_once": (
        "UPDATE registrations SET claims = json_insert(claims, '$[#]', json(claims -> 0)) WHERE id = 'calls'",
    ),
    "the_counts_are_those_of_the_rows": ("UPDATE tallies SET number = number + 1 WHERE hour = 0",),
    "an_id_has_one_tenant": ("UPDATE devices SET tenant = 'management' WHERE id = 'again'",),
    "a_group_that_is_named_exists": ("DELETE FROM groups WHERE path = 'A/B'",),
    "an_accepted_device_has_an_account": (f"DELETE FROM accounts WHERE username = '{_AGAIN}'",),
    "a_device_has_an_account": (f"UPDATE accounts SET wanted = false WHERE username = '{_AGAIN}'",),
    "an_account_belongs_to_somebody": (
        "DELETE FROM registrations WHERE id = 'again'",
        "DELETE FROM devices WHERE id = 'again'",
    ),
    "what_is_installed_is_noted_everywhere": ("UPDATE registrations SET installed = NULL WHERE id = 'again'",),
    "nothing_is_left_to_do": (f"UPDATE accounts SET installed = NULL WHERE username = '{_AGAIN}'",),
    "every_password_can_be_had_again": ("UPDATE accounts SET secret = x'00' WHERE secret IS NOT NULL",),
    "every_account_is_in_the_broker": (f"UPDATE accounts SET seed = x'00' WHERE username = '{_AGAIN}'",),
    "the_broker_has_no_account_without_a_row": ("DELETE FROM accounts WHERE username = 'rita'",),
    "a_wanted_account_logs_in": (f"UPDATE accounts SET seed = x'00' WHERE username = '{_AGAIN}'",),
    "no_other_login_works": ("DELETE FROM accounts WHERE username = 'default/device_confirmed'",),
    "a_device_logs_in_with_what_it_was_given": (
        "UPDATE accounts SET seed = x'00' WHERE username = 'default/device_confirmed'",
    ),
    "what_was_told_of_a_device_is_so": ("DELETE FROM registrations WHERE id = 'waits'",),
    "what_was_told_of_a_person_is_so": ("UPDATE accounts SET wanted = false WHERE username = 'rita'",),
    "a_provided_password_is_that_of_the_account": ("UPDATE accounts SET secret = NULL WHERE secret IS NOT NULL",),
    "nothing_is_done_twice": (f"INSERT INTO audit ({_AUDIT}) SELECT {_AUDIT} FROM audit WHERE action = 'accept'",),
    "a_file_is_counted_as_it_was_told": ("DELETE FROM audit WHERE action = 'bulk-register'",),
    "an_answer_is_remembered_as_it_was_told": ("DELETE FROM requests",),
}


@pytest.mark.parametrize("name", _BREACHES_OF_ROWS)
async def test_a_breach_in_the_database_is_reported(whole: Whole, name: str) -> None:
    whole.sql(*_BREACHES_OF_ROWS[name])
    assert any(one.startswith(f"{name}: ") for one in await violations(whole.site, whole.ledger, patience=0))


_BREACHES_OF_THE_BROKER: Final[tuple[tuple[str, str, Mapping[str, Any]], ...]] = (
    ("every_account_is_in_the_broker", "deleteClient", {"username": _AGAIN}),
    ("every_account_is_in_the_broker", "setClientId", {"username": _AGAIN, "clientid": "another"}),
    (
        "every_account_is_in_the_broker",
        "addRoleACL",
        {"rolename": f"bootstrap-bridge:{_AGAIN}", "acltype": "subscribePattern", "topic": "#", "allow": True},
    ),
    ("every_account_is_in_the_broker", "disableClient", {"username": _AGAIN}),
    ("a_wanted_account_logs_in", "disableClient", {"username": _AGAIN}),
    ("a_wanted_account_logs_in", "setClientPassword", {"username": _AGAIN, "password": "another"}),
    (
        "the_broker_has_no_account_without_a_row",
        "createClient",
        {"username": "ghost", "password": "ghost", "textname": "bootstrap-bridge"},
    ),
    ("the_broker_has_no_account_without_a_row", "createRole", {"rolename": "bootstrap-bridge:ghost"}),
    ("nothing_foreign_is_touched", "deleteClient", {"username": "historian"}),
    ("nothing_foreign_is_touched", "deleteRole", {"rolename": "historian"}),
    ("nothing_foreign_is_touched", "disableClient", {"username": "bridge-info"}),
    ("no_other_login_works", "setClientId", {"username": _AGAIN, "clientid": "not-again"}),
)


@pytest.mark.parametrize(("name", "command", "members"), _BREACHES_OF_THE_BROKER)
async def test_a_breach_in_the_broker_is_reported(
    whole: Whole, name: str, command: str, members: Mapping[str, Any]
) -> None:
    async with asking(whole.site.access["port"]) as ask:
        await ask(command, **members)
    assert any(one.startswith(f"{name}: ") for one in await violations(whole.site, whole.ledger, patience=0))


async def test_an_old_password_that_works_again_is_reported(whole: Whole) -> None:
    old = whole.ledger.held[0]
    async with asking(whole.site.access["port"]) as ask:
        await ask("setClientPassword", username=old.username, password=old.password)
    assert f"no_other_login_works: {old.username} logs in with a password that is not its own any more" in (
        await violations(whole.site, whole.ledger, patience=0)
    )


async def test_two_passwords_in_one_life_are_reported(whole: Whole) -> None:
    seed = "x'000102030405060708090a0b0c0d0e0f'"
    whole.sql(
        f"UPDATE registrations SET seed = {seed} WHERE id = 'again'",
        f"UPDATE accounts SET seed = {seed} WHERE username = '{_AGAIN}'",
    )
    whole.site.start_bridge()
    try:
        async with device(whole.site.access, "again", client_id=CALLER) as caller:
            await caller.call()
            whole.ledger.give(await accepted(caller))
            assert await violations(whole.site, whole.ledger, patience=2) == [
                f"one_life_has_one_password: {_AGAIN} was given 2 passwords in its life 2"
            ]
    finally:
        whole.site.processes.pop("serve").stop()


async def test_the_same_password_in_two_lives_is_reported(whole: Whole) -> None:
    last = whole.ledger.held[1]
    whole.ledger.held.append(replace(last, life=last.life + 1))
    assert await violations(whole.site, whole.ledger, patience=0) == [
        f"one_life_has_one_password: {_AGAIN} has the same password in its lives [2, 3]"
    ]


NOT_TO_BE_BROKEN_HERE: Final = {
    "no_password_opens_two_accounts": "the user name goes into what is derived: no row makes two passwords equal",
}


def test_every_invariant_was_broken_here_or_cannot_be() -> None:
    broken = {*_BREACHES_OF_ROWS, *(name for name, _, _ in _BREACHES_OF_THE_BROKER), "one_life_has_one_password"}
    assert broken | set(NOT_TO_BE_BROKEN_HERE) == set(INVARIANTS)
    assert not broken & set(NOT_TO_BE_BROKEN_HERE)
