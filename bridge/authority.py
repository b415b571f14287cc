"""The certificates in an installation's folder: made by its own authority and renewed, or taken over from others.

A broker's file holds certificate and key, so that both change at once. Nothing here is done over a network.
"""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge import certificates
from bridge.certificates import BadCertificate, Certificate, Pair
from bridge.encryption import hosts, refuse_clear
from bridge.facts import Facts, Tls
from bridge.folder import Folder, write_private, write_public
from bridge.installation import Installation, InstallationFault
from bridge.trust import TrustFault, tried

_OURS: Final = "bootstrap-bridge authority "
CONSOLE: Final = "console"
_NAMES: Final = {
    "operations": "bootstrap-bridge operations broker",
    "bootstrap": "bootstrap-bridge bootstrap broker",
    CONSOLE: "bootstrap-bridge console",
}

BROKERS: Final = ("operations", "bootstrap")


@dataclass(frozen=True, slots=True)
class Renewal:
    """A certificate, a broker's or the console's, that was made or taken over just now, why, and when it ends."""

    broker: str
    reason: str
    ends_on: str


def keep(made: Installation, now: int, brokers: tuple[str, ...] = BROKERS) -> list[Renewal]:
    """Make, renew or take over what the certificates of ``brokers`` lack, and publish the authority's.

    So too the console's, where it has a folder. ``now`` is in milliseconds. Raises InstallationFault, OSError.
    """
    if not made.facts.tls.on:
        return []
    if made.folder.console.is_dir():
        brokers = (*brokers, CONSOLE)
    if made.folder.beside.exists():
        brokers = tuple(broker for broker in brokers if broker != "operations")  # it is others'
    try:
        return list(_taken_over(made, brokers) if made.facts.tls.is_given else _kept(made, now, brokers))
    except BadCertificate as error:
        raise InstallationFault(f"the certificates in {made.folder.path}: {error}") from error


def _kept(made: Installation, now: int, brokers: tuple[str, ...]) -> Iterator[Renewal]:
    authority = _authority(made, now)
    _publish(made.folder, authority, made.facts.tls.beside)
    issuer, names = certificates.read(authority.certificate), hosts(made.facts)
    for broker in brokers:
        path = made.folder.server_file(broker)
        reason = _reason(path, authority, issuer, names, now)
        if reason is not None:
            server = certificates.new_server(authority, _NAMES[broker], names, now)
            write_private(path, server.text)
            yield Renewal(broker, reason, certificates.read(server.certificate).ends_on)


def _reason(path: Path, authority: Pair, issuer: Certificate, names: tuple[str, ...], now: int) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
        found = certificates.read(text)
    except FileNotFoundError:
        return "there was none"
    except (BadCertificate, UnicodeDecodeError):
        return "it was damaged"
    if not certificates.key_fits(text):
        return "its key was damaged"
    if not certificates.is_signed_by(text, authority.certificate):
        return "another authority had signed it"
    return certificates.reason_to_renew(found, issuer, names, now)


def _authority(made: Installation, now: int) -> Pair:
    """Read the installation's authority, or make it where there was none yet. Raises InstallationFault, OSError."""
    public, secret = made.folder.authority_files
    there = [path for path in (public, secret) if path.exists()]
    if len(there) == 2:
        return Pair(_text(public), _text(secret))
    if _is_ours(made.folder.authority):  # else this is the first time, or the first one was broken off
        lost = " and ".join(str(path) for path in (public, secret) if path not in there)
        raise InstallationFault(
            f"{lost}: missing, but {made.folder.authority} was made with it. Restore it from a backup; to begin anew "
            "with another authority, which every device has to be given, move all three away"
        )
    authority = certificates.new_authority(_fresh_name(), now)
    _write(made.folder.authority_files, authority)
    return authority


def _fresh_name() -> str:
    """Return a name by whose digits people tell an authority from another where certificates are listed."""
    return f"{_OURS}{secrets.token_hex(4)}"


def _is_ours(published: Path) -> bool:
    try:
        return certificates.read(published.read_text(encoding="utf-8")).subject.startswith(f"CN={_OURS}")
    except (OSError, BadCertificate, UnicodeDecodeError):
        return False


def _write(files: tuple[Path, Path], authority: Pair) -> None:
    public, secret = files
    write_private(secret, authority.key)
    write_private(public, authority.certificate)


