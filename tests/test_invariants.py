"""Every invariant sees its breach: a sound installation is broken on purpose, one thing at a time."""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, Final

import pytest

from bridge.accounts.dynsec import role_name
from bridge.credentials import mark_of
from bridge.names import device_username
from bridge.records import ADMINISTRATOR, DEVICE, Account, Answered, AuditEntry
from tests import invariants, promises
from tests.invariants import INVARIANTS, violations_of
from tests.making import (
    ACCEPTED,
    BEFORE,
    BLOCKED,
    BY,
    NEW_SEED,
    NOW,
    PENDING,
    SEED,
    WAITING,
    blocked,
    claim,
    entry,
    installed,
    pending,
    waiting,
)
from tests.snapshot import Asked, Attempt, BrokerAccount, Held, Snapshot

PUMP, FILED = device_username("default", "pump-7"), device_username("default", "filed")
OLD_SEED: Final = b"old"
INSPECTOR: Final = BrokerAccount("inspector", None, "", "grants", ("inspector",), ours=False)


def _password(seed: bytes) -> str:
    return f"password of {seed.hex()}"


def _account(username: str, subject: str, seed: bytes, **changes: Any) -> Account:
    return replace(Account(username, DEVICE, "default", subject, seed, "k1", installed=BEFORE), **changes)


def _in_broker(account: Account) -> BrokerAccount:
    client_id = account.subject if account.kind == DEVICE else None
    return BrokerAccount(account.username, client_id, mark_of(account.seed), "grants", (role_name(account.username),))


def _told(command: str, *subjects: str, result: Mapping[str, Any] | None = None, **changes: Any) -> Asked:
    answer = {"command": command, "ok": True, "result": result or {}}
    return Asked(BY, command, subjects, answer, f"id:{command}-{'-'.join(subjects)}", NOW, **changes)


FILE_RESULT: Final = {"numberOfAll": 1, "numberOfFailed": 0}


def sound() -> Snapshot:
    """Return an installation with something of everything, in which nothing is wrong."""
    registrations = [
        installed(confirmed=NOW, delivered=NOW, group="A"),
        waiting(id="waits"),
        pending(id="calls"),
        blocked(id="stuck"),
        waiting(id="filed", status=ACCEPTED, seed=NEW_SEED, key_id="k1", accepted=NOW, installed=NOW, confirmed=NOW),
    ]
    accounts = [
        _account(PUMP, "pump-7", SEED),
        _account(FILED, "filed", NEW_SEED, secret=b"chosen"),
        _account("rita", "rita", b"rita", kind=ADMINISTRATOR, role="owner"),
    ]
    wanted = {account.username: _in_broker(account) for account in accounts}
    passwords = {account.username: _password(account.seed) for account in accounts}
    asked = [
        _told("register", "pump-7"),
        _told("accept", "pump-7"),
        _told("register", "waits"),
        _told("register", "gone"),
        _told("delete", "gone"),
        _told("bulk-register", "filed", result=FILE_RESULT, passwords={"filed": _password(NEW_SEED)}),
        _told("create-administrator", "rita", result={"name": "rita", "password": _password(b"rita")}),
    ]
    audit = [AuditEntry(NOW, "default", one.actor, one.command, one.subjects[0], "ok", {}) for one in asked[:5]]
    audit.append(AuditEntry(NOW, "default", BY, "bulk-register", None, "ok", {**FILE_RESULT, "complete": True}, "b1"))
    return Snapshot(
        now=NOW,
        registrations={one.id: one for one in registrations},
        accounts={one.username: one for one in accounts},
        devices={"pump-7": entry(group="A"), "filed": entry(id="filed", group=None)},
        counts={("default", ACCEPTED): 2, ("default", WAITING): 1, ("default", PENDING): 1, ("default", BLOCKED): 1},
        groups=frozenset({("default", "A")}),
        audit=tuple(audit),
        answers=tuple(
            Answered("default", "admin", one.key or "", one.command, "digest", json.dumps(one.answer), NOW)
            for one in asked
        ),
        passwords=passwords,
        wanted=wanted,
        broker={**wanted, "inspector": INSPECTOR},
        broker_roles={**{role_name(username): "grants" for username in wanted}, "inspector": "grants"},
        others={"inspector": INSPECTOR},
        others_roles={"inspector": "grants"},
        attempts=(
            *(Attempt(name, passwords[name], one.client_id, worked=True) for name, one in wanted.items()),
            Attempt(PUMP, passwords[PUMP], "another", worked=False),
            Attempt(PUMP, _password(OLD_SEED), "pump-7", worked=False),
        ),
        held=(Held(PUMP, _password(OLD_SEED), "pump-7", 1), Held(PUMP, passwords[PUMP], "pump-7", 2)),
        asked=tuple(asked),
    )


Breach = Callable[[Snapshot], Snapshot]


def _registration(device_id: str, **changes: Any) -> Breach:
    def breach(whole: Snapshot) -> Snapshot:
        changed = replace(whole.registrations[device_id], **changes)
        return replace(whole, registrations={**whole.registrations, device_id: changed})

    return breach


