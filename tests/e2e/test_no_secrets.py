"""Everything is done once on one installation; then each secret is looked for by its value wherever it must not be."""

import asyncio
import base64
import contextlib
import gzip
import json
import sqlite3
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.e2e.hpke import Key
from tests.e2e.peer import Administrator, Peer, administrator, connected, device, payload_of
from tests.e2e.people import login, new_tenant, person
from tests.e2e.scenes import accepted, enter, resident
from tests.e2e.site import ApartSite, free_ports, running

ODD = 'pass"wörd\\ {of} '
"""Looks different in JSON: escaped, and with or without its own letters."""


class Everything:
    """What the run has left: where to look, and what for."""

    def __init__(self, site: ApartSite) -> None:
        self.site = site
        self.secrets: dict[str, str] = {}
        self.master = b""
        self.heard: list[bytes] = []
        self.running: dict[str, bytes] = {}

    def secret(self, name: str, value: str) -> str:
        """Remember a secret and return it."""
        self.secrets[name] = value
        return value

    def forms(self, name: str) -> Iterator[bytes]:
        """Yield how the secret may be written: raw, hex, base64 of any kind and place, JSON-escaped."""
        value = self.secrets[name]
        raw = value.encode()
        yield raw
        yield json.dumps(value)[1:-1].encode()
        yield json.dumps(value, ensure_ascii=False)[1:-1].encode()
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        yield value.encode("unicode_escape")
        for shift in range(3):
            # Base64 inside a longer text begins at any of three places; the letters at its ends depend on neighbours.
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                yield encode(bytes(shift) + raw).rstrip(b"=")[4 if shift else 0 : -1]

    def found_in(self, text: bytes) -> set[str]:
        """Return the names of the secrets that stand in ``text``."""
        return {name for name in self.secrets if any(form in text for form in self.forms(name))}


async def _drain(peer: Peer, everything: Everything) -> None:
    while not peer.heard.empty():
        message = peer.heard.get_nowait()
        everything.heard.append(str(message.topic).encode() + b" " + payload_of(message))


async def _asked(everything: Everything, admin: Administrator, command: str, payload: Any = None) -> dict[str, Any]:
    answer = await admin.answer(command, payload)
    made = answer.get("result", {}).get("password") if answer["ok"] else None
    shown = json.loads(json.dumps(answer))
    if made is not None:  # the one password that may be answered, to the one who asked for it
        assert command in {"create-administrator", "create-application"}
        assert "password" not in payload
        everything.secret(f"made for {payload['name']}", made)
        del shown["result"]["password"]
    everything.heard.append(json.dumps(shown, ensure_ascii=False).encode())
    return answer


async def _file(everything: Everything, admin: Administrator, file: str, command: str = "bulk-register") -> None:
    answer = await admin.answer(command, file.encode())
    everything.heard.append(json.dumps(answer, ensure_ascii=False).encode())


