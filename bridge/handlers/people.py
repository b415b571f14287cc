"""Administrators and applications: create-, delete-, list-. The broker's accounts are made from the rows after it."""

import json
import secrets
from dataclasses import replace
from typing import Any, Final

from bridge import names, options, queries
from bridge.answers import from_cursor, paged
from bridge.applications import is_info_alone
from bridge.credentials import KeyRing
from bridge.handlers.desk import Desk, Result
from bridge.names import MANAGEMENT, SERVICE_NAMES
from bridge.records import ADMINISTRATOR, APPLICATION, Account
from bridge.registration import Code
from bridge.requests import BadRequest, ByName, NewAdministrator, NewApplication, Page, checked_password, parse
from bridge.roles import OWNER

MAX_FILTERS: Final = 100
WITH_PASSWORD: Final = frozenset({"create-administrator", "create-application"})
"""Commands whose answer may hold a password that was made for it."""


def revealed(command: str, said: bytes, keys: KeyRing) -> bytes:
    """Put the password that was made into an answer, which is kept with what the password is derived from instead."""
    if command not in WITH_PASSWORD:
        return said
    answer = json.loads(said)
    made = answer.get("result", {}).get("password")
    if not isinstance(made, dict):
        return said
    result = answer["result"]
    result["password"] = keys.administrator_password(result["name"], bytes.fromhex(made["seed"]), made["keyId"])
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


async def _made(desk: Desk, account: Account, password: str | None) -> tuple[dict[str, Any], bool]:
    """Want ``account``, with the chosen password or one of its own; return the latter for the answer.

    And tell whether the broker may still know somebody else by that name. Raises BadRequest if it cannot be had.
    """
    name = account.username
    if name in SERVICE_NAMES or name in desk.rulebook.foreign_names():
        raise BadRequest(Code.ALREADY_EXISTS, f"the name {name} is taken: choose another")
    if fault := names.administrator_fault(name):
        raise BadRequest(Code.INVALID_ID, fault)
    there = (await desk.transaction.accounts([name])).get(name)
    if there is not None and there.wanted:
        raise BadRequest(Code.ALREADY_EXISTS, f"the name {name} is taken: choose another")
    secret = None if password is None else desk.keys.locked(name, checked_password(password), account.key_id)
    formerly = await desk.transaction.want_accounts([replace(account, secret=secret)])
    desk.batch.account_work.leaving = True
    made = {} if secret is not None else {"password": {"seed": account.seed.hex(), "keyId": account.key_id}}
    return made, bool(formerly)


async def create_administrator(desk: Desk, value: dict[str, Any]) -> Result:
    """Make an administrator's account."""
    request = parse(NewAdministrator, value)
    tenant = desk.tenant if request.tenant is None else desk.named_tenant(request.tenant)
    name = request.name
    account = Account(name, ADMINISTRATOR, tenant, name, secrets.token_bytes(16), desk.keys.current, role=request.role)
    password, formerly = await _made(desk, account, request.password)
    await desk.transaction.forget_answers_to(tenant, name)
    desk.rulebook.give_name(tenant, name, formerly_anothers=formerly)
    desk.changes_rulebook = True
    desk.note(None, "ok", {"name": name, "role": request.role}, tenant=tenant)
    return {"name": name, "role": request.role, **password}


async def _leaving(desk: Desk, kind: str, name: str) -> Account:
    account = (await desk.transaction.accounts([name])).get(name)
    is_seen = account is not None and account.kind == kind and account.wanted
    if account is None or not is_seen or not _is_ours(desk, account):
        raise BadRequest(Code.NOT_FOUND, f"there is no {kind} {name}")
    return account


def _is_ours(desk: Desk, account: Account) -> bool:
    return account.tenant == desk.tenant or (account.kind == ADMINISTRATOR and desk.tenant == MANAGEMENT)


async def _removed(desk: Desk, account: Account) -> None:
    await desk.transaction.save_accounts([replace(account, wanted=False, installed=None)])
    desk.batch.account_work.leaving = True
    desk.note(None, "ok", {"name": account.username}, tenant=account.tenant)


