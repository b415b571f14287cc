"""Device memories on disk: one directory, one file per device, written whole or not at all, locked by one simulator."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from device_sim.memory import Approach, Call, Credentials, Form, Memory
from device_sim.names import device_id_fault, is_private_client_id
from device_sim.sealing import KEY_BYTES, from_base64url, to_base64url

_READABLE = re.compile(r"[^A-Za-z0-9_-]")
_VERSION = 1


class StateError(Exception):
    """The state directory cannot be used; the text says why and what to do."""


class _Credentials(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)

    tenant: Annotated[str, Field(min_length=1)]
    username: Annotated[str, Field(min_length=1)]
    password: Annotated[str, Field(min_length=1, repr=False)]
    clientId: Annotated[str, Field(min_length=1, repr=False)]  # noqa: N815 - the contract's spelling


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)

    version: int
    deviceId: str  # noqa: N815 - the contract's spelling
    clientId: Annotated[str, Field(min_length=1, repr=False)]  # noqa: N815 - the contract's spelling
    call: Call
    form: Form
    token: str | None = Field(repr=False)
    privateKey: str | None = Field(repr=False)  # noqa: N815 - the contract's spelling
    credentials: _Credentials | None


class StateStore:
    """The memories of a fleet below ``directory``; made with mode 0700, its files with 0600."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._devices = directory / "devices"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make the directory and hold it against a second simulator; raises StateError."""
        try:
            make_private_directory(self.directory)
            make_private_directory(self._devices)
            lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"the state directory {self.directory} cannot be used: {error.strerror}") from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateError(
                    f"another device-sim works on {self.directory}: end it, or name another directory with --state"
                ) from None
            yield
        finally:
            os.close(lock)

    def load(self, device_id: str) -> Memory | None:
        """Return what ``device_id`` remembers, None if nothing; raises StateError for a damaged file."""
        path = self.path(device_id)
        return _read(path) if path.exists() else None

    def save(self, memory: Memory) -> None:
        """Write ``memory`` durably. Blocks for the disk; raises StateError."""
        approach, own = memory.approach, memory.credentials
        record = {
            "version": _VERSION,
            "deviceId": memory.device_id,
            "clientId": approach.client_id,
            "call": approach.call,
            "form": approach.form,
            "token": approach.token,
            "privateKey": to_base64url(approach.private_key) if approach.private_key else None,
            "credentials": own
            and {
                "tenant": own.tenant,
                "username": own.username,
                "password": own.password,
                "clientId": own.client_id,
            },
        }
        try:
            write_private_file(self.path(memory.device_id), json.dumps(record, ensure_ascii=False, indent=1).encode())
        except OSError as error:
            raise StateError(f"{self.directory} cannot be written: {error.strerror}") from error

    def memories(self) -> list[Memory]:
        """Return all memories, by device id; raises StateError for a damaged file."""
        return sorted((_read(path) for path in self._devices.glob("*.json")), key=lambda memory: memory.device_id)

    def path(self, device_id: str) -> Path:
        """Return the file of ``device_id``: what is readable of the id, and a digest that tells all ids apart."""
        readable = _READABLE.sub("_", device_id[:40])
        digest = hashlib.sha256(device_id.encode()).hexdigest()[:32]
        return self._devices / f"{readable}-{digest}.json"


def make_private_directory(directory: Path) -> None:
    """Make ``directory`` with mode 0700 if it is missing; one that exists stays as it is. Raises OSError."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)


def write_private_file(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` at one stroke and durably, mode 0600. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(path: Path) -> Memory:
    try:
        record = _Record.model_validate_json(path.read_bytes())
        return _memory(record)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        # The text of a validation error names fields; it never holds their values.
        reason = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise StateError(f"{path} is damaged ({reason}): remove it, and its device begins anew") from error


def _memory(record: _Record) -> Memory:
    if record.version != _VERSION:
        raise ValueError(f"version {record.version} is not {_VERSION}")
    if fault := device_id_fault(record.deviceId):
        raise ValueError(fault)
    if record.call is Call.PRIVATE and not is_private_client_id(record.clientId):
        raise ValueError("the client id is none of a private call")
    key = None if record.privateKey is None else from_base64url(record.privateKey)
    if key is not None and len(key) != KEY_BYTES:
        raise ValueError(f"the private key has not {KEY_BYTES} bytes")
    credentials = None
    if own := record.credentials:
        credentials = Credentials(
            tenant=own.tenant, username=own.username, password=own.password, client_id=own.clientId
        )
    approach = Approach(record.clientId, record.call, record.form, record.token, key)
    return Memory(record.deviceId, approach, credentials)
