"""Accounts in Mosquitto's dynamic security plugin, spoken to over MQTT.

Answers come with QoS 0 to everybody who listens there, so each command carries correlation data of its own and is
repeated when no answer comes. The order within an account matters: a role that came with its client must not be
deleted before the client, which crashes Mosquitto 2.0.11 and 2.1.2.
"""

import asyncio
import functools
import itertools
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, Final

from bridge.accounts import AccountsFault, Login, Seen
from bridge.accounts.grants import digest_of_members
from bridge.arrows import Arrow, passed
from bridge.broker import Connection, Disconnected
from bridge.credentials import mosquitto_hash
from bridge.wire import from_bytes, to_bytes

REQUESTS: Final = "$CONTROL/dynamic-security/v1"
RESPONSES: Final = "$CONTROL/dynamic-security/v1/response"
TEXTNAME: Final = "bootstrap-bridge"
"""How the bridge knows the accounts that it made from others'."""
PAGE: Final = 500
"""Clients in one page of a list."""
ROLES: Final = 100
"""Roles in one page of a list; an application may have hundreds of grants."""
MAX_MESSAGE: Final = 1_900_000
"""Bytes of commands in one message; the broker ends the connection at 2,000,000."""
PATIENCE: Final = 30.0
"""Seconds without an answer after which a command is sent again; the broker writes its whole file for each."""
TRIES: Final = 3
REFUSED: Final = 0x80
"""From here on a reason code is a refusal (MQTT 5, section 2.4)."""

Command = dict[str, Any]


def role_name(username: str) -> str:
    """Return the name of the one role that the account of ``username`` has."""
    return f"{TEXTNAME}:{username}"


def _roles(username: str) -> list[dict[str, Any]]:
    return [{"rolename": role_name(username), "priority": 0}]


def _acls(login: Login) -> list[dict[str, Any]]:
    return [grant.members for grant in login.grants]


def create_commands(login: Login) -> list[Command]:
    """The commands that make an account from nothing."""
    client: Command = {
        "command": "createClient",
        "username": login.username,
        "password": login.password,
        "textname": TEXTNAME,
        "textdescription": login.description,
        "roles": _roles(login.username),
    }
    if login.client_id is not None:
        client["clientid"] = login.client_id
    return [{"command": "createRole", "rolename": role_name(login.username), "acls": _acls(login)}, client]


def file_client(login: Login) -> dict[str, Any]:
    """An account as the plugin's own file has it."""
    client: dict[str, Any] = {
        "username": login.username,
        "textname": TEXTNAME,
        "textdescription": login.description,
        "roles": _roles(login.username),
        **mosquitto_hash(login.password).members,
    }
    if login.client_id is not None:
        client["clientid"] = login.client_id
    return client


def file_role(login: Login) -> dict[str, Any]:
    """The role of an account as the plugin's own file has it."""
    return {"rolename": role_name(login.username), "acls": _acls(login)}


def _is_missing(error: str | None) -> bool:
    return error in {"Client not found", "Role not found"}


def _is_there_already(error: str | None) -> bool:
    return error in {"Client already exists", "Role already exists"}


def answers_of(payload: bytes) -> list[dict[str, Any]]:
    """Return the answers in a message of the plugin; what is none is left out. Raises ValueError if it is no JSON."""
    message = from_bytes(payload)
    answers = message.get("responses") if isinstance(message, dict) else None
    return [answer for answer in answers if isinstance(answer, dict)] if isinstance(answers, list) else []


def _data(answer: dict[str, Any], member: str) -> Any:
    """Return what a get command found. Raises AccountsFault."""
    error = answer.get("error")
    if error is not None:
        raise AccountsFault(f"{answer.get('command')}: {error}")
    return answer["data"][member]


def _parts(commands: Sequence[Command]) -> Iterator[Sequence[Command]]:
    """Yield ``commands`` in as few messages as hold them. Raises AccountsFault if one alone is too large."""
    start = size = 0
    for at, command in enumerate(commands):
        length = len(to_bytes(command)) + 100  # with its correlation data
        if length > MAX_MESSAGE:
            name = command.get("username") or command["rolename"]
            raise AccountsFault(f"{command['command']} {name}: what it may do takes more than a message holds")
        if size + length > MAX_MESSAGE:
            yield commands[start:at]
            start, size = at, 0
        size += length
    if size:
        yield commands[start:]


def _same_role(role: dict[str, Any], login: Login) -> bool:
    there = {(acl["acltype"], acl["topic"], acl["allow"], acl["priority"]) for acl in role.get("acls", ())}
    return there == {(acl["acltype"], acl["topic"], acl["allow"], acl["priority"]) for acl in _acls(login)}