async def _devices(everything: Everything, admin: Administrator, stack: contextlib.AsyncExitStack) -> None:
    access, secret = everything.site.access, everything.secret
    known, guessed = secret("token of a device", ODD + "token 1"), secret("a wrong token", "guess-4711-guess")
    given = secret("token given at registration", "registered-token-0815")
    for name, line in (("json", False), ("line", True)):
        device_id = f"silent-{name}"
        await _asked(everything, admin, "register", {"id": device_id, "properties": {"place": "hall"}})
        caller = await stack.enter_async_context(device(access, device_id, plain=line))
        if line:
            await caller.call(known)
            await admin.until(device_id, "calls")
        else:
            await caller.ask({"securityToken": known, "requestId": "one"})
        await _asked(everything, admin, "accept", {"id": device_id, "securityToken": guessed})
        await _asked(everything, admin, "accept", {"id": device_id, "securityToken": known})
        if line:
            password = payload_of(await caller.peer.next()).decode().split(",")[3]
            credentials = {"username": f"default/device_{device_id}", "password": password, "clientId": device_id}
        else:
            credentials = await accepted(caller)
        secret(f"password of {device_id}", credentials["password"])
        async with resident(access, credentials) as peer:
            await peer.publish(f"devices/default/{device_id}/info", b'{"name":"Silent"}')
        await admin.until(device_id, "confirmedTime")
    key = Key()
    auto = {"id": "silent-auto", "securityToken": given, "autoAccept": True}
    await _asked(everything, admin, "register", auto)
    await enter(stack, access, "silent-auto", {"securityToken": secret("a wrong call", "called-with-wrong-1")})
    caller = await stack.enter_async_context(device(access, "silent-auto"))
    await caller.call({"securityToken": given, "publicKey": key.public})
    opened = key.open((await accepted(caller))["sealed"], "silent-auto")
    secret("password of a sealed device", opened["password"])
    stranger_token = secret("token of nobody's device", "token-of-a-stranger-1")
    await enter(stack, access, "silent-nobody", {"securityToken": stranger_token})
    await _asked(everything, admin, "list-unregistered", {})
    await _asked(everything, admin, "register", {"id": "silent-blocked"})
    await enter(stack, access, "silent-blocked", {"securityToken": known})
    for number in range(5):
        wrong = secret(f"attempt {number}", f"attempt-number-{number}-of-many")
        await _asked(everything, admin, "accept", {"id": "silent-blocked", "securityToken": wrong})
    long = secret("too long a token", "t" * 10 + "0123456789" * 30)
    await _asked(everything, admin, "register", {"id": "silent-long", "securityToken": long})
    typed = secret("a token under a wrong name", "mistyped-token-99")
    await _asked(everything, admin, "register", {"id": "silent-typo", "security_token": typed})
    await _asked(everything, admin, "accept", {"id": "silent-nobody-here", "securityToken": typed})
    malformed = await stack.enter_async_context(device(access, "silent-malformed"))
    await malformed.call({"securityToken": [secret("token in a malformed call", "token-in-a-list-12")]})
    await malformed.peer.next()


async def _files(everything: Everything, admin: Administrator) -> None:
    secret = everything.secret
    rows = "\n".join(
        [
            "ID;CREDENTIALS;NAME",
            f'bulk-1;"{secret("CREDENTIALS of a row", ODD.replace(chr(34), chr(39)) + "row 1")}";A',
            f"bulk-2;{secret('other CREDENTIALS', 'LF2PWJoLG1Fz')};B",
            f"bulk-3;{secret('CREDENTIALS too short', 'Sh0rt1!')};C",
            f'bulk-4;"{secret("CREDENTIALS of an open quote", "unclosed-secret-1")};D',
        ]
    )
    for command in ("bulk-validate", "bulk-register", "bulk-register"):
        await _file(everything, admin, rows, command)
    await _file(everything, admin, f"ID;CREDENTIALS\nbulk-2;{secret('replaced CREDENTIALS', 'second-LF2PWJoLG1Fz')}\n")
    await admin.until("bulk-2", "installedTime")
    password = everything.secrets["replaced CREDENTIALS"]
    async with login(everything.site.access, "default/device_bulk-2", password, "bulk-2"):
        pass
    token = secret("TOKEN of a row", "token-in-a-file-77")
    await _file(everything, admin, f"ID;TOKEN;AUTOACCEPT\nbulk-5;{token};true\nbulk-6;{token};perhaps\n")
    headless = secret("a header of secrets", "headless-secret-3")
    await _file(everything, admin, f"bulk-7;{headless}\nbulk-8;{headless}\n")


