"""What the doctor finds, and what it looks at. Data only, read once; nothing of an installation is changed."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from bridge import dynsec_file, installation, mosquitto_conf
from bridge.dynsec_file import AccountsFileFault
from bridge.folder import Folder
from bridge.installation import Installation, InstallationFault
from bridge.mosquitto_conf import Configuration, ConfigurationFault


class Verdict(StrEnum):
    """How it is."""

    OK = "ok"
    ADVICE = "advice"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, what was found, and what to do."""

    check: str
    verdict: Verdict
    found: str
    do: str = ""

    @property
    def members(self) -> dict[str, str]:
        """The finding as JSON has it."""
        return {"check": self.check, "verdict": self.verdict.value, "found": self.found, "do": self.do}


@dataclass(frozen=True, slots=True)
class Says:
    """Makes the findings of one check."""

    check: str

    def ok(self, found: str) -> Finding:
        """All is well."""
        return Finding(self.check, Verdict.OK, found)

    def advice(self, found: str, do: str) -> Finding:
        """It works, and could be better."""
        return Finding(self.check, Verdict.ADVICE, found, do)

    def problem(self, found: str, do: str) -> Finding:
        """It does not work, or is not safe."""
        return Finding(self.check, Verdict.PROBLEM, found, do)


@dataclass(frozen=True, slots=True)
class Subject:
    """An installation as its files tell. What could not be read is None, and said in ``faults``."""

    folder: Folder
    made: Installation | None
    operations: Configuration | None
    bootstrap: Configuration | None
    accounts_path: Path
    accounts: dict[str, Any] | None = field(repr=False)
    is_beside: bool
    database: str | None = field(repr=False)
    faults: tuple[Finding, ...]
    files_group: str | None = None
    """A group that is trusted with the files as their owner is."""


class NothingThere(Exception):
    """There is no installation to look at."""


def look_at(data: Path, database: str | None = None, files_group: str | None = None) -> Subject:
    """Read an installation's files. Raises NothingThere."""
    folder = Folder(data)
    try:
        nothing = not any(path.exists() for path in (folder.facts, folder.keys, folder.database))
    except OSError as error:
        raise NothingThere(f"{folder.bridge} cannot be entered ({error.strerror}): try as the bridge's user") from error
    if nothing:
        raise NothingThere(f"there is no installation in {data}: make one with bootstrap-bridge init --data {data}")
    faults: list[Finding] = []
    made: Installation | None = None
    try:
        made = installation.load(data)
    except InstallationFault as error:
        faults.append(Says("installation").problem(str(error), "restore it from a backup"))
    beside = _beside(folder, faults)
    operations = _configuration(
        Path(beside["configuration"]) if beside else folder.operations / "mosquitto.conf", faults, "operations broker"
    )
    bootstrap = _configuration(folder.bootstrap / "mosquitto.conf", faults, "bootstrap broker")
    accounts_path = Path(beside["dynamicSecurity"]) if beside else folder.dynamic_security
    accounts = None
    if accounts_path.parent.exists():  # else it has been said that the folder is elsewhere
        try:
            accounts = dynsec_file.read(accounts_path)
        except AccountsFileFault as error:
            faults.append(Says("accounts file").problem(str(error), "look as root; a damaged one is in a backup"))
    return Subject(
        folder,
        made,
        operations,
        bootstrap,
        accounts_path,
        accounts,
        bool(beside),
        database,
        tuple(faults),
        files_group,
    )


def _beside(folder: Folder, faults: list[Finding]) -> dict[str, str]:
    if not folder.beside.exists():
        return {}
    try:
        content = json.loads(folder.beside.read_text(encoding="utf-8"))
        return {name: str(content[name]) for name in ("configuration", "dynamicSecurity")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        faults.append(
            Says("installation").problem(
                f"{folder.beside} cannot be used: {error}", "run bootstrap-bridge init --beside again"
            )
        )
        return {}


def _configuration(path: Path, faults: list[Finding], broker: str) -> Configuration | None:
    says = Says(f"{broker} settings")
    if not path.parent.exists():
        faults.append(says.advice(f"{path.parent} is not here", "run the doctor where that broker's files are, too"))
        return None
    try:
        return mosquitto_conf.read(path)
    except ConfigurationFault as error:
        faults.append(says.problem(str(error), "run bootstrap-bridge init again, or look as root"))
        return None
