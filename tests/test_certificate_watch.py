"""The watch on certificates: what is shown is measured, and told before it ends, not too often."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from bridge.authority import keep
from bridge.certificate_watch import CertificateWatch
from bridge.certificates import DAY, new_authority, new_server
from bridge.facts import Tls
from bridge.installation import Installation, make
from bridge.measures import CERTIFICATE_EXPIRY, Measure, Unmeasured

NOW = 1_700_000_000_000


class Gauges(Unmeasured):
    def __init__(self) -> None:
        self.shown: dict[str, float] = {}

    def show(self, measure: Measure, value: float, /, **labels: str) -> None:
        assert measure is CERTIFICATE_EXPIRY
        self.shown[labels["certificate"]] = value


@dataclass
class Brokers:
    """What the brokers show, by port; None is a broker that is away."""

    at: dict[int, str | None] = field(default_factory=dict)

    async def show(self, host: str, port: int) -> bytes:
        text = self.at[port]
        if text is None:
            raise ConnectionRefusedError
        return x509.load_pem_x509_certificate(text.encode()).public_bytes(serialization.Encoding.DER)


@dataclass
class Scene:
    made: Installation
    brokers: Brokers
    now: int = NOW
    gauges: Gauges = field(default_factory=Gauges)

    def __post_init__(self) -> None:
        self.watch = CertificateWatch(self.made, lambda: self.now, self.gauges, self.brokers.show)

    async def warnings(self) -> list[dict[str, Any]]:
        with structlog.testing.capture_logs() as lines:
            await self.watch.look()
        return [dict(line) for line in lines]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = make(tmp_path / "data", tls=Tls(on=True))
    keep(made, NOW)
    files = made.folder.server_files
    return Scene(made, Brokers({1883: files["operations"].read_text(), 1884: files["bootstrap"].read_text()}))


async def test_what_brokers_and_authority_show_is_measured_in_seconds(scene: Scene) -> None:
    assert await scene.warnings() == []
    assert scene.gauges.shown == {
        "operations": (NOW + 396 * DAY) / 1000,
        "bootstrap": (NOW + 396 * DAY) / 1000,
        "authority": (NOW + 3_650 * DAY) / 1000,
    }


async def test_a_month_before_the_end_the_log_says_what_to_do_once_a_day(scene: Scene) -> None:
    scene.now = NOW + 366 * DAY
    assert await scene.warnings() == []
    scene.now += 1
    lines = await scene.warnings()
    assert [(line["event"], line["log_level"], line["certificate"]) for line in lines] == [
        ("certificate ends", "warning", "operations"),
        ("certificate ends", "warning", "bootstrap"),
    ]
    assert lines[0]["days"] == 29
    assert "renew-certificates" in lines[0]["do"]
    assert await scene.warnings() == []
    scene.now += DAY
    assert len(await scene.warnings()) == 2


async def test_one_that_has_ended_is_told_too(scene: Scene) -> None:
    scene.now = NOW + 400 * DAY
    assert {line["days"] for line in await scene.warnings()} == {0}


async def test_a_renewed_one_is_no_longer_told_of(scene: Scene) -> None:
    scene.now = NOW + 380 * DAY
    assert len(await scene.warnings()) == 2
    keep(scene.made, scene.now)
    scene.brokers.at[1883] = scene.made.folder.server_files["operations"].read_text()
    scene.now += DAY
    assert [line["certificate"] for line in await scene.warnings()] == ["bootstrap"]
    assert scene.gauges.shown["operations"] > scene.gauges.shown["bootstrap"]


async def test_the_authority_is_told_of_a_year_before(scene: Scene) -> None:
    scene.now = NOW + 3_286 * DAY
    late = keep(scene.made, scene.now)
    assert late
    for port, name in ((1883, "operations"), (1884, "bootstrap")):
        scene.brokers.at[port] = scene.made.folder.server_files[name].read_text()
    lines = await scene.warnings()
    assert [(line["certificate"], line["days"]) for line in lines] == [("authority", 364)]
    assert "When the authority ends" in lines[0]["do"]


async def test_a_broker_that_is_away_or_shows_nothing_does_not_stop_the_look(scene: Scene) -> None:
    scene.brokers.at[1883] = None
    assert not await scene.watch.look()
    assert set(scene.gauges.shown) == {"bootstrap", "authority"}
    scene.brokers.at[1883] = scene.brokers.at[1884]
    assert await scene.watch.look()


async def test_an_authority_that_cannot_be_read_is_told(scene: Scene) -> None:
    scene.made.folder.authority.write_text("rubbish")
    lines = await scene.warnings()
    assert [(line["event"], line["file"]) for line in lines] == [
        ("certificate not read", str(scene.made.folder.authority))
    ]


async def test_of_given_certificates_the_file_to_renew_is_named(tmp_path: Path) -> None:
    authority = new_authority("theirs", NOW)
    text = new_server(authority, "b", ["127.0.0.1"], NOW, days=20).certificate
    given = Tls(on=True, certificate="/etc/theirs.pem", key="/k", authority="/ca")
    made = make(tmp_path / "data", tls=given)
    made.folder.authority.write_text(authority.certificate)
    scene = Scene(made, Brokers({1883: text, 1884: text}))
    assert {line["do"] for line in await scene.warnings()} == {"renew /etc/theirs.pem and let the broker read it anew"}


async def test_without_tls_nothing_is_looked_at(tmp_path: Path) -> None:
    brokers = Brokers()
    watch = CertificateWatch(make(tmp_path / "data"), lambda: NOW, Gauges(), brokers.show)
    await watch.run(1)
