"""An authority and its servers' certificates, on invented days."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from bridge.certificates import (
    ALWAYS,
    DAY,
    SERVER_DAYS,
    BadCertificate,
    Certificate,
    Pair,
    is_signed_by,
    key_fits,
    new_authority,
    new_server,
    plain_name,
    read,
    reason_to_renew,
    server_names,
)

NOW = 1_700_000_000_000
NAMES = ("broker.example.com", "192.0.2.7", *ALWAYS)
AUTHORITY = new_authority("authority of a test", NOW)
SERVER = new_server(AUTHORITY, "a broker", NAMES, NOW)


def loaded(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.encode())


def verified(server: Pair, authority: Pair, name: str, at: int) -> None:
    """Let somebody else's verifier look at it, which goes by the rules of browsers."""
    verifier = PolicyBuilder().store(Store([loaded(authority)])).time(datetime.fromtimestamp(at / 1000, UTC))
    verifier.build_server_verifier(x509.DNSName(name)).verify(loaded(server), [])


def test_a_verifier_of_others_takes_the_certificate_by_its_name_while_it_is_valid() -> None:
    verified(SERVER, AUTHORITY, "broker.example.com", NOW)
    verified(SERVER, AUTHORITY, "localhost", NOW + 300 * DAY)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("other.example.com", NOW),
        ("broker.example.com", NOW + SERVER_DAYS * DAY),
        ("broker.example.com", NOW - 2 * DAY),
    ],
)
def test_the_same_verifier_refuses_another_name_and_another_time(name: str, at: int) -> None:
    with pytest.raises(VerificationError):
        verified(SERVER, AUTHORITY, name, at)


def test_the_same_verifier_refuses_what_another_authority_of_the_same_name_signed() -> None:
    with pytest.raises(VerificationError):
        verified(SERVER, new_authority("authority of a test", NOW), "broker.example.com", NOW)


def test_a_certificate_says_its_names_and_how_long_it_lives() -> None:
    found = read(SERVER.certificate)
    assert set(found.names) == set(NAMES)
    assert found.ends - found.begins == 397 * DAY
    assert found.begins == NOW - DAY, "for devices whose clock is behind"
    assert (found.issuer, found.subject) == ("CN=authority of a test", "CN=a broker")
    assert found.ends_on == "2024-12-14"


def test_the_authority_may_sign_servers_and_no_further_authority_and_lives_ten_years() -> None:
    found = loaded(AUTHORITY)
    assert found.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)
    assert read(AUTHORITY.certificate).ends == NOW + 3_650 * DAY


def test_a_servers_certificate_is_for_servers_alone() -> None:
    found = loaded(SERVER)
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    use = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(use) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_no_two_certificates_share_a_key_or_a_serial_number() -> None:
    other = new_server(AUTHORITY, "a broker", NAMES, NOW)
    assert loaded(other).public_key() != loaded(SERVER).public_key()
    assert loaded(other).serial_number != loaded(SERVER).serial_number


def test_a_servers_certificate_never_outlives_its_authority() -> None:
    late = NOW + 3_600 * DAY
    assert read(new_server(AUTHORITY, "a broker", NAMES, late).certificate).ends == NOW + 3_650 * DAY
    with pytest.raises(BadCertificate, match="ended on 2033"):
        new_server(AUTHORITY, "a broker", NAMES, NOW + 3_650 * DAY)


def test_a_key_is_known_to_be_the_one_of_a_certificate_or_not() -> None:
    assert key_fits(SERVER.text)
    assert not key_fits(SERVER.certificate + AUTHORITY.key)
    assert not key_fits(SERVER.certificate)
    assert is_signed_by(SERVER.certificate, AUTHORITY.certificate)
    assert not is_signed_by(SERVER.certificate, new_authority("authority of a test", NOW).certificate)


@pytest.mark.parametrize("key", ["", "rubbish", SERVER.key])
def test_nothing_is_signed_with_a_key_that_is_not_the_authoritys(key: str) -> None:
    with pytest.raises(BadCertificate):
        new_server(Pair(AUTHORITY.certificate, key), "a broker", NAMES, NOW)


@pytest.mark.parametrize("text", ["", "rubbish", SERVER.key, b"", b"\x30\x03\x02\x01\x01"])
def test_what_is_no_certificate_is_told_from_one(text: str | bytes) -> None:
    with pytest.raises(BadCertificate):
        read(text)


def test_no_key_stands_in_what_is_logged() -> None:
    assert SERVER.key not in repr(SERVER)


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("Broker.Example.COM", "broker.example.com"),
        ("broker.example.com.", "broker.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:DB8::0:1]", "2001:db8::1"),
        ("*.example.com", "*.example.com"),
        ("my_broker", "my_broker"),
    ],
)
def test_a_name_is_written_as_certificates_hold_it(given: str, plain: str) -> None:
    assert plain_name(given) == plain


@pytest.mark.parametrize("name", ["", " ", "a b", "a..b", "-a.example", "a/b", "x" * 64, "*", "a.*.b", "mqtt://a"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(BadCertificate, match="neither a host name nor an address"):
        plain_name(name)


def test_this_machines_own_names_are_always_among_a_brokers() -> None:
    assert server_names(["B.example", "::1", "b.example"]) == ("b.example", "::1", "localhost", "127.0.0.1")


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("a.example.com", True),
        ("A.Example.Com", True),
        ("a.b.example.com", False),
        ("example.com", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("0:0:0:0:0:0:0:1", True),
    ],
)
def test_a_certificate_covers_its_names_and_one_level_below_a_star(host: str, *, covered: bool) -> None:
    found = read(new_server(AUTHORITY, "b", ("*.example.com", "192.0.2.7", "::1"), NOW).certificate)
    assert found.covers(host) is covered


ISSUER = read(AUTHORITY.certificate)
FOUND = read(SERVER.certificate)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW, None),
        (FOUND.ends - 31 * DAY, None),
        (FOUND.ends - 31 * DAY + 1, "it ends on 2024-12-14"),
        (FOUND.ends, "it has ended"),
        (ISSUER.begins - 1, None),
    ],
)
def test_a_certificate_is_renewed_a_month_before_it_ends_and_by_no_clock_that_was_never_set(
    now: int, reason: str | None
) -> None:
    assert reason_to_renew(FOUND, ISSUER, NAMES, now) == reason


def test_a_certificate_that_lacks_a_name_or_was_made_by_a_clock_ahead_is_renewed() -> None:
    assert reason_to_renew(FOUND, ISSUER, (*NAMES, "new.example"), NOW) == "it lacks new.example"
    ahead = read(new_server(AUTHORITY, "a broker", NAMES, NOW + 900 * DAY).certificate)
    assert reason_to_renew(ahead, ISSUER, NAMES, NOW) == "it was made by a clock that was ahead"


def test_one_that_ends_with_its_authority_is_left_since_no_later_one_can_be_had() -> None:
    last = read(new_server(AUTHORITY, "a broker", NAMES, ISSUER.ends - 60 * DAY).certificate)
    assert last.ends == ISSUER.ends
    assert reason_to_renew(last, ISSUER, NAMES, ISSUER.ends - DAY) is None


def test_a_certificate_without_names_covers_nothing() -> None:
    assert read(AUTHORITY.certificate).names == ()
    assert not read(AUTHORITY.certificate).covers("localhost")
    assert isinstance(ISSUER, Certificate)