def _row(username: str, **changes: Any) -> Breach:
    def breach(whole: Snapshot) -> Snapshot:
        return replace(whole, accounts={**whole.accounts, username: replace(whole.accounts[username], **changes)})

    return breach


def _broker(username: str, **changes: Any) -> Breach:
    def breach(whole: Snapshot) -> Snapshot:
        return replace(whole, broker={**whole.broker, username: replace(whole.broker[username], **changes)})

    return breach


def _put(whole: Snapshot, member: str, value: Any) -> Snapshot:
    changes: dict[str, Any] = {member: value}
    return replace(whole, **changes)


def _without(member: str, key: Any) -> Breach:
    """Leave one entry of a mapping out."""

    def breach(whole: Snapshot) -> Snapshot:
        kept = {name: value for name, value in getattr(whole, member).items() if name != key}
        return _put(whole, member, kept)

    return breach


def _with(member: str, key: Any, value: Any) -> Breach:
    """Put one entry into a mapping."""
    return lambda whole: _put(whole, member, {**getattr(whole, member), key: value})


def _more(member: str, *values: Any) -> Breach:
    """Put values behind those of a tuple."""
    return lambda whole: _put(whole, member, (*getattr(whole, member), *values))


def _all(*breaches: Breach) -> Breach:
    def breach(whole: Snapshot) -> Snapshot:
        for one in breaches:
            whole = one(whole)
        return whole

    return breach


def _lacks(member: str, fits: Callable[[Any], bool]) -> Breach:
    """Leave values of a tuple out."""
    return lambda whole: _put(whole, member, tuple(one for one in getattr(whole, member) if not fits(one)))


BREACHES: Final[Mapping[str, Iterable[Breach]]] = {
    "a_status_and_what_it_rests_on_agree": (
        _registration("pump-7", seed=None),
        _registration("pump-7", accepted=None),
        _registration("pump-7", accepted_claim=None, confirmed=None),
        _registration("pump-7", accepted_claim="ffffffff"),
        _registration("pump-7", installed=None),
        _registration("waits", seed=SEED),
        _registration("waits", claims=(claim("c1"),)),
        _registration("calls", claims=()),
        _registration("stuck", reason=None),
    ),
    "a_claim_is_kept_once": (
        _registration("calls", claims=(claim("c1"), claim("c2", client_id="client-c1"))),
        _registration("calls", claims=(claim("c1"), claim("c1", client_id="another"))),
        _registration("calls", claims=tuple(claim(f"c{number}") for number in range(5))),
    ),
    "the_counts_are_those_of_the_rows": (
        _with("counts", ("default", WAITING), 2),
        _with("counts", ("north", WAITING), 1),
        _without("counts", ("default", ACCEPTED)),
    ),
    "an_id_has_one_tenant": (
        _registration("waits", tenant="north"),
        _with("devices", "pump-7", entry(tenant="management")),
        _row(PUMP, tenant="management"),
    ),
    "a_group_that_is_named_exists": (
        _registration("waits", group="B"),
        _with("devices", "filed", entry(id="filed", group="B")),
    ),
    "an_accepted_device_has_an_account": (
        _without("accounts", PUMP),
        _row(PUMP, wanted=False),
        _row(PUMP, seed=OLD_SEED),
        _row(PUMP, key_id="k2"),
    ),
    "a_device_has_an_account": (_without("accounts", FILED), _row(PUMP, wanted=False)),
    "an_account_belongs_to_somebody": (
        _all(_without("registrations", "pump-7"), _without("devices", "pump-7")),
        _all(_registration("pump-7", status=WAITING), _without("devices", "pump-7")),
        _row(PUMP, subject="pump-8"),
        _row(PUMP, tenant="north"),
        _row("rita", role=None),
        _row("rita", kind="stranger"),
    ),
    "what_is_installed_is_noted_everywhere": (
        _registration("pump-7", installed=None),
        _row(PUMP, installed=None),
        _without("devices", "pump-7"),
    ),
    "nothing_is_left_to_do": (_row(PUMP, wanted=False), _row(PUMP, installed=None), _row(PUMP, revisit=True)),
    "every_password_can_be_had_again": (_with("passwords", PUMP, None), _without("passwords", FILED)),
    "every_account_is_in_the_broker": (
        _without("broker", PUMP),
        _broker(PUMP, mark="another"),
        _broker(PUMP, client_id=None),
        _broker(PUMP, granted="more"),
        _broker(PUMP, roles=()),
        _broker(PUMP, disabled=True),
        _broker(PUMP, ours=False),
    ),
    "the_broker_has_no_account_without_a_row": (
        _with("broker", "ghost", BrokerAccount("ghost", None, "", "", ())),
        _with("broker_roles", role_name("ghost"), "grants"),
    ),
    "nothing_foreign_is_touched": (
        _without("broker", "inspector"),
        _broker("inspector", disabled=True),
        _broker("inspector", ours=True),
        _with("broker", "stranger", replace(INSPECTOR, username="stranger")),
        _with("broker_roles", "inspector", "fewer"),
        _without("broker_roles", "inspector"),
    ),
    "a_wanted_account_logs_in": (
        _more("attempts", Attempt(PUMP, _password(SEED), "pump-7", worked=False)),
        _more("attempts", Attempt("rita", _password(b"rita"), None, worked=False)),
    ),
    "no_other_login_works": (
        _more("attempts", Attempt(PUMP, _password(OLD_SEED), "pump-7", worked=True)),
        _more("attempts", Attempt(PUMP, _password(SEED), "another", worked=True)),
        _more("attempts", Attempt("default/device_gone", _password(SEED), "gone", worked=True)),
    ),
    "no_password_opens_two_accounts": (_with("passwords", "rita", _password(SEED)),),
    "a_device_logs_in_with_what_it_was_given": (
        _more("held", Held(PUMP, "another", "pump-7", 3)),
        _lacks("held", lambda held: held.life == 2),
    ),
    "one_life_has_one_password": (
        _more("held", Held(PUMP, "another", "pump-7", 2)),
        _more("held", Held(PUMP, _password(SEED), "pump-7", 3)),
    ),
    "what_was_told_of_a_device_is_so": (
        _without("registrations", "waits"),
        _more("asked", _told("accept", "waits")),
        _with("registrations", "gone", waiting(id="gone")),
        _more("asked", _told("delete-device", "pump-7")),
        _all(
            _more("asked", _told("delete-device", "stuck")),
            _without("registrations", "stuck"),
            _row(FILED, subject="stuck"),
        ),
        _all(_without("registrations", "filed"), _without("devices", "filed")),
    ),
    "what_was_told_of_a_person_is_so": (
        _without("accounts", "rita"),
        _row("rita", wanted=False),
        _with("passwords", "rita", "another"),
        _more("asked", _told("delete-administrator", "rita")),
    ),
    "a_provided_password_is_that_of_the_account": (_with("passwords", FILED, "another"),),
    "nothing_is_done_twice": (
        _more("audit", AuditEntry(NOW, "default", BY, "accept", "pump-7", "ok", {})),
        _lacks("audit", lambda written: written.action == "accept"),
    ),
    "a_file_is_counted_as_it_was_told": (
        _lacks("audit", lambda written: written.bulk == "b1"),
        _more("audit", AuditEntry(NOW, "default", BY, "bulk-register", None, "ok", {**FILE_RESULT, "complete": True})),
    ),
    "an_answer_is_remembered_as_it_was_told": (
        _lacks("answers", lambda kept: kept.command == "accept"),
        lambda whole: replace(whole, answers=tuple(replace(one, answer='{"ok":false}') for one in whole.answers)),
    ),
}


