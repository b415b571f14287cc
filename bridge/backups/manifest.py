"""What a backup says of itself: the first file in it. It holds no secret, only what can be checked with one."""

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridge.backups import BackupFault
from bridge.backups.contents import is_packed

FORMAT: Final = 1
NAME: Final = "manifest.json"
SEAL: Final = "manifest.mac"
MAX_BYTES: Final = 1_000_000
_STRICT: Final = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)
_Hex: Final = r"[0-9a-f]+"


class Member(BaseModel):
    """One file as it lies in the backup. ``sealed``: encrypted under the master key; size and hash are of that."""

    model_config = _STRICT

    name: str
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=_Hex, min_length=64, max_length=64)]
    sealed: bool = False


class Manifest(BaseModel):
    """What the backup holds. ``checks`` and ``digests`` tell whether keys are the right ones, without telling them.

    ``needed`` are the keys that rows and files name, ``key`` is the one under which the backup is sealed.
    ``accounts_from`` is where a broker kept its accounts that keeps them outside the folder.
    """

    model_config = _STRICT

    format: int
    program: str
    at: str
    database: Literal["sqlite", "elsewhere"]
    schema_version: str | None
    counts: dict[str, int]
    key: str
    needed: list[str]
    checks: dict[str, str]
    digests: str
    keys_inside: bool
    accounts_from: str | None = None
    lacking: list[str] = []
    members: Annotated[list[Member], Field(max_length=1_000)]

    @property
    def to_open(self) -> list[str]:
        """The master keys that have to be at hand to put it back."""
        return sorted(self.checks)

    @property
    def total(self) -> int:
        """How much all files take."""
        return sum(member.size for member in self.members)

    def written(self) -> bytes:
        """Return the file."""
        return (self.model_dump_json(indent=2) + "\n").encode()


def read(raw: bytes) -> Manifest:
    """Read and check a manifest. Raises BackupFault."""
    try:
        content: Any = json.loads(raw)
        known = content["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BackupFault("this is no backup of a bootstrap-bridge: its manifest cannot be read") from None
    if isinstance(known, int) and known > FORMAT:
        program = str(content.get("program"))[:40]
        raise BackupFault(
            f"the backup has the format {known}, made by bootstrap-bridge {program}; "
            f"this version knows {FORMAT}: restore it with that one, or a newer"
        )
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BackupFault(f"the manifest of the backup is not as it should be: {place}: {first['msg']}") from None
    names = [member.name for member in manifest.members]
    for name in names:
        if not is_packed(name):
            raise BackupFault(f"the backup holds {name[:100]!r}, no file of an installation: it is not to be trusted")
    if len(set(names)) != len(names):
        raise BackupFault("the backup holds a file twice: it is not to be trusted")
    if manifest.key not in manifest.checks or not set(manifest.needed) <= set(manifest.checks):
        raise BackupFault("the manifest of the backup contradicts itself: it names a key without a check of it")
    return manifest
