"""Known vulnerabilities of what is locked, asked of pip-audit; what could not be asked is never taken for well.

pip-audit ends with status 0 and "No known vulnerabilities found" also where its database knew none of the packages.
So its answer is read package by package.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOUND = 1
NOT_CHECKED = 3
_SOCKET_SECONDS = 5
_SECONDS = 60
"""For all packages together; each is one small question."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: vulnerabilities, those that were accepted before, how many packages were checked and not."""

    checked: int = 0
    unchecked: int = 0
    reason: str = ""
    """Why something was not checked; empty where all was."""
    vulnerable: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return what a person is told, the worst last."""
        told = [f"accepted: {one}" for one in self.accepted]
        if self.reason:
            whom = f"{self.unchecked} of {self.unchecked + self.checked} dependencies" if self.unchecked else "all"
            told.append(f"NOT CHECKED for known vulnerabilities: {whom}, since {self.reason}")
        elif not self.vulnerable:
            told.append(f"{self.checked} dependencies: the advisory database knows no vulnerability of these versions")
        return told + [f"VULNERABLE: {one}" for one in self.vulnerable]

    def status(self, *, strict: bool) -> int:
        """Return the exit status: what was found always counts, what was not checked only where ``strict``."""
        if self.vulnerable:
            return FOUND
        return NOT_CHECKED if strict and self.reason else 0


def read(answer: str, accepted: Mapping[str, str]) -> Report:
    """Read pip-audit's JSON. ``accepted`` are advisories by id, each with the reason why it does not concern us.

    Raises ValueError where it is none.
    """
    dependencies = json.loads(answer)["dependencies"]
    skipped = [one["skip_reason"] for one in dependencies if "skip_reason" in one]
    vulnerable, known = [], []
    for one in dependencies:
        for found in one.get("vulns", []):
            names = {found["id"], *found.get("aliases", [])}
            where = f"{one['name']} {one['version']} {found['id']}"
            reasons = [accepted[name] for name in sorted(names) if name in accepted]
            if reasons:
                known.append(f"{where}: {reasons[0]}")
            else:
                fixed = ", ".join(found.get("fix_versions", [])) or "no version yet"
                vulnerable.append(f"{where}, mended in {fixed}")
    return Report(
        checked=len(dependencies) - len(skipped),
        unchecked=len(skipped),
        reason=f"the advisory database does not answer for them: {skipped[0]}" if skipped else "",
        vulnerable=tuple(vulnerable),
        accepted=tuple(known),
    )


def audit(lock: Path, accepted: Mapping[str, str]) -> Report:
    """Ask for every package of ``lock``, through the index that pip-audit asks; it takes a minute at most."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", str(_SOCKET_SECONDS)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Report(reason=f"the advisory database took longer than {_SECONDS} s")
    try:
        return read(done.stdout, accepted)
    except ValueError:
        said = done.stderr.strip().splitlines() or [f"pip-audit ended with status {done.returncode}"]
        return Report(reason=f"the advisory database cannot be asked: {said[-1]}")