BROKEN: Final = [
    pytest.param(name, breach, id=f"{name}-{number}")
    for name, broken in BREACHES.items()
    for number, breach in enumerate(broken, 1)
]


def test_a_sound_installation_breaks_nothing() -> None:
    assert violations_of(sound()) == []


def test_an_empty_installation_breaks_nothing() -> None:
    assert violations_of(Snapshot()) == []


@pytest.mark.parametrize(("name", "breach"), BROKEN)
def test_a_breach_is_reported_by_its_invariant(name: str, breach: Breach) -> None:
    assert [one for one in violations_of(breach(sound())) if one.startswith(f"{name}: ")] != []


def test_no_invariant_goes_without_a_breach() -> None:
    assert set(BREACHES) == set(INVARIANTS)


@pytest.mark.parametrize("room", [invariants, promises])
def test_no_invariant_is_left_out(room: ModuleType) -> None:
    written = {
        name
        for name, function in inspect.getmembers(room, inspect.isfunction)
        if function.__module__ == room.__name__ and list(inspect.signature(function).parameters) == ["snapshot"]
        if not name.startswith("_")
    }
    assert written - {"violations_of"} <= set(INVARIANTS)


def test_a_request_that_nobody_heard_an_answer_to_may_have_been_done_or_not() -> None:
    unheard = Asked(BY, "accept", ("pump-7",))
    written = AuditEntry(NOW, "default", BY, "accept", "pump-7", "ok", {})
    assert violations_of(_more("asked", unheard)(sound())) == []
    assert violations_of(_all(_more("asked", unheard), _more("audit", written))(sound())) == []
    assert violations_of(_all(_more("asked", unheard), _more("audit", written, written))(sound())) != []


def test_what_was_told_may_have_been_undone_by_a_request_that_nobody_heard_an_answer_to() -> None:
    lost = _without("registrations", "waits")
    assert violations_of(lost(sound())) != []
    unheard = _more("asked", Asked(BY, "delete", ("waits",)))
    before = {sentence.partition(":")[0] for sentence in violations_of(_all(lost, unheard)(sound()))}
    assert "what_was_told_of_a_device_is_so" not in before


def test_an_answer_may_be_forgotten_after_ten_minutes() -> None:
    later = replace(sound(), answers=(), now=NOW + 600_000)
    assert violations_of(later) == []


def test_a_device_that_has_not_called_since_it_was_accepted_again_holds_its_old_password() -> None:
    whole = _registration("pump-7", confirmed=None)(sound())
    assert violations_of(replace(whole, held=whole.held[:1])) == []
