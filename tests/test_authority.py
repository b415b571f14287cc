"""The certificates in an installation's folder: made once, renewed in time, taken over from others, never half."""

import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.authority import BROKERS, keep, permit, prepare_next, switch
from bridge.certificates import DAY, Pair, is_signed_by, key_fits, new_authority, new_server, read
from bridge.facts import Tls
from bridge.installation import Installation, InstallationFault, load, make
from bridge.trust import tried

NOW = int(time.time() * 1000)
"""Handshakes go by the machine's clock, so the days here begin today."""


def on(data: Path, **wishes: Any) -> Installation:
    return make(data, tls=Tls(on=True), **wishes)


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return on(tmp_path / "data")


def texts(made: Installation) -> dict[str, str]:
    return {broker: path.read_text() for broker, path in made.folder.server_files.items()}


def test_without_tls_nothing_is_made(tmp_path: Path) -> None:
    made = make(tmp_path / "data")
    assert keep(made, NOW) == []
    assert not made.folder.authority.exists()


def test_an_authority_and_a_certificate_for_each_broker_are_made_once(made: Installation) -> None:
    first = keep(made, NOW)
    assert [(one.broker, one.reason) for one in first] == [(broker, "there was none") for broker in BROKERS]
    before = {path: path.read_bytes() for path in made.folder.path.rglob("*.pem")}
    assert keep(made, NOW + 300 * DAY) == []
    assert {path: path.read_bytes() for path in made.folder.path.rglob("*.pem")} == before
    assert len(set(texts(made).values())) == 2, "each broker has its own key"


def test_the_console_has_a_certificate_of_its_own_once_it_has_a_folder(made: Installation) -> None:
    keep(made, NOW)
    assert not made.folder.console.exists()
    made.folder.console.mkdir(0o700)
    assert [(one.broker, one.reason) for one in keep(made, NOW)] == [("console", "there was none")]
    path = made.folder.server_file("console")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tried(path, path, made.folder.authority, "127.0.0.1") is None
    assert path.read_text() not in texts(made).values(), "with its key nobody can play the brokers' part"
    assert [one.broker for one in keep(made, NOW + 390 * DAY)] == ["operations", "bootstrap", "console"]


def test_clients_that_trust_the_published_authority_take_both_certificates(made: Installation) -> None:
    keep(made, NOW)
    for path in made.folder.server_files.values():
        assert tried(path, path, made.folder.authority, "127.0.0.1") is None


def test_keys_are_their_owners_alone_and_the_authoritys_certificate_is_everybodys(made: Installation) -> None:
    keep(made, NOW)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made.folder.bridge.glob("ca.*")}
    assert modes == {"ca.key": 0o600, "ca.pem": 0o600}
    assert stat.S_IMODE(made.folder.authority.stat().st_mode) == 0o644
    assert "KEY" not in made.folder.authority.read_text()
    for path in made.folder.server_files.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert key_fits(path.read_text())


def test_a_month_before_its_end_a_certificate_is_renewed_under_the_same_authority(made: Installation) -> None:
    keep(made, NOW)
    before, authority = texts(made), made.folder.authority.read_bytes()
    renewed = keep(made, NOW + 370 * DAY)
    assert [one.broker for one in renewed] == list(BROKERS)
    assert all(one.reason.startswith("it ends on ") for one in renewed)
    assert made.folder.authority.read_bytes() == authority, "nobody who trusts it has to do anything"
    for broker, text in texts(made).items():
        assert text != before[broker]
        assert is_signed_by(text, authority.decode())
        assert read(text).ends == (NOW + 766 * DAY) // 1000 * 1000


def test_a_name_that_is_added_renews_and_one_taken_away_does_not(made: Installation) -> None:
    keep(made, NOW)
    more = make(made.folder.path, host="broker.example", tls=Tls(on=True, names=["192.0.2.7"]))
    assert {one.reason for one in keep(more, NOW)} == {"it lacks broker.example, 192.0.2.7"}
    assert keep(made, NOW) == []


def test_one_broker_alone_can_be_looked_after(made: Installation) -> None:
    assert [one.broker for one in keep(made, NOW, ("bootstrap",))] == ["bootstrap"]
    assert not made.folder.server_files["operations"].exists()


def _cut_short(text: str) -> str:
    return text[: len(text) // 2]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_cut_short, "it was damaged"),
        (lambda text: text[: text.index("-----BEGIN PRIVATE")], "its key was damaged"),
        (lambda text: text[: text.index("-----BEGIN PRIVATE")] + new_authority("x", NOW).key, "its key was damaged"),
        (
            lambda text: new_server(new_authority("x", NOW), "x", read(text).names, NOW).text,
            "another authority had signed it",
        ),
    ],
)
def test_what_was_spoilt_is_made_anew(made: Installation, spoil: Callable[[str], str], reason: str) -> None:
    keep(made, NOW)
    path = made.folder.server_files["bootstrap"]
    path.write_text(spoil(path.read_text()))
    assert [(one.broker, one.reason) for one in keep(made, NOW)] == [("bootstrap", reason)]
    assert tried(path, path, made.folder.authority, "127.0.0.1") is None


