"""The lock file: what it pins, and whether it is what pyproject.toml and the installed packages ask for. No network."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class BadLock(ValueError):
    """A line that must not stand in a lock file; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One release, with the digests of all files of it that may be installed."""

    name: str
    version: Version
    hashes: tuple[str, ...]
    requirement: Requirement

    @property
    def counts_here(self) -> bool:
        """Tell whether this machine and this Python need it."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate()


def read(text: str) -> dict[str, Pin]:
    """Return the pins of a lock file by their names.

    Raises BadLock for whatever is no exact version with digests: an index, a path, an address, an option.
    """
    pins: dict[str, Pin] = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        hashes = tuple(_HASH.findall(line))
        rest = _HASH.sub("", line).strip()
        if rest.startswith("-") or "--" in rest:
            raise BadLock(f"no option may stand here: {rest}")
        requirement = Requirement(rest)
        exact = re.fullmatch(r"==([^*,]+)", str(requirement.specifier))
        if requirement.url or not exact:
            raise BadLock(f"not one exact version: {rest}")
        if not hashes:
            raise BadLock(f"no digest: {rest}")
        name = canonicalize_name(requirement.name)
        if name in pins:
            raise BadLock(f"twice: {name}")
        pins[name] = Pin(name, Version(exact[1]), hashes, requirement)
    return pins


def graph(root: str) -> dict[str, set[str]]:
    """Return which installed packages each one needs here, from ``root`` on: with the extras that are asked for.

    A package that is needed and not installed is a PackageNotFoundError.
    """
    edges: dict[str, set[str]] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(root), extra) for extra in ("", *_extras(distribution(root)))]
    while waiting:
        name, extra = one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        mine = edges.setdefault(name, set())
        for need in needs(distribution(name), extra):
            needed = canonicalize_name(need.name)
            mine.add(needed)
            waiting += [(needed, wanted) for wanted in ("", *need.extras)]
    return edges


def closure(root: str) -> dict[str, Distribution]:
    """Return all installed packages that ``root`` needs here, by name, without itself."""
    return {name: distribution(name) for name in graph(root) if name != canonicalize_name(root)}


def needs(one: Distribution, extra: str = "") -> Iterator[Requirement]:
    """Yield what ``one`` needs here with ``extra``; without an extra what it needs always."""
    for requirement in map(Requirement, one.requires or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _extras(one: Distribution) -> list[str]:
    return one.metadata.get_all("Provides-Extra") or []


def unmet(pins: Mapping[str, Pin], wanted: list[str]) -> Iterator[str]:
    """Yield what a lock lacks of ``wanted``, or has in another version than is asked for."""
    for requirement in map(Requirement, wanted):
        pin = pins.get(canonicalize_name(requirement.name))
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if pin is None:
            yield f"{requirement.name} is needed and not locked: make lock"
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{pin.name} {pin.version} is locked where {requirement} is asked for: make lock"


def faults(pins: Mapping[str, Pin], wanted: list[str], installed: Mapping[str, Distribution]) -> Iterator[str]:
    """Yield what is wrong with a lock: ``wanted`` are pyproject's own ranges, ``installed`` all that they come to.

    What is installed has to be what is locked, so that the tests run on what is shipped.
    """
    yield from unmet(pins, [*wanted, *(str(need) for one in installed.values() for need in needs(one))])
    for name, one in installed.items():
        if name in pins and Version(one.version) != pins[name].version:
            yield f"{name} {one.version} is installed where {pins[name].version} is locked: make setup"
    for name, pin in pins.items():
        if name not in installed and pin.counts_here:
            yield f"{name} is locked and nobody needs it: make lock"


__all__ = ["BadLock", "PackageNotFoundError", "Pin", "closure", "faults", "graph", "needs", "read", "unmet"]
