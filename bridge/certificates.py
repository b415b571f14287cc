"""X.509 for one installation: a small private authority, and the certificates of its brokers. Pure: text in, text out.

Everything is PEM. Times are milliseconds since 1970, as everywhere in the bridge; X.509 itself knows whole seconds.
"""

import datetime
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY: Final = 86_400_000
SERVER_DAYS: Final = 397
"""The whole life of a server's certificate; phones and browsers take none that lives longer (CA/B Forum, 2020)."""
AUTHORITY_DAYS: Final = 3_650
BACKDATED_DAYS: Final = 1
"""A certificate is valid from so long before it was made, for devices whose clock is behind."""
RENEW_BEFORE: Final = 31 * DAY
"""A server's certificate that ends sooner is made anew: a day before anybody would be warned of it."""
WARN_BEFORE: Final = 30 * DAY
"""A server's certificate that ends sooner is told of: nobody has renewed it."""
WARN_BEFORE_AUTHORITY: Final = 365 * DAY
"""An authority that ends sooner is told of: whoever trusts it has to be given another."""
ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
"""Names that every server's certificate holds: this machine's own."""
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class BadCertificate(Exception):
    """A certificate, a key or a name cannot be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: str
    key: str = field(repr=False)

    @property
    def text(self) -> str:
        """Both in one text, as a broker's file has it, so that both change at once."""
        return self.certificate + self.key


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says. ``names`` are host names and addresses as people write them."""

    begins: int
    ends: int
    names: tuple[str, ...]
    subject: str
    issuer: str
    fingerprint: str

    @property
    def ends_on(self) -> str:
        """The day on which it ends, for people."""
        return _moment(self.ends).date().isoformat()

    def covers(self, host: str) -> bool:
        """Whether a client that connects to ``host`` takes it, by its name (RFC 6125, section 6.4)."""
        wanted = plain_name(host)
        if wanted in self.names:
            return True
        first, _, rest = wanted.partition(".")
        return bool(first and rest) and not _is_address(wanted) and f"*.{rest}" in self.names


def _moment(milliseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def plain_name(name: str) -> str:
    """Return a host name as certificates hold it: an address in its usual form, else lower case ASCII (RFC 5890).

    Raises BadCertificate.
    """
    try:
        return str(ipaddress.ip_address(name.strip().removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    star, bare = ("*.", name.strip()[2:]) if name.strip().startswith("*.") else ("", name.strip())
    try:
        plain = bare.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        plain = ""
    if not plain or len(plain) > 253 or not all(_LABEL.fullmatch(label) for label in plain.split(".")):
        raise BadCertificate(f"{name!r} is neither a host name nor an address")
    return star + plain


def server_names(hosts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of a server's certificate: ``hosts``, then this machine's. Raises BadCertificate."""
    return tuple(dict.fromkeys([*map(plain_name, hosts), *ALWAYS]))


def _alternative(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if _is_address(name) else x509.DNSName(name)


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _begun(subject: x509.Name, key: ec.EllipticCurvePublicKey, begins: int, ends: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(begins))
        .not_valid_after(_moment(ends))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode())


def new_authority(name: str, now: int, *, days: int = AUTHORITY_DAYS) -> Pair:
    """Make an authority called ``name``, which may sign servers' certificates and no further authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    certificate = (
        _begun(subject, key.public_key(), now - BACKDATED_DAYS * DAY, now + days * DAY)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def new_server(authority: Pair, name: str, names: Iterable[str], now: int, *, days: int = SERVER_DAYS) -> Pair:
    """Make the certificate of a server that is reached by ``names``; ``name`` is for people.

    It lives ``days``, the time by which it is backdated among them, and never longer than the authority. Raises
    BadCertificate, also where the authority has ended.
    """
    signer, issuer = _signer(authority)
    ends = min(now + (days - BACKDATED_DAYS) * DAY, _milliseconds(issuer.not_valid_after_utc))
    if ends <= now:
        raise BadCertificate(f"the authority ended on {_moment(ends).date()}")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _begun(_named(name), key.public_key(), now - BACKDATED_DAYS * DAY, ends)
        .issuer_name(issuer.subject)
        .add_extension(x509.SubjectAlternativeName([_alternative(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_signed_by(issuer), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return _pair(certificate, key)


def _signed_by(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _signer(authority: Pair) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    certificate = _loaded(authority.certificate)
    try:
        key = serialization.load_pem_private_key(authority.key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise BadCertificate("the authority's key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise BadCertificate("the authority's key is not the one of its certificate")
    return key, certificate


def _milliseconds(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * 1000


def _loaded(text: str | bytes) -> x509.Certificate:
    try:
        if isinstance(text, bytes):
            return x509.load_der_x509_certificate(text)
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError as error:
        raise BadCertificate("there is no certificate in it") from error


def read(text: str | bytes) -> Certificate:
    """Return what the first certificate in ``text`` says; bytes are DER, as a connection shows it.

    Raises BadCertificate.
    """
    found = _loaded(text)
    try:
        held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names: tuple[str, ...] = ()
    except ValueError as error:
        raise BadCertificate("its names cannot be read") from error
    else:
        addresses = [str(one) for one in held.get_values_for_type(x509.IPAddress)]
        names = (*(one.lower() for one in held.get_values_for_type(x509.DNSName)), *addresses)
    return Certificate(
        _milliseconds(found.not_valid_before_utc),
        _milliseconds(found.not_valid_after_utc),
        names,
        found.subject.rfc4514_string(),
        found.issuer.rfc4514_string(),
        found.fingerprint(hashes.SHA256()).hex(),
    )


def is_signed_by(text: str, authority: str) -> bool:
    """Whether the first certificate in ``text`` is one that ``authority`` itself signed. Raises BadCertificate."""
    try:
        _loaded(text).verify_directly_issued_by(_loaded(authority))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def key_fits(text: str) -> bool:
    """Whether ``text`` holds a certificate and its own key, as a broker's file does. Raises BadCertificate."""
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        return False
    return key.public_key() == _loaded(text).public_key()


def reason_to_renew(server: Certificate, authority: Certificate, names: Iterable[str], now: int) -> str | None:
    """Say why a server's certificate has to be made anew, or None.

    Where the clock stands before the authority's beginning it was never set, and nothing is made by it.
    """
    if lacking := [name for name in names if name not in server.names]:
        return f"it lacks {', '.join(lacking)}"
    if now < authority.begins:
        return None
    if server.begins > now:
        return "it was made by a clock that was ahead"
    if server.ends - now < RENEW_BEFORE and server.ends < authority.ends:
        return "it has ended" if server.ends <= now else f"it ends on {server.ends_on}"
    return None