def _publish(folder: Folder, authority: Pair, beside: str | None) -> None:
    """Let all who connect trust the authority, the one to come, the one before, and that of a broker of others.

    Raises InstallationFault, OSError.
    """
    others = (folder.next_authority_files[0], folder.former_authority)
    texts = [_text(path) for path in others if path.exists()]
    if beside is not None:
        texts.append(_text(Path(beside)))
    write_public(folder.authority, "".join([authority.certificate, *texts]))


def prepare_next(made: Installation, now: int) -> Path:
    """Make the authority to come, if there is none yet, and publish it beside the one that signs; return where.

    Raises InstallationFault, OSError.
    """
    _refuse_given(made)
    authority, files = _authority(made, now), made.folder.next_authority_files
    if _is_half_switched(made.folder):
        raise InstallationFault(f"the switch to {files[0]} was broken off: finish it with --switch-authority first")
    if not all(path.exists() for path in files):
        _write(files, certificates.new_authority(_fresh_name(), now))
    _publish(made.folder, authority, made.facts.tls.beside)
    return made.folder.authority


def switch(made: Installation) -> None:
    """Let the authority to come sign; ``keep`` makes the certificates. Raises InstallationFault, OSError."""
    _refuse_given(made)
    public, secret = made.folder.authority_files
    next_public, next_secret = made.folder.next_authority_files
    if not next_public.exists():
        raise InstallationFault(
            "there is no authority to come: make it with --next-authority, and give it to all first"
        )
    if next_secret.exists():  # else this was begun before and broken off here
        write_private(made.folder.former_authority, _text(public))
        next_secret.replace(secret)
    elif not _is_half_switched(made.folder):
        raise InstallationFault(
            f"{next_secret} is missing, which belongs to {next_public}: restore it from a backup, or begin anew with "
            "--next-authority"
        )
    next_public.replace(public)


def _is_half_switched(folder: Folder) -> bool:
    """Whether the key of the authority to come has come, and its certificate has not: it was broken off there."""
    public, secret = folder.next_authority_files
    return (
        public.exists()
        and not secret.exists()
        and certificates.key_fits(_text(public) + _text(folder.authority_files[1]))
    )


def _refuse_given(made: Installation) -> None:
    if not made.facts.tls.on or made.facts.tls.is_given:
        raise InstallationFault(
            f"{made.folder.path} is no authority of its own: bootstrap-bridge init --tls makes it one"
        )


def permit(facts: Facts) -> None:
    """Refuse listeners in clear that nobody asked for, and certificates of others that clients would not take.

    Raises InstallationFault.
    """
    refuse_clear(facts)
    if not facts.tls.on:
        return
    try:
        names = hosts(facts)
    except BadCertificate as error:
        raise InstallationFault(f"no certificate can be made: {error}") from error
    assert names
    if facts.tls.is_given:
        _given(facts)


def _given(facts: Facts) -> tuple[str, str]:
    """Read what others have made: certificate with key, and authority. Raises InstallationFault."""
    tls = facts.tls
    certificate, key, authority = (Path(str(path)) for path in (tls.certificate, tls.key, tls.authority))
    texts = [_text(path) for path in (certificate, key, authority)]
    try:
        for host in dict.fromkeys((facts.host, facts.bootstrap_host)):
            if fault := tried(certificate, key, authority, host):
                raise InstallationFault(f"{certificate} cannot be used for {host}: {fault}")
    except (TrustFault, OSError) as error:
        raise InstallationFault(f"{certificate} cannot be used: {error}") from error
    return texts[0] + texts[1], texts[2]


def _taken_over(made: Installation, brokers: tuple[str, ...]) -> Iterator[Renewal]:
    """Take over what others have made, if it is new. Raises InstallationFault, OSError."""
    paths = [made.folder.server_file(broker) for broker in brokers]
    if all(path.exists() for path in (made.folder.authority, *paths)) and not _is_new(made.facts.tls, paths):
        return
    text, authority = _given(made.facts)
    write_public(made.folder.authority, authority)
    for broker, path in zip(brokers, paths, strict=True):
        if not (path.exists() and path.read_bytes() == text.encode()):
            write_private(path, text)
            yield Renewal(broker, f"it is {made.facts.tls.certificate}", certificates.read(text).ends_on)


def _is_new(tls: Tls, paths: Iterable[Path]) -> bool:
    """Whether others have made another certificate since; their files may be where this process may not read."""
    try:
        text = _text(Path(str(tls.certificate))) + _text(Path(str(tls.key)))
    except InstallationFault:
        return False
    return any(path.read_bytes() != text.encode() for path in paths)


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InstallationFault(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return text if text.endswith("\n") else text + "\n"