async def delete_administrator(desk: Desk, value: dict[str, Any]) -> Result:
    """Take an administrator's account away, with its live session."""
    account = await _leaving(desk, ADMINISTRATOR, parse(ByName, value).name)
    owners = [
        name for (tenant, name), role in desk.rulebook.roles.items() if tenant == account.tenant and role == OWNER
    ]
    if owners == [account.username] and account.tenant == desk.tenant:
        raise BadRequest(
            Code.INVALID_STATE, f"{account.username} is the last owner of {account.tenant}: create another one first"
        )
    await _removed(desk, account)
    desk.changes_rulebook = True
    return {"name": account.username}


async def list_administrators(desk: Desk, value: dict[str, Any]) -> Result:
    """Return the administrators of the tenant, for management those of all, by their names."""
    request = parse(Page, value)
    after = "" if request.cursor is None else from_cursor(request.cursor, 1, [str])[0]
    found = await queries.people(desk.connection, ADMINISTRATOR, desk.scope, after, request.limit + 1)
    rows, following = paged(
        found,
        request.limit,
        lambda one: {"name": one.username, "tenant": one.tenant, "role": one.role},
        lambda last: [last.username],
    )
    return {"administrators": rows, "next": following}


def _checked_filters(desk: Desk, filters: list[str], *, writing: bool) -> list[str]:
    if len(filters) > MAX_FILTERS:
        raise BadRequest(Code.LIMIT_REACHED, f"an application has at most {MAX_FILTERS} filters of a kind")
    for one in filters:
        fault = options.shape_fault(one)
        if fault is None and (len(one) > options.MAX_FILTER or not one.isprintable()):
            fault = f"a topic filter has at most {options.MAX_FILTER} characters, all of which can be seen"
        if fault is not None:
            raise BadRequest(Code.MALFORMED_REQUEST, f"{one[:80]!r} is no topic filter: {fault}")
        if not desk.rulebook.may_use(one, desk.tenant):
            raise BadRequest(
                Code.NOT_PERMITTED,
                f"an application of {desk.tenant} reads and writes below devices/{desk.tenant}/ and within the option "
                f"topics, not {one[:80]!r}",
            )
        if writing and is_info_alone(one, desk.tenant):
            raise BadRequest(Code.NOT_PERMITTED, "what a device says of itself, its info, only the device publishes")
    return list(dict.fromkeys(filters))


async def create_application(desk: Desk, value: dict[str, Any]) -> Result:
    """Make an application's account; it reads all devices of the tenant unless told otherwise."""
    request = parse(NewApplication, value)
    read = [f"devices/{desk.tenant}/#"] if request.read is None else request.read
    details = {
        "read": _checked_filters(desk, read, writing=False),
        "write": _checked_filters(desk, request.write or [], writing=True),
    }
    name = request.name
    account = Account(
        name,
        APPLICATION,
        desk.tenant,
        name,
        secrets.token_bytes(16),
        desk.keys.current,
        details=json.dumps(details, ensure_ascii=False),
    )
    password, _ = await _made(desk, account, request.password)
    desk.note(None, "ok", {"name": name, **details})
    return {"name": name, **password}


async def delete_application(desk: Desk, value: dict[str, Any]) -> Result:
    """Take an application's account away, with its live sessions."""
    account = await _leaving(desk, APPLICATION, parse(ByName, value).name)
    await _removed(desk, account)
    return {"name": account.username}


async def list_applications(desk: Desk, value: dict[str, Any]) -> Result:
    """Return the applications of the tenant by their names, with what they were granted."""
    request = parse(Page, value)
    after = "" if request.cursor is None else from_cursor(request.cursor, 1, [str])[0]
    found = await queries.people(desk.connection, APPLICATION, desk.tenant, after, request.limit + 1)
    rows, following = paged(
        found,
        request.limit,
        lambda one: {"name": one.username, **json.loads(one.details or "{}")},
        lambda last: [last.username],
    )
    return {"applications": rows, "next": following}
