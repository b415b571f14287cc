"""Bulk files (the contract, section 6): CSV text to rows and row errors. Pure, streaming; it decides nothing.

A bad line fails alone. A header that cannot be meant as it stands is BadFile. No reason repeats a token, credentials,
or a cell that may be one.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, Literal, cast

from bridge import names
from bridge.delimited import BadFile, Head, Record, decode, opened
from bridge.registration import Code

__all__ = ["MAX_FILE", "BadFile", "BadRow", "File", "Row", "decode", "read", "template"]

MAX_FILE: Final = 1_900_000
"""Bytes of a file, or of a part of a larger one, that one message holds."""
MAX_TEXT: Final = 255
MAX_PROPERTIES: Final = 8_192
MAX_NESTING: Final = 32
MIN_CREDENTIALS: Final = 8
MAX_CREDENTIALS: Final = 128
_SHOWN: Final = 80
"""Characters of a column's name that a sentence repeats."""
_KEPT_PATHS: Final = 1_024

_SIMPLE: Final = ("ID", "PATH", "TOKEN", "AUTOACCEPT", "NAME", "TYPE", "TENANT")
_FULL: Final = ("ID", "CREDENTIALS", "TYPE", "NAME", "ICCID", "IDTYPE", "PATH", "SHELL", "AUTH_TYPE", "TENANT")
_RESERVED: Final = "ENROLLMENT_OTP"
_STANDARD: Final = frozenset({*_SIMPLE, *_FULL, _RESERVED})

_TRUE: Final = frozenset({"true", "1", "yes", "1.0"})
_FALSE: Final = frozenset({"false", "0", "no", "0.0"})
_SHELL: Final = frozenset({"1", "1.0", "true"})
_NO_CERTIFICATES: Final = (
    "devices with certificates are not supported: leave ENROLLMENT_OTP empty, and AUTH_TYPE empty or BASIC"
)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SHORTENED: Final = re.compile(r"\d(?:[.,]\d+)?[Ee]\+\d+")
"""What a spreadsheet makes of a long number."""

