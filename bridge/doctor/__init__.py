"""Looks at brokers, files and settings as they are and says what to change. It repairs nothing and prints no secret."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bridge.doctor import certificates, database, files, logins, machine, secrets, settings
from bridge.doctor.finding import Finding, NothingThere, Says, Subject, Verdict, look_at

__all__ = ["Finding", "NothingThere", "Verdict", "examine"]

CHECKS: Final[tuple[Callable[[Subject], Iterator[Finding]], ...]] = (
    files.modes,
    files.access_file,
    secrets.start,
    secrets.bootstrap_logins,
    database.database,
    settings.plugin,
    files.accounts,
    files.others_rules,
    files.gate_rights,
    settings.settings,
    settings.encryption,
    machine.ports,
    machine.open_files,
    machine.clock,
    machine.disk,
)


async def examine(data: Path, database_url: str | None = None, files_group: str | None = None) -> list[Finding]:
    """Look at the installation in ``data`` and return what was found. Raises NothingThere."""
    subject = look_at(data, database_url, files_group)
    found = list(subject.faults)
    if subject.made is not None:
        found.append(Says("installation").ok(f"{data} can be read"))
        found += [one async for one in logins.logins(subject.made)]
        found += [one async for one in certificates.certificates(subject.made)]
    for check in CHECKS:
        found += _tried(check, subject)
    version = machine.mosquitto_version()
    return [*found, *machine.version(version), *files.account_file_size(subject, version)]


def _tried(check: Callable[[Subject], Iterator[Finding]], subject: Subject) -> list[Finding]:
    try:
        return list(check(subject))
    except PermissionError as error:
        return [Says(check.__name__).advice(f"{error.filename} cannot be looked at", "run the doctor as root")]
    except FileNotFoundError as error:  # the brokers write drafts and rename them
        return [Says(check.__name__).advice(f"{error.filename} went away meanwhile", "run the doctor again")]
