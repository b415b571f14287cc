"""The bridge beside a Mosquitto that runs already, with users and an ACL: `init --beside` and what remains."""

import asyncio
import contextlib
import json
import os
import pty
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.brokers import find_plugin
from tests import lines
from tests.e2e.beside import ACL, NO_ACL, BesideSite
from tests.e2e.peer import Peer, administrator, device, resident
from tests.e2e.scenes import assert_refused
from tests.e2e.site import BIN, PATIENCE, free_ports, run, running

BLOCKED = ("control/default/admin/request/list", "devices/default/x/info", "events/default/bulk", "bridge/state")


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[BesideSite]:
    """A broker of somebody else's, not started, without a bridge."""
    site = BesideSite(tmp_path / "data")
    try:
        yield site
    finally:
        site.stop()


async def reason(peer: Peer, topic: str) -> int:
    """Publish with QoS 1 and return the broker's reason."""
    reached: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    client = peer.client._client
    before: Any = client.on_publish

    def told(client_: Any, userdata: Any, mid: int, code: Any, properties: Any) -> None:
        if before is not None:
            before(client_, userdata, mid, code, properties)
        if not reached.done():
            reached.get_loop().call_soon_threadsafe(reached.set_result, code.value)

    client.on_publish = told
    await peer.publish(topic, b"x")
    async with asyncio.timeout(PATIENCE):
        try:
            return await reached
        finally:
            client.on_publish = before


async def assert_kept(site: BesideSite, user: str | None, topic: str) -> None:
    """Somebody may still publish and hear ``topic``."""
    async with site.as_(user) as peer:
        await peer.subscribe(topic)
        await peer.publish(topic, b"still mine")
        heard = await peer.next()
        assert (str(heard.topic), heard.payload) == (topic, b"still mine")


async def assert_kept_off(site: BesideSite, user: str | None, barrier: str | None) -> None:
    """Somebody can neither speak on our topics nor hear them; ``barrier`` is a topic of his own, heard last."""
    async with site.as_(user) as peer:
        await peer.subscribe("#")
        for topic in (*BLOCKED, "$CONTROL/dynamic-security/v1"):
            assert await reason(peer, topic) == 0x87, (user, topic)
        async with administrator(site.access) as admin, bring_in(site, admin, f"seen-{user}") as inside:
            await inside.publish(f"devices/default/seen-{user}/telemetry", b"secret")
        if barrier is not None:
            await peer.publish(barrier, b"last")
            assert str((await peer.next()).topic) == barrier, "and nothing of ours before it"
        assert peer.heard.empty()


@contextlib.asynccontextmanager
async def bring_in(site: BesideSite, admin: Any, device_id: str) -> AsyncIterator[Peer]:
    """Take a device from its registration to its confirmed login."""
    async with device(site.access, device_id) as caller:
        await admin.ok("register", {"id": device_id})
        await caller.ask()
        await admin.ok("accept", {"id": device_id})
        credentials = await caller.peer.next_json()
    async with resident(site.access, credentials) as peer:
        await peer.publish(f"devices/default/{device_id}/info", b"{}")
        await admin.until(device_id, "confirmedTime")
        yield peer


async def test_users_keep_all_but_our_topics_and_devices_are_bootstrapped(tmp_path: Path) -> None:
    with running(BesideSite(tmp_path / "data")) as site:
        assert isinstance(site, BesideSite)
        await assert_kept(site, "old", "plant/line-1")
        await assert_kept(site, "all", "plant/line-1")
        await assert_kept(site, "all", "anything/at/all")
        await assert_kept_off(site, "old", "plant/last")
        await assert_kept_off(site, "all", "plant/last")
        await assert_refused(site.port, None, None, None)  # type: ignore[arg-type]
        backup = site.home / "acl.before-bootstrap-bridge"
        assert backup.read_text(encoding="utf-8") == ACL
        assert "plugin" not in (site.home / "mosquitto.conf.before-bootstrap-bridge").read_text(encoding="utf-8")
        for path, original in ((backup, site.home / "acl"), (site.home / "acl", backup)):
            assert path.stat().st_mode == original.stat().st_mode
        before = site.files()
        again = site.init()
        assert (again.returncode, "nothing to change" in again.stdout) == (0, True), again.stdout
        assert {name: was for name, was in site.files().items() if name.startswith(str(site.home))} == {
            name: was for name, was in before.items() if name.startswith(str(site.home))
        }
        assert not list(site.home.glob("*.before-bootstrap-bridge.2"))