def test_the_published_authority_comes_back_when_it_is_lost(made: Installation) -> None:
    keep(made, NOW)
    before = made.folder.authority.read_bytes()
    made.folder.authority.unlink()
    assert keep(made, NOW) == []
    assert made.folder.authority.read_bytes() == before


@pytest.mark.parametrize("lost", ["ca.key", "ca.pem"])
def test_a_lost_half_of_the_authority_is_never_replaced(made: Installation, lost: str) -> None:
    keep(made, NOW)
    (made.folder.bridge / lost).unlink()
    with pytest.raises(InstallationFault, match=f"{lost}: missing, .*Restore it from a backup"):
        keep(made, NOW)
    assert not (made.folder.bridge / lost).exists()


def test_an_authority_lost_as_a_whole_is_not_made_anew_under_the_devices_feet(made: Installation) -> None:
    keep(made, NOW)
    for path in made.folder.authority_files:
        path.unlink()
    with pytest.raises(InstallationFault, match="move all three away"):
        keep(made, NOW)
    made.folder.authority.unlink()
    assert [one.reason for one in keep(made, NOW)] == ["another authority had signed it"] * 2


def test_a_first_making_that_was_broken_off_is_done_again(made: Installation) -> None:
    (made.folder.bridge / "ca.key").write_text("half")
    assert len(keep(made, NOW)) == 2


def takes(made: Installation, trusted: Path) -> set[str | None]:
    return {tried(path, path, trusted, "127.0.0.1") for path in made.folder.server_files.values()}


def test_another_authority_is_trusted_before_it_signs_and_the_old_one_after(made: Installation, tmp_path: Path) -> None:
    keep(made, NOW)
    old, both = tmp_path / "old.pem", tmp_path / "both.pem"
    old.write_bytes(made.folder.authority.read_bytes())
    prepare_next(made, NOW)
    assert prepare_next(made, NOW + DAY) == made.folder.authority
    both.write_bytes(made.folder.authority.read_bytes())
    assert both.read_text().startswith(old.read_text())
    assert keep(made, NOW) == [], "the brokers go on as before"
    assert takes(made, old) == takes(made, both) == {None}
    assert made.folder.authority.read_bytes() == both.read_bytes()
    switch(made)
    assert [one.reason for one in keep(made, NOW)] == ["another authority had signed it"] * 2
    assert takes(made, both) == takes(made, made.folder.authority) == {None}
    assert takes(made, old) == {"its certificate is not trusted: another authority signed it"}
    made.folder.former_authority.unlink()
    assert keep(made, NOW) == []
    assert old.read_text() not in made.folder.authority.read_text()
    assert takes(made, made.folder.authority) == {None}


def test_a_switch_that_was_broken_off_is_finished_by_another(made: Installation) -> None:
    keep(made, NOW)
    prepare_next(made, NOW)
    made.folder.former_authority.write_bytes(made.folder.authority_files[0].read_bytes())
    made.folder.next_authority_files[1].replace(made.folder.authority_files[1])
    assert keep(made, NOW) == []
    switch(made)
    assert len(keep(made, NOW)) == 2
    assert takes(made, made.folder.authority) == {None}


def test_a_switch_that_was_broken_off_is_no_ground_for_another_authority(made: Installation) -> None:
    """It would take the place of the certificate whose key signs by then."""
    keep(made, NOW)
    prepare_next(made, NOW)
    made.folder.next_authority_files[1].replace(made.folder.authority_files[1])
    with pytest.raises(InstallationFault, match="finish it with --switch-authority"):
        prepare_next(made, NOW)
    switch(made)
    assert len(keep(made, NOW)) == 2
    assert takes(made, made.folder.authority) == {None}


def test_an_authority_to_come_whose_key_was_lost_never_signs_with_the_one_before(made: Installation) -> None:
    keep(made, NOW)
    prepare_next(made, NOW)
    made.folder.next_authority_files[1].unlink()
    with pytest.raises(InstallationFault, match="is missing"):
        switch(made)
    prepare_next(made, NOW)
    switch(made)
    assert len(keep(made, NOW)) == 2


@pytest.mark.parametrize("name", ["bridge/ca.pem", "bridge/ca.key", "bridge/former-ca.pem"])
def test_files_that_are_no_text_are_told_of_as_all_that_is_spoilt(made: Installation, name: str) -> None:
    keep(made, NOW)
    (made.folder.path / name).write_bytes(b"\xff\xfe")
    with pytest.raises(InstallationFault, match="cannot be read"):
        keep(made, NOW)


def test_without_an_authority_to_come_or_of_its_own_nothing_is_switched(made: Installation, tmp_path: Path) -> None:
    keep(made, NOW)
    with pytest.raises(InstallationFault, match="--next-authority"):
        switch(made)
    with pytest.raises(InstallationFault, match="no authority of its own"):
        prepare_next(make(tmp_path / "plain"), NOW)


