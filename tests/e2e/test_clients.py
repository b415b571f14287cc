"""The clients in docs/clients, as device makers take them over: each one's whole life, on plain TCP and on TLS."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.e2e.authority import make_certificates
from tests.e2e.hpke import Key, sealed_text
from tests.e2e.peer import PATIENCE, Administrator, Peer, administrator, connected, payload_of
from tests.e2e.scenes import setting
from tests.e2e.site import ApartSite, Process, free_ports, run, running, wait_until

ROOT = Path(__file__).parent.parent.parent
CLIENTS = ROOT / "docs" / "clients"
TOKEN = 'K7-"Pumpe" \\ ü 22'
LANGUAGES = ("shell", "python", "c", "node")
USED_BY_THE_SHELL = (
    *("mosquitto_pub", "mosquitto_sub", "cat", "cp", "date", "mkdir", "mv", "od", "rm", "sed", "sleep", "sync", "tail"),
    "tr",
)
INFO = {"type": "example_Sensor", "firmware": "1.0.0"}


@dataclass
class ObservedSite(ApartSite):
    """Brokers with a TLS listener besides, and an application that may read and write what is the devices'."""

    tls_ports: dict[str, int] = field(default_factory=dict)

    def start(self) -> None:
        port, bootstrap_port, *others = free_ports(4)
        self.tls_ports = dict(zip(("operations", "bootstrap"), others, strict=True))
        done = self.cli("init", "--port", str(port), "--bootstrap-port", str(bootstrap_port))
        assert done.returncode == 0, done.stderr
        super().start()

    def start_broker(self, name: str) -> None:
        certificates = make_certificates(self.data.parent / "certificates")
        folder = self.data / f"{name}-broker"
        shutil.copytree(certificates, folder / "tls")
        added = [f"listener {self.tls_ports[name]} 127.0.0.1"]
        added += [
            f"{option} {folder}/tls/{file}" for option, file in (("certfile", "server.pem"), ("keyfile", "key.pem"))
        ]
        if name == "operations":
            (folder / "acl").write_text("user application\ntopic readwrite devices/#\n", encoding="utf-8")
            passwords = str(folder / "passwords")
            assert run("mosquitto_passwd", "-b", "-c", passwords, "application", "secret").returncode == 0
            added += [f"acl_file {folder}/acl", f"password_file {passwords}"]
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, folder.owner(), folder.group())
        with (folder / "mosquitto.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(added) + "\n")
        super().start_broker(name)

    def bootstrap_file(self, *, tls: bool) -> str:
        """What a factory writes into a device: the installation's own file, or the same with the TLS listeners."""
        content = json.loads((self.data / "bootstrap.json").read_text(encoding="utf-8"))
        if tls:
            content["port"], content["bootstrapPort"] = self.tls_ports["operations"], self.tls_ports["bootstrap"]
            content["tls"] = {"caFile": "authority.pem"}
        return json.dumps(content, indent=2)


@dataclass
class Device:
    """A client with its folder, started and stopped like a device on a bench."""

    id: str
    words: list[str]
    folder: Path
    path: str
    runs: list[Process] = field(default_factory=list)

    def start(self, readings: int = 1) -> Process:
        log = self.folder.parent / f"{self.id}.{len(self.runs)}.log"
        options = {"READINGS": str(readings), "INTERVAL": "1", "REFUSALS": "2", "PATH": self.path}
        started = Process.start([*self.words, self.id, str(self.folder)], log, **options)
        self.runs.append(started)
        return started

    def cut_power(self) -> None:
        """End it and its children without warning."""
        process = self.runs[-1].process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)

    def stored(self, name: str) -> str:
        path = self.folder / name
        assert path.stat().st_mode & 0o777 == 0o600, f"{name} is open to others"
        return path.read_text(encoding="utf-8")

    def process_list(self) -> str:
        """What everybody on the machine sees of it now."""
        found = []
        for pid in (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()):
            try:
                if os.getpgid(pid) == self.runs[-1].process.pid:
                    found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
            except (ProcessLookupError, FileNotFoundError):
                continue  # it has ended meanwhile
        assert found, "it runs"
        return "\n".join(found)


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObservedSite]:
    site = ObservedSite(tmp_path_factory.mktemp("observed") / "data")
    with running(site):
        yield site


@pytest_asyncio.fixture
async def admin(observed: ObservedSite) -> AsyncIterator[Administrator]:
    """The administrator, with devices that are told to call every 5 seconds."""
    async with (
        administrator(observed.access) as admin,
        administrator(observed.access, "management") as root,
        setting(root, {"retry-after": 5}),
    ):
        yield admin


