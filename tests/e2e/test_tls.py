"""TLS on real brokers: the main job, renewal under way, and listeners in clear."""

import asyncio
import contextlib
import json
import shutil
import signal
import ssl
import time
import urllib.request
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.certificates import DAY, Pair, new_authority, new_server, read
from bridge.trust import client_context, shown_certificate
from tests.e2e.beside import BesideSite
from tests.e2e.peer import administrator, stranger
from tests.e2e.site import BIN, ApartSite, Process, Site, UpSite, free_ports, run, running, wait_until

NOW = int(time.time() * 1000)
HERE = ("localhost", "127.0.0.1", "::1")
QUICK = {"BOOTSTRAP_BRIDGE_CERTIFICATES_EVERY": "1"}


def trusting(site: Site) -> ssl.SSLContext:
    return client_context(site.data / "ca.pem")


def authority_of(site: Site) -> Pair:
    folder = site.data / "bridge"
    return Pair((folder / "ca.pem").read_text(), (folder / "ca.key").read_text())


def shown(port: int) -> bytes:
    return asyncio.run(shown_certificate("127.0.0.1", port))


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as page:
        text: str = page.read().decode()
    return text


def age(site: Site, days: int) -> None:
    """Let both brokers' certificates be ones that end in so many days, whole and rightly signed."""
    for broker_name in ("operations", "bootstrap"):
        path = site.data / f"{broker_name}-broker" / "server.pem"
        draft = path.with_suffix(".draft")
        aged = new_server(authority_of(site), "old", HERE, NOW - 300 * DAY, days=300 + 1 + days)
        draft.write_text(aged.text)
        draft.chmod(0o600)
        shutil.chown(draft, path.stat().st_uid, path.stat().st_gid)
        draft.rename(path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpSite]:
    chosen = UpSite(tmp_path_factory.mktemp("tls") / "data")
    try:
        chosen.start("--tls")
        yield chosen
    finally:
        chosen.stop()


@pytest.mark.parametrize("version", ["5", "3"])
def test_the_main_job_is_done_by_tls_from_the_first_call_to_telemetry(
    site: UpSite, tmp_path: Path, version: str
) -> None:
    prefix = f"tls{version}-"
    assert site.cli("register", f"{prefix}001", f"{prefix}002").returncode == 0
    # What a maker of devices is given: both files, in a folder of his own.
    for name in ("bootstrap.json", "ca.pem"):
        shutil.copy(site.data / name, tmp_path / name)
    fleet = Process.start(
        [
            *(str(BIN / "device-sim"), "run", "--count", "2", "--prefix", prefix, "--mqtt", version, "--for", "1"),
            *("--bootstrap-file", str(tmp_path / "bootstrap.json"), "--state", str(tmp_path / "state")),
            *("--telemetry-interval", "0.2", "--json"),
        ],
        tmp_path / "fleet.log",
    )
    try:
        waiting = ("list", "--status", "PENDING_ACCEPTANCE", "--search", prefix, "--json")
        wait_until(lambda: site.cli(*waiting).stdout.count('"claims"') == 2, "both have called")
        assert site.cli("accept-all").returncode == 0
        assert fleet.process.wait(60) == 0, fleet.output
    finally:
        fleet.stop()
    summary = json.loads(fleet.output.splitlines()[-1])
    assert (summary["devices"]["madeIt"], summary["faults"]) == (2, {})
    assert summary["devices"]["counts"]["telemetry"] >= 2
    found = json.loads(site.cli("get", f"{prefix}001", "--json").stdout)["result"]
    assert found["confirmedTime"]


@pytest.mark.parametrize("door", ["port", "bootstrapPort"])
@pytest.mark.parametrize("rest", [b"\x04\x02\x00\x3c\x00\x01x", b"\x05\x02\x00\x3c\x00\x00\x01x"], ids=["3", "5"])
async def test_a_client_without_tls_gets_no_answer_at_either_broker(site: UpSite, door: str, rest: bytes) -> None:
    connect = bytes([0x10, 6 + len(rest)]) + b"\x00\x04MQTT" + rest
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.access[door])
        writer.write(connect)
        try:
            heard = await reader.read()
        except ConnectionError:
            heard = b""
        writer.close()
    assert b"\x20" not in heard[:1], "a CONNACK"


