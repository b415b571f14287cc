"""What `make check`, `audit`, `lock` and `sbom` ask.

python -m supply check | audit [--strict] | build-requires | sbom FILE
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from supply import audit, licences, lock, sbom

ROOT = Path(__file__).parent.parent.parent
PYPROJECT = ROOT / "pyproject.toml"
RUNTIME = ROOT / "requirements.lock"
BUILD = ROOT / "requirements-build.lock"


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def faults() -> list[str]:
    """Return all that is wrong with lock files and licences as they are here."""
    project, settings = _toml(PYPROJECT), _toml(ROOT / ".ci" / "supply.toml")
    pins = lock.read(RUNTIME.read_text(encoding="utf-8"))
    build = lock.read(BUILD.read_text(encoding="utf-8"))
    try:
        installed = lock.closure(project["project"]["name"])
    except lock.PackageNotFoundError as missing:
        return [f"{missing.name} is needed and not installed: make setup"]
    return [
        *lock.faults(pins, project["project"]["dependencies"], installed),
        *lock.unmet(build, project["build-system"]["requires"]),
        *licences.faults(installed, settings["licences"]),
    ]


def check() -> int:
    """Say what is wrong with lock files and licences."""
    found = faults()
    for one in found:
        print(one, file=sys.stderr)
    if not found:
        print("the lock files are what pyproject.toml asks for, and all licences may be shipped")
    return 1 if found else 0


def known(*, strict: bool) -> int:
    """Say which known vulnerabilities there are, or that nobody could be asked."""
    report = audit.audit(RUNTIME, _toml(ROOT / ".ci" / "supply.toml")["advisories"])
    for line in report.lines():
        print(line)
    return report.status(strict=strict)


def bill(target: Path) -> int:
    """Write the bill of materials."""
    if found := faults():
        print("\n".join(found), file=sys.stderr)
        return 1
    pins = lock.read(RUNTIME.read_text(encoding="utf-8"))
    name = _toml(PYPROJECT)["project"]["name"]
    stated = _toml(ROOT / ".ci" / "supply.toml")["licences"]["stated"]
    image = re.search(r'"mosquitto=([0-9.]+)', (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert image, "the Dockerfile says which Mosquitto it takes"
    edges = lock.graph(name)
    made = sbom.completed(sbom.observed(PYPROJECT), pins, lock.closure(name), stated, edges, image[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(sbom.checked(made), encoding="utf-8")
    print(f"{target}: {len(made['components'])} components")
    return 0


def main() -> int:
    """Do what the first argument says."""
    match sys.argv[1:]:
        case ["check"]:
            return check()
        case ["audit"]:
            return known(strict=False)
        case ["audit", "--strict"]:
            return known(strict=True)
        case ["build-requires"]:
            print(*_toml(PYPROJECT)["build-system"]["requires"], sep="\n")
            return 0
        case ["sbom", target]:
            return bill(Path(target))
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