@pytest_asyncio.fixture
async def application(observed: ObservedSite) -> AsyncIterator[Peer]:
    async with connected(observed.access["port"], "application", "secret", "application") as peer:
        yield peer


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("compiled")
    done = run("make", "-C", str(CLIENTS / "c"), f"OUT={folder}")
    assert done.returncode == 0, f"the C client does not compile; 'make clients' gets what it needs\n{done.stderr}"
    return str(folder / "client")


def words_of(language: str, folder: Path, request: pytest.FixtureRequest) -> list[str]:
    """The command that starts a client."""
    if language == "shell":
        return ["sh", str(CLIENTS / "shell" / "client.sh")]
    if language == "python":
        return [sys.executable, str(CLIENTS / "python" / "client.py")]
    if language == "c":
        return [str(request.getfixturevalue("compiled"))]
    node, modules = shutil.which("node"), ROOT / "build" / "clients" / "node_modules"
    assert node is not None, "Node.js is not installed: run make clients"
    assert (modules / "mqtt").is_dir(), "mqtt.js is not installed: run make clients"
    shutil.copytree(CLIENTS / "node", folder)
    (folder / "node_modules").symlink_to(modules)
    return [node, str(folder / "client.js")]


@pytest.fixture
def device(
    language: str, tls: bool, observed: ObservedSite, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Device]:
    folder = tmp_path / "device"
    folder.mkdir()
    (folder / "bootstrap.json").write_text(observed.bootstrap_file(tls=tls), encoding="utf-8")
    shutil.copy(observed.data.parent / "certificates" / "authority.pem", folder)
    spied = tmp_path / "spied"
    spied.mkdir()
    if language == "shell":  # its children are too short-lived to be seen in the process list
        for name in USED_BY_THE_SHELL:
            program = shutil.which(name)
            assert program, f"{name} is not installed: run make setup"
            script = f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >>{spied}/seen\nexec {program} "$@"\n'
            (spied / name).write_text(script, encoding="utf-8")
            (spied / name).chmod(0o755)
    made = Device(
        f"{language}-ü-{request.node.originalname[-7:]}-{tls}",
        words_of(language, tmp_path / "node", request),
        folder,
        f"{spied}:{os.environ['PATH']}",
    )
    try:
        yield made
    finally:
        for process in made.runs:
            if process.process.poll() is None:
                os.killpg(process.process.pid, signal.SIGKILL)
                process.process.wait(PATIENCE)


async def calls_beyond(admin: Administrator, device_id: str, number: int) -> dict[str, Any]:
    """Wait until the device has called more often than that."""
    async with asyncio.timeout(PATIENCE):
        while (found := await admin.get(device_id))["calls"] <= number:
            pass
    return found


async def heard(application: Peer, device_id: str) -> tuple[str, Any]:
    """The next message of this device: the level below its own, and what it holds."""
    message = await application.next()
    top = f"devices/default/{device_id}/"
    assert str(message.topic).startswith(top)
    return str(message.topic).removeprefix(top), json.loads(payload_of(message))


