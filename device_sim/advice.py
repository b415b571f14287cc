"""Tells an administrator which commands would help a fleet that waits: texts that a shell takes as they are. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

_LISTED = 20  # so many ids still fit a line that people read
_DEFAULT_DATA = Path("var")


def data_option(bootstrap_file: Path) -> str:
    """Return ``--data DIR`` with a space before it when ``bootstrap-bridge`` would not look beside that file itself."""
    directory = bootstrap_file.parent
    if bootstrap_file.name != "bootstrap.json" or directory.resolve() == _DEFAULT_DATA.resolve():
        return ""
    return f" --data {shlex.quote(str(directory))}"


def register_command(device_ids: Sequence[str], data: str = "") -> str:
    """Return the command that registers ``device_ids``; ``data`` is what ``data_option`` returned."""
    if len(device_ids) <= 1 or (len(device_ids) <= _LISTED and _numbering(device_ids) is None):
        return f"bootstrap-bridge register{data} {_arguments(device_ids)}"
    if numbering := _numbering(device_ids):
        prefix, digits, first = numbering
        pattern = shlex.quote(f"{prefix}%0{digits}g")
        last = first + len(device_ids) - 1
        return f"seq -f {pattern} {first} {last} | bootstrap-bridge register{data} -"
    return f"printf '%s\\n' {_words(device_ids)} | bootstrap-bridge register{data} -"


def accept_commands(device_ids: Sequence[str], labels: Mapping[str, str], data: str = "") -> list[str]:
    """Return the commands that accept ``device_ids``: one for all without a token, one for each with a token."""
    with_token = [device_id for device_id in device_ids if labels.get(device_id)]
    commands = [f"bootstrap-bridge accept{data} {_arguments([device_id])}" for device_id in with_token]
    return commands if len(with_token) == len(device_ids) else [f"bootstrap-bridge accept-all{data}", *commands]


def _numbering(device_ids: Sequence[str]) -> tuple[str, int, int] | None:
    """Return prefix, digits and first number when ``seq`` would print just these ``device_ids``."""
    first = device_ids[0]
    prefix = first.rstrip("0123456789")
    number = first[len(prefix) :]
    # Beyond six digits seq's %g would write an exponent; digits other than ASCII are no numbers for it.
    if not number or len(number) > 6 or "%" in prefix:
        return None
    start = int(number)
    expected = [f"{prefix}{value:0{len(number)}}" for value in range(start, start + len(device_ids))]
    return (prefix, len(number), start) if list(device_ids) == expected and len(expected[-1]) == len(first) else None


def _arguments(device_ids: Sequence[str]) -> str:
    """Return ids as arguments, with ``--`` before them when one looks like an option."""
    return ("-- " if any(device_id.startswith("-") for device_id in device_ids) else "") + _words(device_ids)


def _words(device_ids: Sequence[str]) -> str:
    return " ".join(shlex.quote(device_id) for device_id in device_ids)