async def test_nothing_older_than_tls_1_2_is_spoken(site: UpSite) -> None:
    for door in ("port", "bootstrapPort"):
        context = trusting(site)
        context.set_ciphers("ALL:@SECLEVEL=0")  # so that it is the broker that refuses
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", site.access[door], ssl=context)


def test_mosquittos_own_tools_are_served_with_the_authority_and_refused_without(site: UpSite) -> None:
    tool, login = shutil.which("mosquitto_sub"), site.access["administrators"][0]
    assert tool is not None
    words: tuple[str, ...] = (tool, "-h", "localhost", "-p", str(site.access["port"]))
    words += ("-u", "root", "-P", login["password"], "-t", "bridge/state", "-C", "1", "-W")
    state = run(*words, "10", "--cafile", str(site.data / "ca.pem"))
    assert '"online"' in state.stdout, state.stderr
    assert run(*words, "1").stdout == ""


def test_the_doctor_finds_nothing_wrong(site: UpSite) -> None:
    found = json.loads(site.cli("doctor", "--json").stdout)
    assert found["problems"] == 0, found
    said = [one["found"] for one in found["findings"] if one["check"] in {"certificates", "encryption"}]
    assert sum("is valid until" in one for one in said) == 3
    assert sum("speaks TLS alone" in one for one in said) == 2


def test_tls_to_a_broker_that_speaks_none_is_told_in_words(up_site: UpSite, site: UpSite) -> None:
    done = up_site.cli("list", "--tls-ca", str(site.data / "ca.pem"))
    assert done.returncode == 3
    assert "TLS" in done.stderr
    done = up_site.cli("list", "--tls-ca", str(site.data / "none.pem"))
    assert done.returncode == 3
    assert "none.pem cannot be used: No such file" in done.stderr.replace("\n", "")


@contextlib.asynccontextmanager
async def kept_open(site: Site) -> AsyncIterator[Any]:
    """An administrator and a caller who stay; afterwards both are asked whether they are still served."""
    trusted = trusting(site)
    async with (
        administrator(site.access, tls_context=trusted) as admin,
        stranger(site.access, "x" * 22, tls_context=trusted) as caller,
    ):
        yield admin
        await caller.subscribe(f"bootstrap/kept/response/{'x' * 22}")
        await caller.publish(f"bootstrap/kept/request/{'x' * 22}", b"{}")
        assert (await caller.next_json())["status"] == "PENDING_ACCEPTANCE"
        await admin.ok("list")
        assert not admin.peer.ended.is_set()
        assert not caller.ended.is_set()


async def test_up_renews_while_it_runs_and_nobody_is_thrown_out(own_site: UpSite) -> None:
    own_site.start("--tls", **QUICK)
    ports = [own_site.access[name] for name in ("port", "bootstrapPort")]
    pids = own_site.broker_pids()
    authority = (own_site.data / "ca.pem").read_bytes()
    before = [await shown_certificate("127.0.0.1", port) for port in ports]
    async with kept_open(own_site):
        age(own_site, 10)
        await asyncio.to_thread(
            wait_until, lambda: own_site.up.output.count("it ends on") == 2, "both certificates are renewed"
        )
        for port, old in zip(ports, before, strict=True):
            await asyncio.to_thread(wait_until, lambda at=port, was=old: shown(at) != was, "the new one is shown")
            assert read(await shown_certificate("127.0.0.1", port)).ends > NOW + 390 * DAY
    assert own_site.broker_pids() == pids, "no broker was restarted"
    assert (own_site.data / "ca.pem").read_bytes() == authority
    async with administrator(own_site.access, tls_context=trusting(own_site)) as admin:
        await admin.ok("list")
    assert "session ended" not in own_site.up.output