@pytest.mark.parametrize("tls", [False, True], ids=["plain-without-token", "tls-with-token"])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_its_whole_life(
    device: Device,
    language: str,
    tls: bool,
    admin: Administrator,
    application: Peer,
    observed: ObservedSite,
    tmp_path: Path,
) -> None:
    name = device.id
    secrets = [observed.access["bootstrap"]["password"], "K7-"]
    seen = ""
    if tls:
        (device.folder / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    for level in ("info", "telemetry"):
        await application.subscribe(f"devices/default/{name}/{level}")
    await admin.ok("register", {"id": name})

    # It calls, with the token of its label, under a client id that nobody can guess.
    device.start()
    first = await admin.until(name, "claims")
    client_id = device.stored("client-id")
    assert len(client_id) >= 22
    secrets.append(client_id)
    seen += device.process_list()

    # The power goes. It calls again as the same caller: one claim.
    device.cut_power()
    started = device.start(readings=4)
    second = await calls_beyond(admin, name, first["calls"])
    (claim,) = second["claims"]
    sealed = language != "shell"
    assert (claim["call"], claim["tokenSent"], claim["keySent"]) == ("private", tls, sealed)
    if sealed:
        secrets.append(device.stored("key"))
        for one in device.runs:
            shown = f"the fingerprint of the key is {claim['keyFingerprint']}\n"
            wait_until(lambda one=one, shown=shown: shown in one.output, "it shows the fingerprint of its key")
    assert second["claimsOverflow"] is False
    assert device.stored("client-id") == client_id
    seen += device.process_list()

    # Accepted, it keeps its credentials and says what it is before anything else.
    await admin.ok("accept", {"id": name, **({"securityToken": TOKEN} if tls else {})})
    confirmed = await admin.until(name, "confirmedTime")
    credentials = json.loads(device.stored("credentials.json"))
    secrets.append(credentials["password"])
    assert not (device.folder / "client-id").exists()
    assert not (device.folder / "key").exists()
    assert await heard(application, name) == ("info", INFO)

    # It sends readings and hears a command, which its sender repeats.
    for number in range(1, 5):
        assert await heard(application, name) == ("telemetry", {"reading": number, "celsius": 21.5})
        await application.publish(f"devices/default/{name}/commands/blink", b"three times")
        seen += device.process_list()
    assert started.process.wait(PATIENCE) == 0, started.output
    assert f"{name}: command devices/default/{name}/commands/blink three times\n" in started.output
    assert started.output.endswith(f"{name}: done\n")

    # Started again, it logs in with what it kept, without calling, and also after the next power cut.
    device.start(readings=0)
    assert await heard(application, name) == ("info", INFO)
    device.cut_power()
    await application.publish(f"devices/default/{name}/commands/wake", b"up")
    last = device.start()
    assert last.process.wait(PATIENCE) == 0, last.output
    assert f"command devices/default/{name}/commands/wake up\n" in last.output, "it waited for the device"
    assert (await admin.get(name))["calls"] == confirmed["calls"]
    assert json.loads(device.stored("credentials.json")) == credentials

    seen += "".join(one.output for one in device.runs)
    if (tmp_path / "spied" / "seen").exists():
        seen += (tmp_path / "spied" / "seen").read_text(encoding="utf-8")
        assert "mosquitto_pub -s" in seen
    for secret in secrets:
        assert secret not in seen, "in the process list or the output"


@pytest.mark.parametrize("tls", [False], ids=["plain"])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_refused_login_is_tried_again_and_then_says_what_to_do(device: Device, admin: Administrator) -> None:
    await admin.ok("register", {"id": device.id})
    kept = {"status": "ACCEPTED", "tenant": "default", "deviceId": device.id, "clientId": device.id}
    kept |= {"username": f"default/device_{device.id}", "password": "a" * 32}
    (device.folder / "credentials.json").write_text(json.dumps(kept), encoding="utf-8")
    (device.folder / "credentials.json").chmod(0o600)
    started = device.start()
    assert started.process.wait(PATIENCE) == 1
    assert "refused (attempt 1 of 2)" in started.output
    assert "register it again" in started.output
    assert "Traceback" not in started.output
    assert json.loads(device.stored("credentials.json")) == kept, "it is the operator who throws them away"
    assert (await admin.get(device.id))["calls"] == 0


@pytest.mark.parametrize("tls", [False], ids=["plain"])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_waits_for_a_broker_that_is_not_there_yet(
    device: Device, admin: Administrator, observed: ObservedSite
) -> None:
    await admin.ok("register", {"id": device.id})
    settings = json.loads((device.folder / "bootstrap.json").read_text(encoding="utf-8"))
    (settings["bootstrapPort"],) = free_ports(1)
    (device.folder / "bootstrap.json").write_text(json.dumps(settings), encoding="utf-8")
    started = device.start()
    wait_until(lambda: started.output.count("\n") > 1, "it tells that there is no broker")
    assert started.process.poll() is None
    async with passing_on(settings["bootstrapPort"], observed.access["bootstrapPort"]):
        await admin.until(device.id, "claims")
        device.cut_power()


@contextlib.asynccontextmanager
async def passing_on(port: int, to: int) -> AsyncIterator[None]:
    """Listen on ``port`` and pass bytes on to another, both ways; at the end wait until every peer has hung up."""
    handling: set[asyncio.Task[Any]] = set()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while some := await source.read(65536):
                sink.write(some)
                await sink.drain()
        except ConnectionError:
            pass  # a power cut resets connections; the other side is told by the close
        finally:
            sink.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handling.add(task)
        there, back = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(pump(reader, back), pump(there, writer))
        for one in (back, writer):
            with contextlib.suppress(ConnectionError):
                await one.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", port):
        yield
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*handling)


