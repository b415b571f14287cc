"""Where the console is served, and under which names and by which way browsers reach it. Pure."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_USUAL: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, never listened at


class BadAddress(Exception):
    """An address or name at which browsers are to reach the console is none; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and how to serve.

    ``certificate`` and ``key`` are PEM files; without them browsers reach us in clear, or through a proxy that speaks
    TLS. ``url``, if there is one, is what they open then, and stands on labels; ``proxies`` are the addresses of
    those whose word is taken for who asks.
    ``idle`` and ``longest`` are in seconds, ``upload`` in bytes.
    """

    listen: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    names: Collection[str] = ()
    url: str = ""
    proxies: tuple[str, ...] = ()
    idle: float = 1_800.0
    longest: float = 43_200.0
    most: int = 50
    upload: int = 268_435_456

    @property
    def scheme(self) -> str:
        """How browsers reach us."""
        if self.url:
            return urlsplit(self.url).scheme
        return "http" if self.certificate is None else "https"

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by TLS, ours or a proxy's, so that the cookie can be bound to it."""
        return self.scheme == "https"

    @property
    def cookie(self) -> str:
        """The cookie's name: with TLS one that no other site of this name can set; else apart from our neighbours'."""
        return "__Host-console" if self.secure else f"console-{self.port}"

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        if self.url:
            return f"{self.url}/"
        host = next(iter(self.names), LOOPBACK[0]) if self.listen in _EVERYWHERE else self.listen
        return f"{self.scheme}://{_bracketed(host)}:{self.port}/"

    def hosts(self, certified: Iterable[str] = ()) -> frozenset[str]:
        """Return what browsers may name us in Host; ``certified`` are the names in our certificate."""
        known = [*LOOPBACK, *self.names, *(one for one in certified if not one.startswith("*."))]
        if self.listen not in _EVERYWHERE:
            known.append(self.listen)
        found = {f"{_bracketed(name.lower())}:{self.port}" for name in known}
        if self.port == _USUAL["http" if self.certificate is None else "https"]:
            found |= {_bracketed(name.lower()) for name in known}
        if self.url:
            found.add(urlsplit(self.url).netloc.lower())
        return frozenset(found)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def plain_url(url: str) -> str:
    """Return ``url``, the address that people open, as browsers tell it as an origin. Raises BadAddress."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"{url!r} is no address: {error}") from None
    if parts.scheme not in _USUAL or not parts.hostname or parts.username is not None:
        raise BadAddress(f"{url!r} is no address such as https://console.example.com")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise BadAddress(f"{url!r} has more than a name and a port: the console has to stand at the root of a name")
    host = plain_host(parts.hostname)
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, _USUAL[parts.scheme]} else "")


def plain_host(name: str) -> str:
    """Return a name by which browsers reach the console, as they tell it in Host, without port. Raises BadAddress."""
    try:
        host = _bracketed(name.strip().lower().rstrip(".")).encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    if not _HOST.fullmatch(host):
        raise BadAddress(f"{name!r} is neither a host name nor an address")
    return host
