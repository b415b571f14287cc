"""Reads ``bootstrap.json`` (the contract, section 7): where both brokers are, and the shared bootstrap login."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_Port = Annotated[int, Field(ge=1, le=65535)]
_Text = Annotated[str, Field(min_length=1)]


class BootstrapFileError(Exception):
    """The file cannot be used; the text says what is wrong with it and what to do."""


@dataclass(frozen=True, slots=True)
class Brokers:
    """Both brokers as a device knows them. ``prefix`` is empty or ends with a slash; ``tls`` None means plain TCP."""

    host: str
    operations_port: int
    bootstrap_port: int
    prefix: str
    username: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


class _Tls(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    caFile: _Text  # noqa: N815 - the contract's spelling


class _Login(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    username: _Text
    password: Annotated[_Text, Field(repr=False)]


class _File(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    host: _Text
    port: _Port
    bootstrapPort: _Port  # noqa: N815 - the contract's spelling
    topicPrefix: str | None = None  # noqa: N815 - the contract's spelling
    tls: _Tls | None = None
    bootstrap: _Login


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def read_bootstrap_file(path: Path) -> Brokers:
    """Read ``path``; a relative ``caFile`` is looked for beside it. Raises BootstrapFileError."""
    try:
        file = _File.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BootstrapFileError(
            f"there is no {path}: 'bootstrap-bridge up' writes it, or name another with --bootstrap-file"
        ) from None
    except OSError as error:
        raise BootstrapFileError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        faults = "; ".join(
            ": ".join(filter(None, [".".join(str(part) for part in fault["loc"]), fault["msg"]]))
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise BootstrapFileError(f"{path} is no bootstrap.json: {faults}") from None
    try:
        file.host.encode("idna")
    except UnicodeError:
        raise BootstrapFileError(f"{path} is no bootstrap.json: host: {file.host!r} is no host name") from None
    return Brokers(
        host=file.host,
        operations_port=file.port,
        bootstrap_port=file.bootstrapPort,
        prefix=_prefix(path, file.topicPrefix or ""),
        username=file.bootstrap.username,
        password=file.bootstrap.password,
        tls=_tls(path, file.tls.caFile) if file.tls else None,
    )


def _prefix(path: Path, text: str) -> str:
    if any(character in "+#\0" for character in text):
        raise BootstrapFileError(f"{path} is no bootstrap.json: topicPrefix holds a wildcard")
    return f"{text.removesuffix('/')}/" if text else ""


def _tls(path: Path, ca_file: str) -> ssl.SSLContext:
    authority = path.parent / ca_file  # an absolute path stays what it is
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:  # ssl.SSLError is one
        raise BootstrapFileError(
            f"{path}: tls.caFile {authority} cannot be used: {error.strerror or error.args[0]}"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _TidySocket
    return context
