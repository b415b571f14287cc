"""Accounts in Mosquitto's dynamic security plugin, against a plugin that only remembers."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from bridge.accounts import AccountsFault, Login, Seen, grants
from bridge.accounts.dynsec import (
    PAGE,
    PATIENCE,
    REQUESTS,
    ROLES,
    TEXTNAME,
    TRIES,
    Dynsec,
    create_commands,
    file_client,
    file_role,
    role_name,
)
from bridge.broker import Connection, Disconnected
from bridge.wire import Topics
from tests.hurried import hurried

LOGIN = Login("t1/device_x", "s3cret", "mark-1", grants.for_device(Topics(), "t1", "x"), "x")
ADMIN = Login("ada", "s3cret", "mark-a", grants.for_administrator(Topics(), "t1", "ada", "viewer"))


@dataclass
class Plugin:
    """The plugin as its documentation tells, and a connection to it. ``deaf`` messages go unanswered."""

    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: list[list[str]] = field(default_factory=list)
    deaf: int = 0
    answers_lost: int = 0
    broken: str | None = None
    dynsec: Dynsec | None = None
    reason: int = 0
    defaults: tuple[dict[str, Any], ...] = ()

    def send(self, topic: str, payload: bytes, told: Callable[[int], None]) -> None:
        told(self.reason)
        assert topic == REQUESTS
        commands = json.loads(payload)["commands"]
        self.messages.append([command["command"] for command in commands])
        if self.deaf:
            self.deaf -= 1
            return
        answers = [self.answer(command) for command in commands]
        if self.answers_lost:
            self.answers_lost -= 1
            return
        assert self.dynsec is not None
        self.dynsec.heard([{"command": "x"}, {"correlationData": "somebody-elses"}])
        self.dynsec.heard(reversed(answers))

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        answer = {"command": command["command"], "correlationData": command.pop("correlationData")}
        if self.broken == command["command"]:
            return {**answer, "error": "Internal error"}
        data: dict[str, Any] | None = None
        error = None
        match command:
            case {"command": "createClient", "username": name} if name in self.clients:
                error = "Client already exists"
            case {"command": "createRole", "rolename": name} if name in self.roles:
                error = "Role already exists"
            case {"command": "getClient" | "modifyClient" | "deleteClient"} if command["username"] not in self.clients:
                error = "Client not found"
            case {"command": "getRole" | "modifyRole" | "deleteRole", "rolename": name} if name not in self.roles:
                error = "Role not found"
            case {"command": "createClient" | "modifyClient", "roles": [role]} if role["rolename"] not in self.roles:
                error = "Role not found"
            case {"command": "createClient" | "modifyClient", "username": name}:
                given = {key: value for key, value in command.items() if key != "command"}
                self.clients[name] = {**self.clients.get(name, {}), **given}
            case {"command": "enableClient", "username": name}:
                del self.clients[name]["disabled"]
            case {"command": "createRole" | "modifyRole", "rolename": name}:
                self.roles[name] = {"rolename": name, "acls": command["acls"]}
            case {"command": "getClient", "username": name}:
                data = {"client": self.clients[name]}
            case {"command": "getRole", "rolename": name}:
                data = {"role": self.roles[name]}
            case {"command": "deleteClient", "username": name}:
                del self.clients[name]
            case {"command": "deleteRole", "rolename": name}:
                users = [c for c in self.clients.values() if c["roles"][0]["rolename"] == name]
                assert not users, "a role deleted before its client crashes the broker"
                del self.roles[name]
            case {"command": "getDefaultACLAccess"}:
                data = {"acls": list(self.defaults)}
            case {"command": "listClients", "count": count, "offset": offset}:
                data = {"clients": list(self.clients.values())[offset : offset + count]}
            case {"command": "listRoles", "count": count, "offset": offset}:
                data = {"roles": list(self.roles.values())[offset : offset + count]}
        return {**answer, **({} if error is None else {"error": error}), **({} if data is None else {"data": data})}


def made() -> tuple[Plugin, Dynsec]:
    plugin = Plugin()
    plugin.dynsec = Dynsec(cast("Connection", plugin))
    return plugin, plugin.dynsec


async def listed(dynsec: Dynsec) -> list[Seen]:
    return [one async for page in dynsec.listed() for one in page]


async def test_accounts_are_made_in_one_message_each_role_before_its_client() -> None:
    plugin, dynsec = made()
    await dynsec.install([LOGIN, ADMIN])
    assert plugin.messages == [["createRole", "createClient"] * 2]
    client = plugin.clients["t1/device_x"]
    assert (client["clientid"], client["password"], client["textdescription"]) == ("x", "s3cret", LOGIN.description)
    assert client["roles"] == [{"rolename": role_name("t1/device_x"), "priority": 0}]
    assert "clientid" not in plugin.clients["ada"]
    assert plugin.roles[role_name("ada")]["acls"] == [grant.members for grant in ADMIN.grants]


async def test_an_unchanged_account_is_not_touched_since_that_throws_the_device_out() -> None:
    plugin, dynsec = made()
    await dynsec.install([LOGIN])
    plugin.messages.clear()
    await dynsec.install([LOGIN])
    await dynsec.renew([LOGIN])
    assert plugin.messages == [["createRole", "createClient"], ["getRole", "getClient"], ["getRole", "getClient"]]


@pytest.mark.parametrize(
    ("wanted", "changing"),
    [
        (replace(LOGIN, password="new", mark="mark-2"), ["modifyClient"]),
        (replace(LOGIN, client_id="y"), ["modifyClient"]),
        (replace(LOGIN, grants=LOGIN.grants[:1]), ["modifyRole"]),
        (replace(LOGIN, grants=LOGIN.grants[:1], mark="mark-2"), ["modifyRole", "modifyClient"]),
    ],
)
async def test_what_differs_is_made_as_wanted_the_role_first(wanted: Login, changing: list[str]) -> None:
    plugin, dynsec = made()
    await dynsec.install([LOGIN])
    plugin.messages.clear()
    await dynsec.renew([wanted])
    assert [command for message in plugin.messages[1:] for command in message] == changing
    assert wanted.has_password_of(plugin.clients["t1/device_x"]["textdescription"])
    (found,) = await listed(dynsec)
    assert wanted.is_as(found)
    assert await dynsec.look(["t1/device_x"]) == [found]
    assert plugin.roles[role_name("t1/device_x")]["acls"] == [grant.members for grant in wanted.grants]


@pytest.mark.parametrize("half", ["client", "role"])
async def test_half_an_account_is_made_whole(half: str) -> None:
    plugin, dynsec = made()
    await dynsec.install([LOGIN])
    expected = (dict(plugin.clients), dict(plugin.roles))
    del plugin.clients["t1/device_x"]
    if half == "client":
        plugin.clients["t1/device_x"] = expected[0]["t1/device_x"]
        plugin.roles.clear()
    await dynsec.renew([LOGIN])
    assert (plugin.clients, plugin.roles) == expected


async def test_a_disabled_account_is_made_as_wanted() -> None:
    plugin, dynsec = made()
    await dynsec.install([LOGIN])
    plugin.clients["t1/device_x"]["disabled"] = True
    await dynsec.renew([LOGIN])
    assert "disabled" not in plugin.clients["t1/device_x"]


async def test_accounts_are_taken_away_each_client_before_its_role() -> None:
    plugin, dynsec = made()
    await dynsec.install([LOGIN, ADMIN])
    await dynsec.remove(["t1/device_x"])
    assert plugin.messages[-2:] == [["getClient"], ["deleteClient", "deleteRole"]]
    assert (set(plugin.clients), set(plugin.roles)) == ({"ada"}, {role_name("ada")})


async def test_what_is_not_there_is_none_to_take_away() -> None:
    plugin, dynsec = made()
    await dynsec.remove(["t1/device_x"])
    assert plugin.messages == [["getClient"], ["deleteClient", "deleteRole"]]


@pytest.mark.parametrize(
    "command", ["createClient", "createRole", "getClient", "modifyClient", "deleteClient", "listClients"]
)
async def test_any_other_error_is_a_fault_with_the_plugins_words(command: str) -> None:
    plugin, dynsec = made()
    if command in ("getClient", "modifyClient"):
        await dynsec.install([LOGIN])
    plugin.broken = command

    async def work() -> None:
        match command:
            case "createClient" | "createRole":
                await dynsec.install([LOGIN])
            case "getClient" | "modifyClient":
                await dynsec.renew([replace(LOGIN, mark="mark-2")])
            case "deleteClient":
                await dynsec.remove(["t1/device_x"])
            case _:
                await listed(dynsec)

    with pytest.raises(AccountsFault, match="Internal error"):
        await work()


async def test_other_grants_alone_change_the_role_since_any_change_of_the_client_throws_the_device_out() -> None:
    plugin, dynsec = made()
    await dynsec.install([LOGIN])
    before = dict(plugin.clients["t1/device_x"])
    await dynsec.renew([replace(LOGIN, grants=LOGIN.grants[:1])])
    assert plugin.clients["t1/device_x"] == before


async def test_grants_that_somebody_changed_are_seen_in_the_list() -> None:
    plugin, dynsec = made()
    await dynsec.install([LOGIN, ADMIN])
    plugin.roles[role_name("ada")]["acls"].pop()
    plugin.clients["t1/device_x"]["roles"].append({"rolename": role_name("ada"), "priority": 1})
    found = await listed(dynsec)
    assert await dynsec.look(["t1/device_x", "ada"]) == found
    assert [login.is_as(one) for login, one in zip((LOGIN, ADMIN), found, strict=True)] == [False, False]
    assert [one.mark for one in found] == [login.mark for login in (LOGIN, ADMIN)]


async def test_a_client_id_that_somebody_changed_is_seen() -> None:
    plugin, dynsec = made()
    await dynsec.install([LOGIN])
    plugin.clients["t1/device_x"]["clientid"] = "another"
    (found,) = await listed(dynsec)
    assert not LOGIN.is_as(found)
    del plugin.clients["t1/device_x"]["clientid"]
    assert not LOGIN.is_as((await dynsec.look(["t1/device_x"]))[0])


OWN = replace(LOGIN, username="bridge-info", client_id="random", mark="service")


def own_account(plugin: Plugin, login: Login) -> dict[str, Any]:
    """Put an account of the bridge itself there, as `init` writes it into the file."""
    plugin.clients[login.username] = {**file_client(login), "textname": "bootstrap-bridge service"}
    plugin.roles[role_name(login.username)] = file_role(login)
    return plugin.clients[login.username]


async def test_the_bridges_own_accounts_are_looked_at_and_never_changed() -> None:
    plugin, dynsec = made()
    client = own_account(plugin, OWN)
    assert await dynsec.faults_of([OWN]) == []
    client["disabled"] = True
    client["clientid"] = "other"
    client["roles"] = []
    del plugin.roles[role_name("bridge-info")]
    before = dict(client)
    (said,) = await dynsec.faults_of([OWN])
    for word in ("bridge-info", "disabled", "client id", "other roles", "other things"):
        assert word in said
    assert await dynsec.faults_of([replace(OWN, username="gone")]) == ["the bridge's own account gone is not there"]
    assert plugin.clients == {"bridge-info": before}
    assert {command for message in plugin.messages for command in message} == {"getClient", "getRole"}
    assert await listed(dynsec) == [], "it is none of those that are compared with the rows"
    assert await dynsec.look(["bridge-info", "gone"]) == [None, None]


async def test_what_accounts_may_by_default_is_read() -> None:
    plugin, dynsec = made()
    plugin.defaults = ({"acltype": "subscribe", "allow": True}, {"acltype": "unsubscribe", "allow": False})
    assert await dynsec.defaults() == {"subscribe": True, "unsubscribe": False}


async def test_a_broker_that_does_not_let_the_bridge_speak_to_the_plugin_is_known_at_once() -> None:
    plugin, dynsec = made()
    plugin.deaf, plugin.reason = 1, 0x87
    async with asyncio.timeout(5):
        with pytest.raises(Disconnected, match="does not let"):
            await dynsec.install([LOGIN])


async def test_commands_that_one_message_does_not_hold_go_in_several() -> None:
    plugin, dynsec = made()
    long = tuple(replace(LOGIN.grants[0], topic=f"{number}/" + "x" * 100_000) for number in range(12))
    logins = [replace(LOGIN, username=f"u{number}", grants=long) for number in range(3)]
    await dynsec.install(logins)
    assert plugin.messages == [["createRole", "createClient"]] * 3
    assert set(plugin.clients) == {"u0", "u1", "u2"}
    plugin.messages.clear()
    with pytest.raises(AccountsFault, match="u9"):
        await dynsec.install([LOGIN, replace(LOGIN, username="u9", grants=long[:1] * 20)])
    assert plugin.messages == []


async def test_an_account_of_somebody_elses_is_never_taken_over() -> None:
    plugin, dynsec = made()
    plugin.clients["t1/device_x"] = {"username": "t1/device_x", "roles": [], "password": "theirs"}
    with pytest.raises(AccountsFault, match="not the bridge's"):
        await dynsec.install([LOGIN])
    await dynsec.remove(["t1/device_x"])
    assert plugin.clients["t1/device_x"]["password"] == "theirs"


async def test_only_accounts_that_the_bridge_made_are_listed_page_by_page() -> None:
    plugin, dynsec = made()
    await dynsec.install([replace(LOGIN, username=f"u{number:04}") for number in range(PAGE)])
    plugin.clients["foreign"] = {"username": "foreign", "roles": []}
    plugin.clients["service"] = {"username": "service", "textname": "bootstrap-bridge service", "roles": []}
    plugin.messages.clear()
    found = [one.username for one in await listed(dynsec)]
    assert found == [f"u{number:04}" for number in range(PAGE)]
    assert plugin.messages == [["listRoles"]] * (PAGE // ROLES + 1) + [["listClients"]] * 2


def test_a_command_without_answer_is_sent_again_and_a_lost_answer_does_no_harm() -> None:
    async def work() -> None:
        plugin, dynsec = made()
        plugin.deaf, plugin.answers_lost = 1, 0
        began = asyncio.get_running_loop().time()
        await dynsec.install([LOGIN])
        assert PATIENCE <= asyncio.get_running_loop().time() - began < 2 * PATIENCE
        plugin.answers_lost = 1
        await dynsec.install([ADMIN])
        plugin.answers_lost = 1
        await dynsec.remove(["ada"])
        assert set(plugin.clients) == {"t1/device_x"}

    hurried(work())


def test_a_plugin_that_never_answers_ends_the_session() -> None:
    async def work() -> None:
        plugin, dynsec = made()
        plugin.deaf = 99
        with pytest.raises(Disconnected):
            await dynsec.install([LOGIN])
        assert len(plugin.messages) == TRIES

    hurried(work())


async def test_an_answer_that_comes_too_late_or_twice_is_left_alone() -> None:
    plugin, dynsec = made()
    await dynsec.install([LOGIN])
    dynsec.heard([{"command": "createRole", "correlationData": "0-0"}, {"correlationData": None}, {}])
    assert len(plugin.messages) == 1


def test_two_processes_never_use_the_same_correlation_data() -> None:
    sent: list[str] = []

    class Line:
        def send(self, topic: str, payload: bytes, told: Callable[[int], None]) -> None:
            sent.extend(command["correlationData"] for command in json.loads(payload)["commands"])

    async def work() -> None:
        for _ in range(2):
            with pytest.raises(Disconnected):
                await Dynsec(cast("Connection", Line())).remove(["x"])

    hurried(work())
    assert len(set(sent)) == len(sent) == 2 * TRIES


def test_an_account_in_the_plugins_file_is_as_the_plugin_would_make_it() -> None:
    role, client = create_commands(LOGIN)
    written = file_client(LOGIN)
    assert file_role(LOGIN) == {"rolename": role["rolename"], "acls": role["acls"]}
    assert {"password", "salt", "iterations"} < set(written)
    assert written["password"] != LOGIN.password
    same = ("username", "textname", "textdescription", "roles", "clientid")
    assert {key: written[key] for key in same} == {key: client[key] for key in same}
    assert written["textname"] == TEXTNAME
    assert "clientid" not in file_client(ADMIN)