_TEMPLATES: Final = {
    "simple": ("bulk-simple.csv", "ID;PATH\r\n"),
    "full": ("bulk-full.csv", "ID;CREDENTIALS;TYPE;NAME;ICCID;IDTYPE;PATH;SHELL;AUTH_TYPE\r\n"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """What one good line says; an empty cell says nothing. ``line``: the number of the record's first line."""

    line: int
    id: str
    tenant: str | None = None
    path: str | None = None
    name: str | None = None
    type: str | None = None
    token: str | None = field(default=None, repr=False)
    auto_accept: bool | None = None
    credentials: str | None = field(default=None, repr=False)
    iccid: str | None = None
    id_type: str | None = None
    shell: bool | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Draft:
    """A Row while it is made: to make a frozen one takes five times as long, 2 s for a million rows."""

    line: int
    id: str
    tenant: str | None
    path: str | None
    name: str | None
    type: str | None
    token: str | None = field(repr=False)
    auto_accept: bool | None
    credentials: str | None = field(repr=False)
    iccid: str | None
    id_type: str | None
    shell: bool | None
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that fails. ``id`` is its cell as it stands, as far as there is one."""

    line: int
    id: str | None
    code: Code
    reason: str


class _Bad(Exception):
    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def _malformed(reason: str) -> _Bad:
    return _Bad(Code.MALFORMED_REQUEST, reason)


class File:
    """A bulk file whose header is read; iterating reads the rest, once. ``full``: its rows have credentials."""

    def __init__(self, head: Head, records: Iterator[Record], tenants: Collection[str] | None) -> None:
        places, custom = _places(head.columns)
        self.columns = tuple(name for name in head.columns if name)
        self.full = "CREDENTIALS" in places
        _refuse_other_kind(self.full, places, custom)
        self._separator = head.separator
        self._records = records
        self._tenants = tenants
        if tenants is not None and "TENANT" not in places:
            raise BadFile("the header has no column TENANT: it tells for which tenant each device is")
        self._custom = [(place, parts) for place, _, parts in custom]
        self._frame = sum(6 * len(name) + 8 * (len(parts) + 1) for _, name, parts in custom)  # at most, as JSON
        self._width = 1 + max((*places.values(), *(place for place, _, _ in custom)))
        self._id = places["ID"]
        self._id_is_first = not any(head.columns[: self._id])
        self._paths: dict[str, str | None] = {}
        # A cell that is always empty stands behind the others for the columns that are not there.
        order = _FULL if self.full else _SIMPLE
        self._pick = itemgetter(*(places.get(name, self._width) for name in (*order, _RESERVED)))

    def __iter__(self) -> Iterator[Row | BadRow]:
        width, place = self._width, self._id
        row_of: Callable[[int, list[str], str], Row] = self._full_row if self.full else self._simple_row
        for number, text, cells in self._records:
            id_ = None
            try:
                if cells is None:
                    id_ = self._id_before_quotes(text)
                    raise _malformed(
                        "a quote is not closed, or something else than a separator follows it: write a quote inside "
                        "quotes twice"
                    )
                if len(cells) != width:
                    if not any(cells):
                        continue
                    if self._id_is_first and len(cells) > place:
                        id_ = cells[place]
                    cells = self._fitted(cells)
                id_ = cells[place]
                if not id_ and not any(cells):
                    continue
                if not text.isascii() and _SURROGATE.search(text):
                    raise _malformed("the line holds characters that are no text")
                cells.append("")
                yield row_of(number, cells, text)
            except _Bad as bad:
                shown = _SURROGATE.sub("\ufffd", id_[:MAX_TEXT]) if id_ else None
                yield BadRow(number, shown, bad.code, bad.reason)

    def _fitted(self, cells: list[str]) -> list[str]:
        if any(cells[self._width :]) or len(cells) < self._width:
            raise _malformed(
                f"the line has {len(cells)} fields, the header {self._width}: a field with the separator in it stands "
                "in quotes"
            )
        return cells[: self._width]

    def _id_before_quotes(self, text: str) -> str | None:
        whole = text.partition('"')[0].split(self._separator)[:-1]
        return whole[self._id].strip() if self._id_is_first and len(whole) > self._id else None

    def _simple_row(self, number: int, cells: list[str], text: str) -> Row:
        id_, path, token, accept, name, type_, tenant, reserved = self._pick(cells)
        if fault := names.device_id_fault(id_):
            raise _bad_id(id_, fault)
        if path and (fault := self._path_fault(path)):
            raise _malformed(f"PATH: {fault}")
        if reserved:
            raise _malformed(_NO_CERTIFICATES)
        auto_accept = None
        if token or accept:
            token = token.strip()
            if len(token) > names.MAX_TOKEN:
                raise _malformed(f"TOKEN: a security token has at most {names.MAX_TOKEN} characters")
            auto_accept = _flag(accept)
            if auto_accept and not token:
                raise _Bad(Code.TOKEN_REQUIRED, "AUTOACCEPT needs the TOKEN that the device will show")
        if name or type_:
            _check_texts(NAME=name, TYPE=type_)
        row = _Draft(
            number,
            id_,
            None if self._tenants is None else self._checked_tenant(tenant, path),
            path or None,
            name or None,
            type_ or None,
            token or None,
            auto_accept,
            None,
            None,
            None,
            None,
            {},
        )
        return _finished(row)

    def _full_row(self, number: int, cells: list[str], text: str) -> Row:
        id_, credentials, type_, name, iccid, id_type, path, shell, auth_type, tenant, reserved = self._pick(cells)
        if fault := names.device_id_fault(id_):
            raise _bad_id(id_, fault)
        if auth_type and (auth_type := auth_type.strip().upper()) != "BASIC":
            raise _malformed(
                _NO_CERTIFICATES if auth_type == "CERTIFICATES" else "AUTH_TYPE: write BASIC, or leave it empty"
            )
        if reserved:
            raise _malformed(_NO_CERTIFICATES)
        if not MIN_CREDENTIALS <= len(credentials) <= MAX_CREDENTIALS:
            raise _malformed(
                f"CREDENTIALS: {MIN_CREDENTIALS} to {MAX_CREDENTIALS} characters are needed, "
                + (f"these are {len(credentials)}" if credentials else "the cell is empty")
            )
        if _CONTROL.search(credentials):
            raise _malformed("CREDENTIALS: line breaks, tabs and other control characters are not permitted")
        if path and (fault := self._path_fault(path)):
            raise _malformed(f"PATH: {fault}")
        _check_texts(NAME=name, TYPE=type_, ICCID=iccid, IDTYPE=id_type)
        row = _Draft(
            number,
            id_,
            None if self._tenants is None else self._checked_tenant(tenant, path),
            path or None,
            name or None,
            type_ or None,
            None,
            None,
            credentials,
            iccid or None,
            id_type or None,
            shell.strip().lower() in _SHELL if shell else None,
            self._properties(cells, text) if self._custom else {},
        )
        return _finished(row)

    def _path_fault(self, path: str) -> str | None:
        try:
            return self._paths[path]
        except KeyError:
            if len(self._paths) >= _KEPT_PATHS:
                self._paths.clear()
            fault = self._paths[path] = names.group_path_fault(path)
            return fault

    def _checked_tenant(self, tenant: str, path: str) -> str:
        assert self._tenants is not None
        if not tenant:
            raise _Bad(Code.UNKNOWN_TENANT, "TENANT: the cell is empty, it tells for which tenant the device is")
        if tenant not in self._tenants:
            raise _Bad(Code.UNKNOWN_TENANT, "TENANT: there is no tenant of this name")
        if path:
            raise _Bad(Code.TENANT_AND_GROUP, "name a TENANT or a PATH, not both: groups stay with their tenant")
        return tenant

    def _properties(self, cells: list[str], text: str) -> Mapping[str, Any]:
        properties: dict[str, Any] = {}
        for place, parts in self._custom:
            if cell := cells[place]:
                inner = properties
                for part in parts[:-1]:
                    inner = inner.setdefault(part, {})
                inner[parts[-1]] = cell
        # A character has at most six bytes as JSON, so most lines need not be measured.
        if 6 * len(text) + self._frame > MAX_PROPERTIES:
            size = len(json.dumps(properties, ensure_ascii=False, separators=(",", ":")).encode())
            if size > MAX_PROPERTIES:
                raise _Bad(
                    Code.LIMIT_REACHED,
                    f"the custom properties have at most {MAX_PROPERTIES} bytes as JSON, these have {size}",
                )
        return properties


def _finished(draft: _Draft) -> Row:
    # Both have the same slots, which is what Python asks of this assignment.
    draft.__class__ = Row  # type: ignore[assignment]
    return cast("Row", draft)


def _bad_id(cell: str, fault: str) -> _Bad:
    if not cell:
        fault = "the cell in column ID is empty"
    elif _SHORTENED.fullmatch(cell):
        fault = (
            "the device id is a long number that the spreadsheet shortened: make the column a text column, enter the "
            "ids again and save"
        )
    return _Bad(Code.INVALID_ID, fault)


def _check_texts(**cells: str) -> None:
    for column, cell in cells.items():
        if len(cell) > MAX_TEXT:
            raise _malformed(f"{column}: at most {MAX_TEXT} characters, these are {len(cell)}")


def _flag(cell: str) -> bool | None:
    cell = cell.strip().lower()
    if cell in _TRUE:
        return True
    if cell and cell not in _FALSE:
        raise _malformed("AUTOACCEPT: write true or false, or leave it empty")
    return False if cell else None


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "…")


def _places(columns: Sequence[str]) -> tuple[dict[str, int], list[tuple[int, str, tuple[str, ...]]]]:
    """Return where the standard columns are, and place, name and parts of the custom ones. Raises BadFile."""
    places: dict[str, int] = {}
    custom: list[tuple[int, str, tuple[str, ...]]] = []
    tree: dict[str, Any] = {}
    last = max(place for place, name in enumerate(columns) if name)
    for place, name in enumerate(columns[: last + 1]):
        standard = name.upper()
        if standard in _STANDARD:
            if standard in places:
                raise BadFile(f"the header has the column {standard} twice: leave one of them out")
            places[standard] = place
        elif name:
            parts = tuple(name.split("."))
            _plant(tree, name, parts)
            custom.append((place, name, parts))
        elif place:  # the first one may be the row index that pandas writes
            raise BadFile(f"column {place + 1} has no name: name it, or leave it out")
    return places, custom


def _plant(tree: dict[str, Any], name: str, parts: tuple[str, ...]) -> None:
    if len(parts) > MAX_NESTING:
        raise BadFile(f"the column {_shown(name)} has more than {MAX_NESTING} parts between dots")
    if not all(parts):
        raise BadFile(f"the column {_shown(name)} has an empty part: write a name before and after each dot")
    node: Any = tree
    for part in parts[:-1]:
        node = node.setdefault(part, {})
        if node is None:
            raise BadFile(f"the column {_shown(name)} and one whose name it begins with contradict each other")
    if parts[-1] in node:
        if node[parts[-1]] is None:
            raise BadFile(f"the header has the column {_shown(name)} twice: leave one of them out")
        raise BadFile(f"the column {_shown(name)} and one whose name begins with it contradict each other")
    node[parts[-1]] = None


def _refuse_other_kind(
    full: bool, places: Mapping[str, int], custom: Sequence[tuple[int, str, tuple[str, ...]]]
) -> None:
    if full:
        for name in ("TOKEN", "AUTOACCEPT"):
            if name in places:
                raise BadFile(f"{name} is for devices that call first, CREDENTIALS for others: leave one of them out")
        return
    known = ", ".join(_SIMPLE)
    for name in [*(name for name in places if name not in {*_SIMPLE, _RESERVED}), *(name for _, name, _ in custom)]:
        raise BadFile(
            f"the column {_shown(name)} is not known here: a simple file has the columns {known}; a full one, which "
            "may have any column, needs CREDENTIALS"
        )


def read(lines: Iterable[str], tenants: Collection[str] | None = None) -> File:
    """Read the header of ``lines``, which keep their ends, as ``io.StringIO(text, newline="")`` gives them.

    ``tenants`` are those for which management may register, each row then names one; None: a column TENANT is not
    looked at. Raises BadFile.
    """
    head, found = opened(lines, "ID")
    return File(head, found, tenants)


def template(kind: Literal["simple", "full"]) -> tuple[str, str]:
    """Return name and content of an empty file of this kind, to be filled in."""
    return _TEMPLATES[kind]
