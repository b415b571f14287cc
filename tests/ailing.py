"""An installation on disk for the doctor to look at, and how to break it."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bridge import configurations, installation
from bridge.doctor.finding import Finding, Verdict, look_at


def healthy(data: Path) -> installation.Installation:
    """Make all files of an installation that has not been started yet."""
    made = installation.make(data)
    made.write_access()
    configurations.write_configurations(made, Path("/usr/lib/mosquitto_dynamic_security.so"), extra=("user root",))
    return made


def found(check: Callable[..., Iterator[Finding]], data: Path, *arguments: Any, **named: Any) -> list[Finding]:
    """Look with one check."""
    return list(check(look_at(data), *arguments, **named))


def verdicts(findings: Iterable[Finding]) -> set[str]:
    return {one.verdict.value for one in findings}


def complaints(findings: Iterable[Finding]) -> str:
    """All that is not well, each with what to do, as one text."""
    bad = [one for one in findings if one.verdict is not Verdict.OK]
    assert all(one.do for one in bad)
    return "\n".join(f"{one.verdict}: {one.found} → {one.do}" for one in bad)


def changed(path: Path, old: str, new: str) -> None:
    """Change a file by hand."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