async def _people(everything: Everything, admin: Administrator, root: Administrator) -> None:
    access, secret = everything.site.access, everything.secret
    chosen = secret("chosen by an administrator", ODD + "chosen 1")
    other = secret("chosen for an application", "chosen-by-somebody-2")
    bad = secret("a chosen one that is too short", "Sh0rt2!")
    for password in ({"password": chosen}, {"password": bad}, {}):
        name = f"silent-{len(password)}-{len(password.get('password', ''))}"
        await _asked(everything, admin, "create-administrator", {"name": name, "role": "viewer", **password})
    for application in ({"password": other}, {"password": bad}, {}):
        name = f"silent-app-{len(application.get('password', ''))}"
        await _asked(everything, admin, "create-application", {"name": name, **application})
    async with person(access, "default", f"silent-1-{len(chosen)}", chosen):
        pass
    async with login(access, f"silent-app-{len(other)}", other):
        pass
    async with new_tenant(access, root, "silent-tenant") as boss:
        await _asked(everything, boss, "create-administrator", {"name": "silent-boss-2", "role": "owner"})
    await _asked(everything, admin, "delete-administrator", {"name": "silent-0-0"})
    wrong = secret("a password of a wrong form", "wrong-form-password-5")
    await _asked(everything, admin, "create-administrator", {"name": "silent-form", "role": "x", "password": wrong})
    await _asked(everything, admin, "create-application", {"name": "silent-form", "pass": wrong})


async def _looks(everything: Everything, admin: Administrator, root: Administrator) -> None:
    listed = ("list", "list-devices", "list-groups", "list-options", "list-administrators", "list-applications")
    for one in (admin, root):
        for command in (*listed, "audit", "list-unregistered"):
            await _asked(everything, one, command, {} if command == "list-options" else {"limit": 1000})
        await _asked(everything, one, "stats", {})
    for device_id in ("silent-json", "silent-auto", "bulk-1"):
        for command in ("get", "get-device"):
            await _asked(everything, admin, command, {"id": device_id})


def _processes(site: ApartSite) -> dict[str, bytes]:
    """Return command line and environment of each process of the installation; root alone sees that of the bridge."""
    found = {}
    for name, process in site.processes.items():
        for part in ("cmdline", "environ"):
            try:
                found[f"{name}/{part}"] = Path(f"/proc/{process.process.pid}/{part}").read_bytes()
            except PermissionError:
                assert (name, part) == ("serve", "environ")
    return found


@pytest_asyncio.fixture
async def everything(tmp_path: Path) -> AsyncIterator[Everything]:
    """Run all that handles secrets; the installation still stands, so that its files are as they are in service."""
    (shown_at,) = free_ports(1)
    site = ApartSite(tmp_path / "data", env={"BOOTSTRAP_BRIDGE_METRICS_PORT": str(shown_at)})
    found = Everything(site)
    with running(site):
        access = site.access
        async with (
            administrator(access) as admin,
            administrator(access, "management") as root,
            connected(access["port"], "root", site.password_of("root")) as watcher,
            contextlib.AsyncExitStack() as stack,
        ):
            for topic in ("events/#", "bridge/state"):
                assert await watcher.subscribe(topic) == [1]
            await _devices(found, admin, stack)
            await _files(found, admin)
            await _people(found, admin, root)
            await _looks(found, admin, root)
            await admin.ok("register", {"id": "silent-end"})
            while not any(b"silent-end" in heard for heard in found.heard):
                message = await watcher.next()
                found.heard.append(str(message.topic).encode() + b" " + payload_of(message))
            await _drain(root.peer, found)
            done = site.cli("list", "--json")
            found.heard.append((done.stdout + done.stderr).encode())
            for path in ("healthz", "readyz", "metrics"):
                shown = await asyncio.to_thread(page_at, f"http://127.0.0.1:{shown_at}/{path}")
                found.heard.append(shown)
                assert b"silent" not in shown, "not even a device"
        for name in ("root", "admin"):
            found.secret(f"password of {name}", site.password_of(name))
        found.secret("the shared bootstrap password", access["bootstrap"]["password"])
        facts = json.loads((site.data / "bridge" / "installation.json").read_text())
        for own in ("gate", "control", "info", "accounts"):
            found.secret(f"password of the bridge's {own}", facts[own]["password"])
            found.secret(f"client id of the bridge's {own}", facts[own]["client_id"])
        keys = json.loads((site.data / "bridge" / "keys.json").read_text())
        found.master = base64.b64decode(keys["keys"][keys["current"]])
        found.running = _processes(site)
        yield found


