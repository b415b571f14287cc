"""The labels of a fleet: a CSV file ``id,token``, what an administrator would read from the devices' housings."""

import csv
import io
import secrets
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from device_sim.names import device_id_fault, token_fault
from device_sim.store import make_private_directory, write_private_file

_HEADER = ["id", "token"]
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that is misread on a label
_GROUPS, _GROUP = 4, 5


class Tokens(StrEnum):
    """Which devices get a security token on a new label."""

    NONE = "none"
    ALL = "all"
    MIXED = "mixed"


class LabelsError(Exception):
    """The labels file cannot be used; the text says why."""


def new_token() -> str:
    """Draw a security token of 20 letters and digits (100 bits) in groups of five."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))


def read_labels(path: Path) -> dict[str, str]:
    """Return device id → token ("" means none) from ``path``, empty if there is no such file; raises LabelsError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LabelsError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise LabelsError(f"{path} is not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    labels: dict[str, str] = {}
    try:
        if next(reader, None) != _HEADER:
            raise LabelsError(f"{path} does not begin with the line id,token")
        for row in reader:
            if row:
                device_id, token = _label(path, reader.line_num, row)
                if device_id in labels:
                    raise LabelsError(f"{path}, line {reader.line_num}: {device_id} is there twice")
                labels[device_id] = token
    except csv.Error as error:
        raise LabelsError(f"{path}, line {reader.line_num}: {error}") from None
    return labels


def write_labels(path: Path, labels: Mapping[str, str]) -> None:
    """Write ``labels`` to ``path``, mode 0600; raises LabelsError."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows(labels.items())
    try:
        make_private_directory(path.parent)
        write_private_file(path, text.getvalue().encode())
    except OSError as error:
        raise LabelsError(f"{path} cannot be written: {error.strerror}") from error


def complete(
    labels: Mapping[str, str],
    device_ids: Sequence[str],
    tokens: Tokens,
    make: Callable[[], str] = new_token,
    always: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """Return ``labels`` with one for each of ``device_ids``; a label that exists is never changed.

    Under MIXED every second of ``device_ids`` has a token; those in ``always`` get one in any case.
    """
    completed = dict(labels)
    for position, device_id in enumerate(device_ids):
        wants = tokens is Tokens.ALL or (tokens is Tokens.MIXED and position % 2 == 1) or device_id in always
        if device_id not in completed:
            completed[device_id] = make() if wants else ""
    return completed


def _label(path: Path, line: int, row: list[str]) -> tuple[str, str]:
    if len(row) != len(_HEADER):
        raise LabelsError(f"{path}, line {line}: a label has 2 fields, this one has {len(row)}")
    device_id, token = row[0], row[1].strip()
    if fault := device_id_fault(device_id):
        raise LabelsError(f"{path}, line {line}: {fault}")
    if token and (fault := token_fault(token)):
        raise LabelsError(f"{path}, line {line}: {fault}")
    return device_id, token