async def test_clients_without_a_login_keep_theirs_where_they_were_let_in(tmp_path: Path) -> None:
    acl = "topic readwrite #\nuser old\ntopic readwrite plant/#\n"
    site = BesideSite(tmp_path / "data", acl=acl, more=("allow_anonymous true",), included=True)
    with running(site):
        await assert_kept(site, None, "weather/today")
        await assert_kept_off(site, None, "weather/last")
        added = site.home / "conf.d" / "bootstrap-bridge.conf"
        assert "plugin" in added.read_text(encoding="utf-8"), "a folder that is included takes the lines as a file"
        assert "plugin" not in site.configuration.read_text(encoding="utf-8")
        assert site.init().returncode == 0


async def test_without_an_acl_everybody_keeps_all_but_our_topics(tmp_path: Path) -> None:
    site = BesideSite(tmp_path / "data", acl=NO_ACL, more=("allow_anonymous true",))
    with running(site):
        for user in ("old", None):
            await assert_kept(site, user, "plant/line-1")
            await assert_kept_off(site, user, "plant/last")
        async with administrator(site.access) as admin, bring_in(site, admin, "guest") as peer:
            assert await reason(peer, "plant/line-1") == 0x87, "what was everybody's is not the devices'"
        assert site.init().returncode == 0


async def test_a_name_that_the_broker_has_already_is_not_shadowed(tmp_path: Path) -> None:
    site = BesideSite(
        tmp_path / "data",
        users=("admin", "old"),
        acl="user admin\ntopic readwrite plant/#\nuser old\ntopic readwrite plant/#\n",
    )
    with running(site):
        assert {one["username"] for one in site.access["administrators"]} == {"bridge-root", "bridge-admin"}
        async with administrator(site.access) as admin:
            for command in ("create-administrator", "create-application"):
                role = {"role": "viewer"} if command == "create-administrator" else {}
                assert await admin.code(command, {"name": "old", **role}) == "ALREADY_EXISTS"
        await assert_kept(site, "old", "plant/line-1")
        await assert_kept(site, "admin", "plant/line-1")
        await assert_kept_off(site, "admin", "plant/last")


