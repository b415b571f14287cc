"""Where the files of an installation are, and how a private one is written."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SERVER: Final = "server.pem"
PRIVATE: Final = 0o600
PUBLIC: Final = 0o644


class InstallationFault(Exception):
    """A file of the installation is missing, unreadable or contradicts another; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The names of the files below the data folder."""

    path: Path

    @property
    def bridge(self) -> Path:
        """What only the bridge reads."""
        return self.path / "bridge"

    @property
    def keys(self) -> Path:
        """The master keys."""
        return self.bridge / "keys.json"

    @property
    def facts(self) -> Path:
        """What was decided once."""
        return self.bridge / "installation.json"

    @property
    def database(self) -> Path:
        """The registrations."""
        return self.bridge / "registrations.db"

    @property
    def database_made(self) -> Path:
        """Says that the installation had a database, so that a lost one is not mistaken for a first start."""
        return self.bridge / "database-made"

    @property
    def loaded(self) -> Path:
        """Which keys and logins the running bridge goes by."""
        return self.bridge / "loaded.json"

    @property
    def beside(self) -> Path:
        """Which broker of others the installation stands beside, if it does."""
        return self.bridge / "beside.json"

    @property
    def restoring(self) -> Path:
        """Says that a backup is being put back, or that this was cut short: until it is done nothing starts here."""
        return self.path / "restore-under-way.json"

    @property
    def operations(self) -> Path:
        """What the operations broker reads and writes."""
        return self.path / "operations-broker"

    @property
    def bootstrap(self) -> Path:
        """What the bootstrap broker reads."""
        return self.path / "bootstrap-broker"

    @property
    def passwords(self) -> Path:
        """The bootstrap broker's logins."""
        return self.bootstrap / "passwords"

    @property
    def dynamic_security(self) -> Path:
        """The operations broker's accounts."""
        return self.operations / "dynamic-security.json"

    @property
    def damaged(self) -> list[Path]:
        """What was in the place of the operations broker's accounts and had to be put right."""
        return sorted(self.operations.glob(f"{self.dynamic_security.name}.damaged-*"))

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signs the brokers' certificates, for all who connect."""
        return self.path / "ca.pem"

    @property
    def authority_files(self) -> tuple[Path, Path]:
        """The same certificate and its key, of which only the bridge knows."""
        return self.bridge / "ca.pem", self.bridge / "ca.key"

    @property
    def next_authority_files(self) -> tuple[Path, Path]:
        """The same of the authority to come, which is trusted already and signs nothing yet."""
        return self.bridge / "next-ca.pem", self.bridge / "next-ca.key"

    @property
    def former_authority(self) -> Path:
        """The certificate of the authority before, for who compares with it still."""
        return self.bridge / "former-ca.pem"

    @property
    def server_files(self) -> dict[str, Path]:
        """Each broker's certificate and its key, in one file, by the name of the broker."""
        return {"operations": self.operations / SERVER, "bootstrap": self.bootstrap / SERVER}

    @property
    def console(self) -> Path:
        """What only the console reads: its certificate and key, where it shall have one of this installation's."""
        return self.path / "console"

    def server_file(self, server: str) -> Path:
        """Return the same of a broker or of the console."""
        return self.console / SERVER if server == "console" else self.server_files[server]

    @property
    def access(self) -> Path:
        """Where the brokers are and how administrators log in."""
        return self.path / "access.json"

    @property
    def for_devices(self) -> Path:
        """Where the brokers are and the shared bootstrap login."""
        return self.path / "bootstrap.json"


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner reads, whole or not at all; one that is so already is left alone.

    So a start needs no space on a full disk. When it returns, the file is on the disk under its name, whatever happens
    to the machine. Written by root, it belongs to whom the one before, or else the folder, belonged. Raises OSError.
    """
    _write(path, content, PRIVATE)


def write_public(path: Path, content: str | bytes) -> None:
    """Write a file that everybody may read, in the same way. Raises OSError."""
    _write(path, content, PUBLIC)


def _write(path: Path, content: str | bytes, mode: int) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    if _is_so(path, raw, mode):
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(raw)
            file.flush()
            give_to_owner(file.fileno(), path)
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def give_to_owner(descriptor: int, path: Path) -> None:
    """Give a file that root makes for ``path`` to the owner of the one that is there, else of the folder."""
    if os.geteuid() == 0:
        status = (path if path.exists() else path.parent).stat()
        os.fchown(descriptor, status.st_uid, status.st_gid)


def _sync_folder(path: Path) -> None:
    """Bring a change of names to the disk: a key must not be lost that rows, which are there, come to name."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_so(path: Path, content: bytes, mode: int) -> bool:
    try:
        return path.stat().st_mode & 0o777 == mode and path.read_bytes() == content
    except OSError:
        return False