def test_a_certificate_that_ended_while_up_was_away_is_renewed_at_the_start(own_site: UpSite) -> None:
    own_site.start("--tls")
    own_site.stop()
    age(own_site, -1)
    own_site.start()
    assert own_site.up.output.count("it has ended") == 2
    assert own_site.cli("list").returncode == 0


def test_given_certificates_are_served_and_a_renewed_one_is_taken_over(own_site: UpSite, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    authority = new_authority("theirs", NOW)

    def issue(days: int) -> bytes:
        pair = new_server(authority, "theirs", HERE, NOW, days=days)
        (theirs / "server.key").write_text(pair.key)
        (theirs / "server.pem").write_text(pair.certificate)
        return ssl.PEM_cert_to_DER_cert(pair.certificate)

    (theirs / "ca.pem").write_text(authority.certificate)
    first = issue(20)
    given = ("--tls-certificate", "server.pem"), ("--tls-key", "server.key"), ("--tls-ca", "ca.pem")
    own_site.start(*(word for option, name in given for word in (option, str(theirs / name))), **QUICK)
    assert (own_site.data / "ca.pem").read_text() == authority.certificate
    assert not (own_site.data / "bridge" / "ca.key").exists()
    assert shown(own_site.access["port"]) == shown(own_site.access["bootstrapPort"]) == first
    assert own_site.cli("list").returncode == 0
    wait_until(lambda: '"certificate ends"' in own_site.up.output, "the log warns of the end")
    assert f"renew {theirs / 'server.pem'}" in own_site.up.output
    second = issue(300)
    wait_until(lambda: shown(own_site.access["port"]) == second, "the new one is shown")
    assert own_site.cli("list").returncode == 0


def test_given_certificates_that_do_not_fit_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    authority = new_authority("theirs", NOW)
    pair = new_server(authority, "theirs", ["elsewhere.example"], NOW)
    for name, text in (("ca.pem", authority.certificate), ("server.pem", pair.certificate), ("server.key", pair.key)):
        (tmp_path / name).write_text(text)
    given = ("--tls-certificate", "server.pem"), ("--tls-key", "server.key"), ("--tls-ca", "ca.pem")
    words = [word for option, name in given for word in (option, str(tmp_path / name))]
    done = Site(tmp_path / "data").cli("up", "--port", "0", "--bootstrap-port", "0", *words)
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert "cannot be used for 127.0.0.1: its certificate is not trusted: it is another host's" in said


def test_listeners_in_clear_beyond_loopback_are_refused_with_both_ways_out(tmp_path: Path) -> None:
    ports = free_ports(2)
    words = ("--port", str(ports[0]), "--bootstrap-port", str(ports[1]), "--listen", "0.0.0.0")
    site = Site(tmp_path / "data")
    done = site.cli("up", *words)
    assert done.returncode == 1, done.stderr
    said = " ".join(done.stderr.split())
    assert "without TLS" in said
    assert "--tls," in said
    assert "--plain-on-the-network" in said
    assert not list(site.data.glob("*-broker/mosquitto.conf"))


def test_plain_words_are_taken_kept_and_not_forgotten_by_the_doctor(tmp_path: Path) -> None:
    site = Site(tmp_path / "data")
    ports = free_ports(2)
    far = ("init", "--listen", "0.0.0.0", "--port", str(ports[0]), "--bootstrap-port", str(ports[1]))
    assert site.cli(*far).returncode == 1
    assert site.cli(*far, "--plain-on-the-network").returncode == 0
    assert site.cli("init").returncode == 0, "kept in the folder"
    found = json.loads(site.cli("doctor", "--json").stdout)["findings"]
    said = [one for one in found if one["check"] == "encryption"]
    assert [one["verdict"] for one in said] == ["advice", "advice"]
    assert all("--plain-on-the-network" in one["found"] for one in said)


def test_who_makes_the_authority_to_come_is_told_to_give_it_to_all(tmp_path: Path) -> None:
    site = Site(tmp_path / "data")
    assert site.cli("init", "--tls").returncode == 0
    assert "to come" not in site.cli("renew-certificates").stdout
    assert "authority to come, too: give it to all" in site.cli("renew-certificates", "--next-authority").stdout
    assert (site.data / "ca.pem").read_text().count("BEGIN CERTIFICATE") == 2


def test_brokers_of_their_own_are_renewed_by_the_command_and_watched_by_serve(tmp_path: Path) -> None:
    apart = ApartSite(tmp_path / "data")
    ports = free_ports(3)
    chosen = ("--port", str(ports[0]), "--bootstrap-port", str(ports[1]))
    done = apart.cli("init", "--tls", "--tls-name", "broker.example.com", *chosen)
    assert done.returncode == 0, done.stderr
    assert "is new (there was none)" in done.stdout
    assert "broker.example.com" in read((apart.data / "operations-broker" / "server.pem").read_text()).names
    assert "nothing to renew now" in apart.cli("renew-certificates").stdout
    refused = apart.cli("serve", "--tls-ca", str(tmp_path / "none.pem"))
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
    assert "none.pem cannot be used: No such file" in refused.stderr.replace("\n", "")
    age(apart, 10)
    apart.env = {**QUICK, "BOOTSTRAP_BRIDGE_METRICS_PORT": str(ports[2])}
    with running(apart):
        serve = apart.processes["serve"]
        wait_until(lambda: serve.output.count('"certificate ends"') == 2, "serve warns of both")
        assert "renew-certificates" in serve.output
        found = json.loads(apart.cli("doctor", "--json").stdout)
        assert [one["verdict"] for one in found["findings"] if one["check"] == "certificates"] == [
            "ok",
            "advice",
            "advice",
        ]
        done = apart.cli("renew-certificates")
        assert done.returncode == 0, done.stderr
        assert "kill -HUP" in done.stdout
        for name in ("operations", "bootstrap"):
            apart.processes[name].process.send_signal(signal.SIGHUP)
        renewed = f"{(NOW + 390 * DAY) // 1000}"

        def is_measured() -> bool:
            page = fetched(f"http://127.0.0.1:{ports[2]}/metrics")
            ends = [line.split()[1] for line in page.splitlines() if line.startswith(METRIC)]
            return len(ends) == 3 and all(float(end) > float(renewed) for end in ends)

        wait_until(is_measured, "the metric tells of the new ones")
        assert "session ended" not in serve.output


async def test_beside_a_broker_that_has_tls_already_both_speak_it_and_both_authorities_are_trusted(
    tmp_path: Path,
) -> None:
    authority = new_authority("theirs", NOW)
    server = tmp_path / "theirs.pem"
    server.write_text(new_server(authority, "theirs", HERE, NOW).text)
    (tmp_path / "theirs-ca.pem").write_text(authority.certificate)
    tls = (f"certfile {server}", f"keyfile {server}", "allow_anonymous false")
    theirs = BesideSite(tmp_path / "data", more=tls, options=("--tls-ca", str(tmp_path / "theirs-ca.pem")))
    with running(theirs):
        assert theirs.access["tls"] == {"caFile": "ca.pem"}
        trusted = trusting(theirs)
        assert len(trusted.get_ca_certs()) == 2
        async with (
            administrator(theirs.access, tls_context=trusted) as one,
            stranger(theirs.access, "y" * 22, tls_context=trusted) as caller,
        ):
            await one.ok("register", {"id": "beside-1"})
            await caller.subscribe(f"bootstrap/beside-1/response/{'y' * 22}")
            await caller.publish(f"bootstrap/beside-1/request/{'y' * 22}", b"{}")
            assert (await caller.next_json())["status"] == "PENDING_ACCEPTANCE"
            await one.ok("accept", {"id": "beside-1"})
            assert (await caller.next_json())["status"] == "ACCEPTED"
        assert not (theirs.data / "operations-broker" / "server.pem").exists()
        assert "nothing to change" in (await asyncio.to_thread(theirs.init)).stdout


METRIC = "bootstrap_bridge_certificate_expiry_timestamp_seconds{"