async def test_accounts_of_a_dynamic_security_that_is_there_are_kept(tmp_path: Path) -> None:
    """Their administrator reads and writes everything; their file is the broker's own, so it has to stand still."""
    site = BesideSite(tmp_path / "data", acl=NO_ACL, users=())
    site.write()
    accounts = site.home / "accounts.json"
    made = run("mosquitto_ctrl", "dynsec", "init", str(accounts), "admin", "admin-password")
    assert made.returncode == 0, made.stderr
    content = json.loads(accounts.read_text(encoding="utf-8"))
    content["roles"][0]["acls"].append({"acltype": "publishClientSend", "topic": "#", "priority": 7, "allow": True})
    accounts.write_text(json.dumps(content), encoding="utf-8")
    plugin = find_plugin(lines.broker())
    with site.configuration.open("a", encoding="utf-8") as file:
        file.write(f"plugin {plugin}\nplugin_opt_config_file {accounts}\n")
    try:
        site.start_theirs()
        refused = site.init("--yes")
        assert refused.returncode == 1
        assert "Stop it" in refused.stderr
        assert not site.data.exists()
        site.processes.pop("operations").stop()
        done = site.init("--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "$7$" not in done.stdout, "no hash is shown"
        site.start_theirs()
        site.start_broker("bootstrap")
        site.start_bridge()
        assert json.loads(accounts.read_text(encoding="utf-8"))["defaultACLAccess"] == content["defaultACLAccess"]
        await assert_kept(site, "admin", "plant/line-1")
        async with site.as_("admin") as peer:
            await peer.subscribe("#")
            for topic in BLOCKED:
                assert await reason(peer, topic) == 0x87, topic
            assert await reason(peer, "$CONTROL/dynamic-security/v1") == 0, "accounts stay its own work"
            async with administrator(site.access) as admin, bring_in(site, admin, "merged-1") as inside:
                await inside.publish("devices/default/merged-1/x", b"secret")
            await peer.publish("plant/last", b"")
            assert str((await peer.next()).topic) == "plant/last"
        again = site.init()
        assert (again.returncode, "nothing to change" in again.stdout) == (0, True), again.stdout + again.stderr
        assert (site.home / "accounts.json.before-bootstrap-bridge").exists()
    finally:
        site.stop()


def test_without_consent_all_is_shown_and_nothing_changed(theirs: BesideSite) -> None:
    theirs.write()
    before = theirs.files()
    done = theirs.init()
    assert done.returncode == 1
    assert "+pattern deny control/#" in done.stdout
    assert "+plugin " in done.stdout
    assert "lets the user all into control/#" in done.stdout
    assert "keys.json" in done.stdout
    assert "--yes" in done.stderr
    assert theirs.files() == before
    assert not theirs.data.exists()


def test_a_second_run_touches_no_file(theirs: BesideSite) -> None:
    theirs.write()
    assert theirs.init("--yes").returncode == 0
    before = theirs.files()
    again = theirs.init("--yes")
    assert (again.returncode, "nothing to change" in again.stdout) == (0, True), again.stdout
    assert theirs.files() == before


def test_a_user_who_is_let_in_later_is_kept_off_by_the_next_run(theirs: BesideSite) -> None:
    theirs.write()
    assert theirs.init("--yes").returncode == 0
    acl = theirs.home / "acl"
    acl.write_text("user new\ntopic readwrite #\n" + acl.read_text(encoding="utf-8"), encoding="utf-8")
    assert theirs.init("--yes").returncode == 0
    text = acl.read_text(encoding="utf-8")
    assert "user new\ntopic deny control/#" in text
    assert (theirs.home / "acl.before-bootstrap-bridge.2").exists(), "the first backup is not lost"


@pytest.mark.parametrize("answer", ["y", "n"])
def test_in_a_terminal_it_asks(theirs: BesideSite, answer: str) -> None:
    theirs.write()
    before = theirs.files()
    controller, terminal = pty.openpty()
    words = [str(BIN / "bootstrap-bridge"), "init", "--beside", str(theirs.configuration), "--data", str(theirs.data)]
    words += ["--bootstrap-port", str(theirs.bootstrap_port)]
    process = subprocess.Popen(words, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.write(controller, f"{answer}\n".encode())
    out, err = process.communicate(timeout=PATIENCE)
    os.close(controller)
    os.close(terminal)
    assert "Do this?" in out + err
    assert process.returncode == (0 if answer == "y" else 1), out + err
    assert theirs.data.exists() is (answer == "y")
    assert (theirs.files() == before) is (answer == "n")


@pytest.mark.parametrize(
    ("more", "users", "options", "words"),
    [
        (("per_listener_settings true",), ("old",), (), "per_listener_settings"),
        (("clientid_prefixes dev-",), ("old",), (), "clientid_prefixes"),
        (("retain_available false",), ("old",), (), "retained"),
        (("mount_point up/",), ("old",), (), "mount_point"),
        (("use_username_as_clientid true",), ("old",), (), "client id"),
        (("max_qos 0",), ("old",), (), "QoS 1"),
        (("listener {other} 127.0.0.1",), ("old",), (), "--port"),
        (("plugin /usr/lib/go-auth.so",), ("old",), (), "go-auth"),
        (("connection up", "address up.example:1883", "topic # both 0"), ("old",), (), "connection up"),
        ((), ("old", "bridge-info"), (), "bridge-info"),
        ((), ("old", "x-admin"), ("--administrator-prefix", "x-"), "choose another"),
        ((), ("old",), ("--port", "1"), "no listener"),
        ((), ("old",), ("--administrator-prefix", "a b"), "administrator-prefix"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_kept_is_refused_in_words(
    theirs: BesideSite, more: tuple[str, ...], users: tuple[str, ...], options: tuple[str, ...], words: str
) -> None:
    (other,) = free_ports(1)
    theirs.more = tuple(line.format(other=other) for line in more)
    theirs.users = users
    theirs.write()
    before = theirs.files()
    done = theirs.init("--yes", *options)
    assert done.returncode == 1, done.stdout
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert theirs.files() == before


def test_what_a_connection_carries_out_is_said(theirs: BesideSite) -> None:
    theirs.more = ("connection up", "address up.example:1883", "topic # out 0", "topic plant/# in 0")
    theirs.write()
    shown = theirs.init().stdout
    assert "the connection up carries # out" in shown
    assert "carries plant/#" not in shown


async def test_below_a_prefix_topics_that_are_in_use_stay_whose_they_are(theirs: BesideSite) -> None:
    theirs.acl = "user old\ntopic readwrite devices/legacy/#\nuser all\ntopic readwrite #\n"
    theirs.write()
    assert "--topic-prefix" in theirs.init().stdout, "a rule that names our topics is told louder"
    done = theirs.init("--yes", "--topic-prefix", "site/one")
    assert done.returncode == 0, done.stderr
    theirs.start_theirs()
    await assert_kept(theirs, "old", "devices/legacy/x")
    await assert_kept(theirs, "all", "control/anything")
    async with theirs.as_("all") as peer:
        for topic in BLOCKED:
            assert await reason(peer, f"site/one/{topic}") == 0x87


def test_the_bridge_takes_the_listener_that_was_named(theirs: BesideSite) -> None:
    other, another = free_ports(2)
    theirs.more = (f"listener {other} 127.0.0.1", f"listener {another} 0.0.0.0")
    theirs.write()
    assert theirs.init("--yes", "--port", str(another)).returncode == 0
    assert (theirs.access["host"], theirs.access["port"]) == ("127.0.0.1", another)
    assert theirs.init().returncode == 0, "and keeps to it"


def test_a_broker_that_may_not_enter_the_folder_is_refused(theirs: BesideSite) -> None:
    theirs.write()
    text = theirs.configuration.read_text(encoding="utf-8").replace("user root", "user nobody")
    theirs.configuration.write_text(text, encoding="utf-8")
    theirs.data.parent.chmod(0o700)
    done = theirs.init("--yes")
    if os.geteuid() == 0:
        assert done.returncode == 1
        assert "nobody" in done.stderr
        assert not theirs.data.exists()
    else:
        assert done.returncode == 0, "an ordinary user's broker runs as that user"


def test_the_plugins_file_is_the_brokers_user_s() -> None:
    """A broker that root starts becomes another user, who rewrites that file."""
    base = Path(tempfile.mkdtemp(prefix="beside-"))
    base.chmod(0o755)
    site = BesideSite(base / "data")
    try:
        site.write()
        text = site.configuration.read_text(encoding="utf-8").replace("user root", "user nobody")
        site.configuration.write_text(text, encoding="utf-8")
        done = site.init("--yes")
        assert done.returncode == 0, done.stderr
        accounts = site.data / "operations-broker" / "dynamic-security.json"
        expected = "nobody" if os.geteuid() == 0 else Path.home().owner()
        assert (accounts.owner(), accounts.parent.owner()) == (expected, expected)
        assert accounts.stat().st_mode & 0o777 == 0o600
    finally:
        shutil.rmtree(base)


def test_a_broker_that_has_a_bridge_already_is_not_given_another(theirs: BesideSite) -> None:
    theirs.write()
    assert theirs.init("--yes").returncode == 0
    before = theirs.configuration.read_text(encoding="utf-8")
    other = theirs.data.parent / "other"
    words = ("init", "--beside", str(theirs.configuration), "--data", str(other), "--bootstrap-port", "0", "--yes")
    done = run(str(BIN / "bootstrap-bridge"), *words)
    assert done.returncode == 1
    assert str(theirs.data) in done.stderr.replace("\n", "")
    assert theirs.configuration.read_text(encoding="utf-8") == before
    assert not other.exists()


@pytest.mark.parametrize("command", ["init", "up"])
def test_an_installation_beside_a_broker_gets_no_second_one(theirs: BesideSite, command: str) -> None:
    theirs.write()
    assert theirs.init("--yes").returncode == 0
    done = theirs.cli(command, "--port", "0") if command == "up" else theirs.cli(command)
    assert done.returncode == 1
    assert str(theirs.configuration) in done.stderr.replace("\n", "")
    assert "serve" in done.stderr
    assert not (theirs.data / "operations-broker" / "mosquitto.conf").exists()