OPENERS = {
    # For each line "private key in hex, device id, sealed": what the device shows, and what the client opens, in hex.
    "node": """
const { Key } = require("./sealing.js");
for (const line of require("fs").readFileSync(0, "utf8").trim().split("\\n")) {
  const [key, id, sealed] = line.split(" ");
  const own = new Key(Buffer.from(key, "hex"));
  let opened = "no";
  try { opened = Buffer.from(own.open(id, sealed)).toString("hex"); } catch {}
  console.log(`${own.publicKey}|${own.fingerprint}|${opened}`);
}""",
    "python": """
import sys, sealing
from cryptography.exceptions import InvalidTag
for line in sys.stdin:
    raw, device_id, sealed = line.removesuffix("\\n").split(" ")
    key = sealing.X25519PrivateKey.from_private_bytes(bytes.fromhex(raw))
    try:
        opened = sealing.open_answer(key, device_id, sealed).hex()
    except (InvalidTag, ValueError):
        opened = "no"
    print(sealing.public_key(key), sealing.fingerprint(key), opened, sep="|")
""",
}


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_what_the_clients_seal_with_passes_the_vectors(language: str, tmp_path: Path) -> None:
    folder = CLIENTS / language
    if language == "c":
        words = [str(tmp_path / "opener")]
        sources = [str(Path(__file__).parent / "open_sealed.c"), str(folder / "sealing.c")]
        flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", f"-I{folder}"]
        compiled = run("cc", *flags, "-o", *words, *sources, "-lcrypto")
        assert compiled.returncode == 0, f"'make clients' gets what is needed\n{compiled.stderr}"
    else:
        words = [sys.executable, "-c", OPENERS[language]] if language == "python" else ["node", "-e", OPENERS[language]]
    vectors = json.loads((ROOT / "docs" / "vectors" / "sealed.json").read_text(encoding="utf-8"))
    cases = [*vectors["answers"], *vectors["unopenable"]]
    lines = "".join(f"{one['privateKey']} {one['deviceId']} {one['sealed']}\n" for one in cases)
    done = subprocess.run(words, input=lines, capture_output=True, text=True, cwd=folder, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    shown = [line.split("|") for line in done.stdout.splitlines()]
    assert len(shown) == len(cases)
    for case, (public_key, fingerprint, opened) in zip(cases, shown, strict=True):
        if "plaintext" in case:
            assert (public_key, fingerprint) == (case["publicKey"], case["keyFingerprint"]), case["name"]
            assert bytes.fromhex(opened).decode() == case["plaintext"], case["name"]
        else:
            assert opened == "no", case["why"]


@pytest.mark.parametrize("tls", [False], ids=["plain"])
@pytest.mark.parametrize("language", LANGUAGES[1:])
async def test_credentials_that_are_not_sealed_for_its_key_are_not_taken(
    device: Device, admin: Administrator, observed: ObservedSite
) -> None:
    """Who can write to its answer topic, as the broker's owner can, cannot give it a password by mistake or replay."""
    await admin.ok("register", {"id": device.id})
    started = device.start()
    await admin.until(device.id, "claims")
    forged = {"status": "ACCEPTED", "tenant": "default", "deviceId": device.id, "clientId": device.id}
    forged |= {"username": f"default/device_{device.id}", "password": "a" * 32}
    other = Key(bytes(range(32)))
    sealed = sealed_text(Key(), other.raw, device.id, json.dumps(forged).encode())
    facts = json.loads((observed.data / "bridge" / "installation.json").read_text(encoding="utf-8"))
    gate = facts["gate"]
    topic = f"bootstrap/{device.id}/response/{device.stored('client-id')}"
    port = observed.access["bootstrapPort"]
    async with connected(port, gate["username"], gate["password"], "somebody-as-the-bridge") as forger:
        for answer in (forged, {"status": "ACCEPTED", "sealed": sealed}, {"status": "ACCEPTED", "sealed": "AAAA"}):
            await forger.publish(topic, json.dumps(answer))
    said = "an answer that does not open with the key of this device is ignored\n"
    wait_until(lambda: started.output.count(said) == 3, "it ignores them")
    assert not (device.folder / "credentials.json").exists()
    await admin.ok("accept", {"id": device.id})
    await admin.until(device.id, "confirmedTime")
    assert started.process.wait(PATIENCE) == 0, started.output


def test_the_guides_example_opens_the_sealed_answer_of_the_contract() -> None:
    guide, contract = (
        (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("device-makers.md", "contract.md")
    )
    block = re.search(r"<!-- sealed.*?-->\n```python\n(.*?)```", guide, re.DOTALL)
    assert block is not None
    example: dict[str, Any] = {}
    exec(compile(block.group(1), "device-makers.md", "exec"), example)
    (sealed,) = (line for line in contract.splitlines() if len(line) > 200 and line.isascii() and " " not in line)
    key = X25519PrivateKey.from_private_bytes(bytes(range(32)))
    assert example["open_answer"](key, "pump-7", sealed)["password"] == "kcmz4vyrbeqf4d5e5ifrzmhrn3t7yuji"
    assert json.loads(example["call_with"](key))["publicKey"] in contract
    assert example["fingerprint"](key) in contract
