"""What the database says, and what the model says, as plain tables that can be laid side by side."""

import json
from typing import Any

from bridge.credentials import mark_of
from tests.lives.house import House
from tests.lives.model import Model
from tests.lives.records import Shown
from tests.world import KEYS

IDS = ("a", "b", "c")
TOKENS = ("a", "b", "x", "a-token-that-is-long")
STATUS = {0: "PENDING", 1: "BLOCKED", 2: "WAITING", 3: "ACCEPTED"}
TOKEN_OF = {KEYS.token_digest(id_, token): token for id_ in IDS for token in TOKENS}
Facts = dict[str, Any]


def in_database(house: House) -> Facts:
    """Read what is committed."""
    regs = {}
    for id_, *row in house.rows(
        "SELECT id, tenant, owner, created, rank, reason, name, group_path, token, token_from_accept, auto_accept,"
        " wrong_calls, failed_attempts, calls, claims_overflow, accepted, installed IS NOT NULL, answered_plain,"
        " confirmed, claims, accepted_claim FROM registrations"
    ):
        row[3] = STATUS[row[3]]
        row[7] = None if row[7] is None else TOKEN_OF[row[7]]
        kept = {print_: shown_of(*claim) for print_, *claim in json.loads(row[-2])}
        regs[id_] = (*row[:-2], tuple(kept.values()), kept.get(row[-1]))
    statement = "SELECT id, tenant, owner, created, name, group_path, properties, last_info FROM devices"
    devices = {
        id_: (*row[:-2], json.loads(row[-2]).get("colour"), row[-1]) for id_, *row in house.rows(statement)
    }  # fmt: skip
    statement = "SELECT subject, tenant, username, secret, key_id FROM accounts WHERE wanted AND kind = 'device'"
    logins = {
        id_: (tenant, None if secret is None else KEYS.unlocked(username, secret, key_id))
        for id_, tenant, username, secret, key_id in house.rows(statement)
    }
    people = "SELECT username, tenant, role FROM accounts WHERE wanted AND kind <> 'device'"
    options = house.rows("SELECT tenant, key, value FROM options")
    return {
        "registrations": regs,
        "devices": devices,
        "logins": logins,
        "people": {name: tuple(row) for name, *row in house.rows(people)},
        "tenants": {tenant for (tenant,) in house.rows("SELECT id FROM tenants")},
        "options": {(tenant, key): json.loads(value) for tenant, key, value in options},
        "strangers": dict(house.rows("SELECT id, calls FROM unregistered")),
        "audit": audit_of(house),
    }


def shown_of(kind: str, client: str, token: str | None, key: str | None, form: str, first_seen: int) -> Shown:
    return Shown(None if kind == "plain" else client, form, None if token is None else TOKEN_OF[token], key)


def audit_of(house: House) -> list[tuple[Any, ...]]:
    """The audit; a file stands in it by its number, not by the name drawn for it."""
    files: dict[str, int] = {}
    entries = []
    for tenant, actor, action, id_, outcome, bulk in house.rows(
        "SELECT tenant, actor, action, device_id, outcome, bulk FROM audit ORDER BY number"
    ):
        number = None if bulk is None else files.setdefault(bulk, len(files) + 1)
        entries.append((tenant, actor, action if number is None else f"{action} {number}", id_, outcome))
    return sorted(entries, key=repr)


def in_model(model: Model) -> Facts:
    """Say what the model expects, in the same words."""
    regs = {
        id_: (
            *(reg.tenant, reg.owner, reg.created, reg.status, reg.reason, reg.name, reg.group, reg.token),
            *(reg.lent, reg.auto, reg.guesses, reg.failed, reg.calls, reg.overflow, reg.accepted, reg.installed),
            *(reg.answered, reg.confirmed, tuple(kept.shown for kept in reg.claims)),
            None if reg.chosen is None else reg.chosen.shown,
        )
        for id_, reg in model.regs.items()
    }
    return {
        "registrations": regs,
        "devices": {
            id_: (one.tenant, one.owner, one.created, one.name, one.group, one.said, one.heard)
            for id_, one in model.devices.items()
        },
        "logins": {id_: (login.tenant, login.password) for id_, login in model.logins.items() if login.wanted},
        "people": {name: (one.tenant, one.role) for name, one in model.people.items() if one.wanted},
        "tenants": model.tenants,
        "options": model.options,
        "strangers": model.strangers,
        "audit": sorted(model.audit, key=repr),
    }


def observe(model: Model, house: House) -> None:
    """Note which accounts the broker has confirmed, or has lost, as the bridge has found out."""
    statement = "SELECT subject, tenant, seed, installed FROM accounts WHERE wanted AND kind = 'device'"
    for id_, tenant, seed, installed in house.rows(statement):
        login = model.logins[id_]
        if installed is None:
            login.installed = False
        elif not login.installed:
            logins = {(username, mark) for username, _, mark in house.broker.ever}
            assert (f"{tenant}/device_{id_}", mark_of(seed)) in logins, "an account that no broker ever confirmed"
            model.mark_installed(id_)


def learn(model: Model, house: House, seeds: dict[int, bytes]) -> None:
    """Learn what was drawn at random, and see that what was learned stays as it is and is nobody else's."""
    claims = house.rows("SELECT id, claims, seed FROM registrations")
    for id_, text, seed in claims:
        reg = model.regs[id_]
        for kept, (fingerprint, *_) in zip(reg.claims, json.loads(text), strict=True):
            assert kept.print in (None, fingerprint), "a claim keeps its fingerprint"
            kept.print = fingerprint
        if reg.life is not None:
            assert seeds.setdefault(reg.life, seed) == seed, "a registration keeps its password"
    for id_, seed in house.rows("SELECT subject, seed FROM accounts WHERE wanted AND kind = 'device'"):
        life = model.logins[id_].life
        assert seeds.setdefault(life, seed) == seed, "an account keeps its password"
    assert len(set(seeds.values())) == len(seeds), "each life has a password of its own"