def assert_the_search_finds_what_stands_there(everything: Everything) -> None:
    """Each form of each secret is found inside other text, so that finding nothing means something."""
    for name, value in everything.secrets.items():
        for around in (b"", b"x", b"xy"):
            for form in (
                value.encode(),
                json.dumps({"a": value}).encode(),
                base64.b64encode(around + value.encode() + b"tail"),
                base64.urlsafe_b64encode(around + value.encode() + b"tail"),
                value.encode().hex().encode(),
            ):
                assert name in everything.found_in(b"before" + form + b"after"), (name, form)
    database = everything.site.data / "bridge" / "registrations.db"
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        kept = connection.execute("select username, secret from accounts where secret is not null").fetchall()
    chosen = {username for username, secret in kept if len(secret) > 28}
    assert {"default/device_bulk-1", "default/device_bulk-2"} <= chosen, "kept, and only encrypted"
    assert len(chosen) == 4, "two devices of files, an administrator, an application"


def assert_a_backup_without_keys_tells_nothing(everything: Everything) -> None:
    """Whoever steals it has no secret of anybody; in one with keys the bridge's own stand as they do in the folder."""
    site = everything.site
    held = {}
    for name, options in {"whole": (), "apart": ("--without-keys",)}.items():
        file = site.data.parent / f"{name}.backup"
        done = site.cli("backup", str(file), *options)
        assert done.returncode == 0, done.stderr
        assert everything.found_in((done.stdout + done.stderr).encode()) == set()
        raw = gzip.decompress(file.read_bytes())
        assert b"silent-json" in raw
        held[name] = everything.found_in(raw), base64.b64encode(everything.master) in raw
    assert held["apart"] == (set(), False)
    bridges_own = {name for name in everything.secrets if "bridge's" in name}
    assert held["whole"] == (bridges_own | {"the shared bootstrap password"}, True)


def page_at(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as page:
        content: bytes = page.read()
    return content


async def test_no_secret_stands_where_it_must_not(everything: Everything) -> None:
    site = everything.site
    assert_the_search_finds_what_stands_there(everything)
    assert len(everything.secrets) > 35
    assert len(everything.heard) > 80
    assert not [heard for heard in everything.heard if everything.found_in(heard)], "an answer, event or state"
    assert {name: found for name, text in everything.running.items() if (found := everything.found_in(text))} == {}
    logs = {path.name: path.read_bytes() for path in site.data.parent.glob("*.log")}
    assert len(logs) == 3
    assert b"silent-json" in b"".join(logs.values()), "the logs tell of devices"
    assert {name: found for name, text in logs.items() if (found := everything.found_in(text))} == {}
    # What each file is for stands here; whatever is not named holds no secret at all.
    may_hold: dict[str, set[str]] = {
        "access.json": {"password of root", "password of admin", "the shared bootstrap password"},
        "bootstrap.json": {"the shared bootstrap password"},
        "bridge/installation.json": {name for name in everything.secrets if "bridge's" in name}
        | {"the shared bootstrap password"},
        "operations-broker/dynamic-security.json": {name for name in everything.secrets if "client id" in name},
        "operations-broker/mosquitto.db": {name for name in everything.secrets if "client id" in name},
    }
    seen = set()
    for path in sorted(site.data.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(site.data))
            seen.add(name)
            raw = path.read_bytes()
            assert everything.found_in(raw) <= may_hold.get(name, set()), name
            if name != "bridge/keys.json":
                assert everything.master not in raw, name
                assert base64.b64encode(everything.master) not in raw, name
                assert everything.master.hex().encode() not in raw, name
    assert {"bridge/registrations.db", "bridge/registrations.db-wal", "bootstrap-broker/passwords"} <= seen
    assert_a_backup_without_keys_tells_nothing(everything)
    assert all((site.data / name).stat().st_mode & 0o077 == 0 for name in may_hold if (site.data / name).exists())