def _same_client(client: dict[str, Any], login: Login) -> bool:
    """Tell whether the account may stay as it is; any change of it, be it of its description, closes its sessions.

    So the mark of the grants, which stands in the description too, stays as it was when the account was made.
    """
    return (
        login.has_password_of(client.get("textdescription", ""))
        and client.get("textname") == TEXTNAME
        and client.get("clientid") == login.client_id
        and [role["rolename"] for role in client.get("roles", ())] == [role_name(login.username)]
        and not client.get("disabled", False)
    )


def _seen(client: dict[str, Any], digests: dict[str, str]) -> Seen:
    mark = client.get("textdescription", "").partition(":")[0]
    (role, *more) = [role["rolename"] for role in client.get("roles", ())] or [""]
    granted = "" if more or role != role_name(client["username"]) else digests.get(role, "")
    return Seen(client["username"], mark, granted, client.get("clientid"))


class Dynsec:
    """The accounts of one Mosquitto, over a connection that nobody else uses."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._prefix = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    def heard(self, answers: Iterable[dict[str, Any]]) -> None:
        """Take the responses of one message; those to others' commands are left alone."""
        for answer in answers:
            waiting = self._waiting.get(str(answer.get("correlationData")))
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def _ask(self, commands: Sequence[Command]) -> list[dict[str, Any]]:
        """Send ``commands``, in one message where it holds them, and return their answers, in their order.

        Raises AccountsFault.
        """
        answers: list[dict[str, Any]] = []
        for part in list(_parts(commands)):
            answers += await self._ask_at_once(part)
        return answers

    async def _ask_at_once(self, commands: Sequence[Command]) -> list[dict[str, Any]]:
        for _ in range(TRIES):
            keys = [f"{self._prefix}-{next(self._numbers)}" for _ in commands]
            loop = asyncio.get_running_loop()
            self._waiting |= {key: loop.create_future() for key in keys}
            refused = functools.partial(self._refused, keys[0])
            try:
                tagged = [{**command, "correlationData": key} for command, key in zip(commands, keys, strict=True)]
                self._connection.send(REQUESTS, to_bytes({"commands": tagged}), told=refused)
                passed(Arrow.ACCOUNTS_SENT)
                async with asyncio.timeout(PATIENCE):
                    return [await self._waiting[key] for key in keys]
            except TimeoutError:
                continue
            finally:
                for key in keys:
                    self._waiting.pop(key).cancel()
        raise Disconnected(f"the dynamic security plugin has not answered {TRIES} times")

    def _refused(self, key: str, reason: int) -> None:
        """Hear the broker's reason code for a message; a refused one is never answered."""
        waiting = self._waiting.get(key)
        if reason >= REFUSED and waiting is not None and not waiting.done():
            waiting.set_exception(Disconnected(f"the broker does not let the bridge publish {REQUESTS}"))

    async def install(self, logins: Sequence[Login]) -> None:
        """See ``Accounts.install``."""
        commands = [command for login in logins for command in create_commands(login)]
        answers = await self._ask(commands)
        again: list[Login] = []
        for login, role, client in zip(logins, answers[::2], answers[1::2], strict=True):
            errors = [answer["error"] for answer in (role, client) if answer.get("error") is not None]
            if any(not _is_there_already(error) for error in errors):
                raise AccountsFault(f"the account {login.username} cannot be made: {', '.join(errors)}")
            if errors:
                again.append(login)
        if again:
            await self.renew(again)

    async def renew(self, logins: Sequence[Login]) -> None:
        """See ``Accounts.renew``. What is the same already is not touched, since touching throws the device out."""
        asked = [
            command
            for login in logins
            for command in (
                {"command": "getRole", "rolename": role_name(login.username)},
                {"command": "getClient", "username": login.username},
            )
        ]
        found = await self._ask(asked)
        roles: list[Command] = []
        clients: list[Command] = []
        for login, role, client in zip(logins, found[::2], found[1::2], strict=True):
            create_role, create_client = create_commands(login)
            # The role first: a client must find what it may do.
            if _is_missing(role.get("error")):
                roles.append(create_role)
            elif not _same_role(_data(role, "role"), login):
                roles.append({**create_role, "command": "modifyRole"})
            if _is_missing(client.get("error")):
                clients.append(create_client)
            elif _data(client, "client").get("textname") != TEXTNAME:
                raise AccountsFault(f"the account {login.username} is there already and is not the bridge's")
            elif not _same_client(_data(client, "client"), login):
                clients.append({**create_client, "command": "modifyClient"})
                if _data(client, "client").get("disabled", False):  # locked by hand; a new acceptance undoes it
                    clients.append({"command": "enableClient", "username": login.username})
        await self._do(roles)
        await self._do(clients)

    async def _do(self, commands: Sequence[Command]) -> None:
        if not commands:
            return
        for command, answer in zip(commands, await self._ask(commands), strict=True):
            error = answer.get("error")
            # Where an answer was lost, the command was sent again and finds its own work.
            if error is not None and not _is_there_already(error):
                raise AccountsFault(f"{command['command']} {command.get('username') or command['rolename']}: {error}")

    async def remove(self, usernames: Sequence[str]) -> None:
        """See ``Accounts.remove``. What somebody else made under the name stays."""
        found = await self._ask([{"command": "getClient", "username": username} for username in usernames])
        ours = [
            username
            for username, client in zip(usernames, found, strict=True)
            if _is_missing(client.get("error")) or _data(client, "client").get("textname") == TEXTNAME
        ]
        commands: list[Command] = [
            command
            for username in ours
            for command in (
                {"command": "deleteClient", "username": username},
                {"command": "deleteRole", "rolename": role_name(username)},
            )
        ]
        for command, answer in zip(commands, await self._ask(commands), strict=True):
            error = answer.get("error")
            if error is not None and not _is_missing(error):
                raise AccountsFault(f"{command['command']}: {error}")

    async def listed(self) -> AsyncIterator[Sequence[Seen]]:
        """See ``Accounts.listed``."""
        digests: dict[str, str] = {}
        async for roles in self._pages("roles", ROLES):
            digests |= {role["rolename"]: digest_of_members(role.get("acls", ())) for role in roles}
            yield ()
        async for clients in self._pages("clients", PAGE):
            yield [_seen(client, digests) for client in clients if client.get("textname") == TEXTNAME]

    async def _pages(self, what: str, size: int) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield all ``what`` there are, ``size`` of them at once."""
        command, offset = f"list{what.capitalize()}", 0
        while True:
            (answer,) = await self._ask([{"command": command, "verbose": True, "count": size, "offset": offset}])
            rows: list[dict[str, Any]] = _data(answer, what)
            yield rows
            offset += len(rows)
            if len(rows) < size:
                return

    async def look(self, usernames: Sequence[str]) -> list[Seen | None]:
        """See ``Accounts.look``."""
        found: list[Seen | None] = []
        for client, role in await self._get(usernames):
            if client is None or client.get("textname") != TEXTNAME:
                found.append(None)
            else:
                digests = {} if role is None else {role["rolename"]: digest_of_members(role.get("acls", ()))}
                found.append(_seen(client, digests))
        return found

    async def _get(self, usernames: Sequence[str]) -> list[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
        """Return client and role of each account, None for what is not there. Raises AccountsFault."""
        asked = [
            command
            for username in usernames
            for command in (
                {"command": "getClient", "username": username},
                {"command": "getRole", "rolename": role_name(username)},
            )
        ]
        answers = await self._ask(asked)
        clients = [None if _is_missing(one.get("error")) else _data(one, "client") for one in answers[::2]]
        roles = [None if _is_missing(one.get("error")) else _data(one, "role") for one in answers[1::2]]
        return list(zip(clients, roles, strict=True))

    async def faults_of(self, own: Sequence[Login]) -> list[str]:
        """Return in words how the bridge's ``own`` accounts in the broker are otherwise than they were made.

        They are only looked at: who changes them may have a reason, and the bridge must not give itself rights.
        """
        found = []
        for login, (client, role) in zip(own, await self._get([login.username for login in own]), strict=True):
            if client is None:
                found.append(f"the bridge's own account {login.username} is not there")
                continue
            wrong = [
                word
                for word, is_wrong in (
                    ("is disabled", client.get("disabled", False)),
                    ("has another client id", client.get("clientid") != login.client_id),
                    ("has other roles", [one["rolename"] for one in client["roles"]] != [role_name(login.username)]),
                    ("may do other things", role is None or not _same_role(role, login)),
                )
                if is_wrong
            ]
            if wrong:
                found.append(f"the bridge's own account {login.username} {', '.join(wrong)}")
        return found

    async def defaults(self) -> dict[str, bool]:
        """Return what an account may do where none of its roles says. Raises AccountsFault."""
        (answer,) = await self._ask([{"command": "getDefaultACLAccess"}])
        return {one["acltype"]: one["allow"] for one in _data(answer, "acls")}