def test_a_spoilt_authority_is_told_and_the_brokers_files_stay(made: Installation) -> None:
    keep(made, NOW)
    before = texts(made)
    (made.folder.bridge / "ca.key").write_text("rubbish")
    with pytest.raises(InstallationFault, match="the authority's key cannot be read"):
        keep(made, NOW + 370 * DAY)
    assert texts(made) == before


def test_two_installations_have_authorities_that_people_can_tell_apart(tmp_path: Path) -> None:
    subjects = set()
    for name in ("one", "two"):
        made = on(tmp_path / name)
        keep(made, NOW)
        subjects.add(read(made.folder.authority.read_text()).subject)
    assert len(subjects) == 2


class Others:
    """Somebody else's authority, and the files that an administrator was given by it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.authority = new_authority("their authority", NOW - 500 * DAY)
        self.write("ca.pem", self.authority.certificate)
        self.issue()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def issue(self, name: str = "broker.example", now: int = NOW) -> Pair:
        pair = new_server(self.authority, name, [name, "localhost"], now)
        self.write("server.pem", pair.certificate)
        self.write("server.key", pair.key)
        return pair

    @property
    def tls(self) -> Tls:
        paths = {name: str(self.folder / file) for name, file in FILES.items()}
        return Tls(on=True, **paths)


FILES = {"certificate": "server.pem", "key": "server.key", "authority": "ca.pem"}


@pytest.fixture
def others(tmp_path: Path) -> Others:
    return Others(tmp_path / "others")


@pytest.fixture
def taking(tmp_path: Path, others: Others) -> Installation:
    return make(tmp_path / "data", host="broker.example", tls=others.tls, permit=permit)


def test_certificates_of_others_are_taken_over_and_no_authority_is_made(taking: Installation, others: Others) -> None:
    assert [one.broker for one in keep(taking, NOW)] == list(BROKERS)
    assert taking.folder.authority.read_text() == others.authority.certificate
    assert not list(taking.folder.bridge.glob("ca.*"))
    for path in taking.folder.server_files.values():
        assert tried(path, path, taking.folder.authority, "broker.example") is None
    assert keep(taking, NOW) == []


def test_what_others_renew_is_taken_over_when_it_is_there(taking: Installation, others: Others) -> None:
    keep(taking, NOW)
    pair = others.issue()
    assert [one.broker for one in keep(taking, NOW)] == list(BROKERS)
    assert set(texts(taking).values()) == {pair.text}


def test_others_files_need_not_stay_where_the_bridge_can_read_them(taking: Installation, others: Others) -> None:
    keep(taking, NOW)
    for name in FILES.values():
        (others.folder / name).unlink()
    assert keep(taking, NOW) == []
    taking.folder.server_files["bootstrap"].unlink()
    with pytest.raises(InstallationFault, match=r"server\.pem cannot be read"):
        keep(taking, NOW)


def test_what_others_made_is_not_renewed_here(taking: Installation) -> None:
    keep(taking, NOW)
    assert keep(taking, NOW + 390 * DAY) == []


def unfit(others: Others, how: str) -> None:
    match how:
        case "expired":
            others.issue(now=NOW - 450 * DAY)
        case "another name":
            others.issue("elsewhere.example")
        case "another key":
            others.write("server.key", new_authority("x", NOW).key)
        case "another authority":
            others.write("ca.pem", new_authority("x", NOW).certificate)
        case "no key":
            (others.folder / "server.key").unlink()
        case "no certificate":
            others.write("server.pem", "rubbish")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("expired", "for broker.example: its certificate is not trusted: it has expired"),
        ("another name", "for broker.example: its certificate is not trusted: it is another host's"),
        ("another key", "the key is not the one of the certificate"),
        ("another authority", "another authority signed it"),
        ("no key", r"server\.key cannot be read: No such file"),
        ("no certificate", r"server\.pem cannot be used"),
    ],
)
def test_what_clients_would_not_take_is_refused_at_once_and_changes_nothing(
    tmp_path: Path, others: Others, how: str, said: str
) -> None:
    unfit(others, how)
    with pytest.raises(InstallationFault, match=said):
        make(tmp_path / "data", host="broker.example", tls=others.tls, permit=permit)
    with pytest.raises(InstallationFault, match="there is no installation"):
        load(tmp_path / "data")


@pytest.mark.parametrize("how", ["expired", "another name", "another key", "no certificate"])
def test_a_renewal_of_others_that_is_unfit_leaves_what_was_there(
    taking: Installation, others: Others, how: str
) -> None:
    keep(taking, NOW)
    before = texts(taking)
    unfit(others, how)
    with pytest.raises(InstallationFault):
        keep(taking, NOW)
    assert texts(taking) == before


def test_a_host_that_no_certificate_can_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallationFault, match="no certificate can be made"):
        make(tmp_path / "data", host="a b", tls=Tls(on=True), permit=permit)


def test_devices_are_told_whom_to_trust_by_a_name_that_stays_true_where_both_files_are_copied(
    made: Installation,
) -> None:
    assert made.access(administrators=False)["tls"] == {"caFile": "ca.pem"}
    assert made.authority == made.folder.path / "ca.pem"
    assert replace(made, trusted=Path("/other.pem")).authority == Path("/other.pem")
