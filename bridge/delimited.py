"""Delimited text (RFC 4180, as spreadsheets write it) to records: encoding, separator, quotes. Pure, streaming.

It knows nothing of what the columns mean. A fault of one record is that record's alone; a fault of the file is BadFile.
"""

import codecs
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import accumulate, chain
from typing import Final

SEPARATORS: Final = (";", ",", "\t")
LOOK_AHEAD: Final = 65_536
"""Characters that one record may have when its quotes make it go over several lines."""

_NOT_WINDOWS_1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_MAGIC: Final = 4
"""Bytes that tell a byte order mark, or a workbook."""

Record = tuple[int, str, list[str] | None]
"""The number of the record's first line, its text as it stands, its cells; None: its quotes are at fault.

A record that is at fault is one line long; the next one begins with the next line. A blank line is a record, too.
"""


class BadFile(Exception):
    """The file as a whole is at fault; the sentence says what is wrong and what to do."""


def encoding_of(chunks: Iterable[bytes]) -> str:
    """Return the name of the codec of a file that comes in ``chunks``: UTF-8, else Windows-1252. Raises BadFile."""
    source = iter(chunks)
    start = b""
    for chunk in source:
        start += chunk
        if len(start) >= _MAGIC:
            break
    _refuse_other_formats(start)
    utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    windows = not start.startswith(codecs.BOM_UTF8)
    for chunk in chain([start], source, [b""]):  # the empty one is the end
        if b"\0" in chunk:
            raise BadFile("the file holds NUL characters, so it is no CSV text: save it as 'CSV UTF-8'")
        if utf8 is not None:
            try:
                utf8.decode(chunk, final=not chunk)
            except UnicodeDecodeError:
                utf8 = None
        windows = windows and not _NOT_WINDOWS_1252.search(chunk)
        if utf8 is None and not windows:
            raise BadFile("the file is neither UTF-8 nor Windows-1252 text: save it as 'CSV UTF-8'")
    return "cp1252" if utf8 is None else "utf-8-sig"


def _refuse_other_formats(start: bytes) -> None:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadFile("the file is UTF-16, which spreadsheets call 'Unicode text': save it as 'CSV UTF-8'")
    if start.startswith(_WORKBOOKS):
        raise BadFile("the file is a workbook, not CSV: save it as 'CSV UTF-8'")


def decode(payload: bytes) -> str:
    """Return the text of a file: UTF-8 with or without byte order mark, else Windows-1252. Raises BadFile."""
    return payload.decode(encoding_of([payload]))


class _Quotes(Enum):
    OPEN = 1
    BROKEN = 2


def _splitter(separator: str) -> Callable[[str], list[str] | _Quotes]:
    """Return what splits one text into cells: a list, or how its quotes keep it from being a record."""
    white = r"[^\S\t]*" if separator == "\t" else r"\s*"
    quoted = rf'{white}"([^"]*(?:""[^"]*)*)"{white}(?:({separator})|\Z)'
    plain = rf'(?!{white}")([^{separator}]*)(?:({separator})|\Z)'
    cell = re.compile(f"{quoted}|{plain}").match
    opened = re.compile(rf'{white}"[^"]*(?:""[^"]*)*\Z').match
    between = f'"{separator}"'

    def split(text: str) -> list[str] | _Quotes:
        whole = text.strip("\r\n")
        if whole[0] == whole[-1] == '"':
            # The way of a program that quotes every cell: no quote but those round the cells.
            cells = whole[1:-1].split(between)
            if whole.count('"') == 2 * len(cells):
                return cells
        cells, position = [], 0
        while True:
            found = cell(text, position)
            if found is None:
                return _Quotes.OPEN if opened(text, position) else _Quotes.BROKEN
            inner, more, bare, more_bare = found.groups()
            cells.append(bare.strip() if inner is None else inner.replace('""', '"'))
            if more is None and more_bare is None:
                return cells
            position = found.end()

    return split


class _Lines:
    """The lines of a file, some of which were looked at before their turn.

    How an open quote goes on through the lines ahead does not depend on where it was opened, so no line is looked at
    twice for that: the cost is linear whatever the lines hold.
    """

    def __init__(self, lines: Iterable[str], split: Callable[[str], list[str] | _Quotes]) -> None:
        self._rest = iter(lines)
        self._split = split
        self._ahead: deque[str] = deque()
        self._through = 0  # so many lines ahead leave an open quote open
        self._length = 0  # the characters of these
        self._broken = False  # the line ahead after these closes it in a wrong way

    def next(self) -> str:
        """Return the next line, or an empty text at the end."""
        if not self._ahead:
            return next(self._rest, "")
        line = self._ahead.popleft()
        if self._through:
            self._through -= 1
            self._length -= len(line)
        else:
            self._broken = False
        return line

    def closing(self, length: int) -> list[str]:
        """Take the lines that end a record whose first line of ``length`` leaves a quote open; none: it has no end."""
        while not self._broken:
            if self._through == len(self._ahead):
                self._ahead.append(next(self._rest, ""))
            line = self._ahead[self._through]
            if not line:
                self._ahead.pop()
                break
            if length + self._length + len(line) > LOOK_AHEAD:
                break
            # Behind an added quote a line is split as one that goes on in quotes.
            cells = self._split('"' + line) if '"' in line else _Quotes.OPEN
            if isinstance(cells, list):
                taken = list(self._ahead)
                self._ahead.clear()
                self._through = self._length = 0
                return taken
            if cells is _Quotes.OPEN:
                self._through += 1
                self._length += len(line)
            else:
                self._broken = True
        return []


def records(lines: Iterable[str], separator: str, first: int = 1) -> Iterator[Record]:
    """Yield the records of ``lines``, which keep their ends, as a file opened with newline="" gives them.

    White space round an unquoted cell, and round the quotes of a quoted one, is dropped. A quote inside an unquoted
    cell stands for itself. ``first`` is the number of the first line.
    """
    split = _splitter(separator)
    source = _Lines(lines, split)
    number = first
    while line := source.next():
        if '"' not in line:
            yield number, line, [cell.strip() for cell in line.split(separator)]
            number += 1
            continue
        cells = split(line)
        following = source.closing(len(line)) if cells is _Quotes.OPEN else []
        if following:
            line += "".join(following)
            cells = split(line)
        yield number, line, cells if isinstance(cells, list) else None
        number += 1 + len(following)


@dataclass(frozen=True, slots=True)
class Head:
    """How a file begins. ``text`` is all up to the end of the header, ``lines`` the number of its lines."""

    separator: str
    columns: list[str]
    text: str = field(repr=False)
    lines: int


def opened(lines: Iterable[str], wanted: str) -> tuple[Head, Iterator[Record]]:
    """Read the header, which has a column ``wanted`` (in any case), and return it with the records after it.

    The separator is what stands most often in the header, outside quotes, or what Excel's first line ``sep=`` names.
    Raises BadFile.
    """
    rest = iter(lines)
    before: list[str] = []
    separators: list[str] = []
    for line in rest:
        if not before:
            line = line.removeprefix("\ufeff")
            if line[:4].lower() == "sep=":
                separators = [_named(line)]
                before.append(line)
                continue
        if line.strip(' ;,\t\r\n"'):
            break
        before.append(line)
    else:
        raise BadFile(f"the file is empty: its first line has to name the columns, {wanted} among them")
    header = [line]
    quotes, length = line.count('"'), len(line)
    while quotes % 2 and length <= LOOK_AHEAD and (line := next(rest, "")):
        header.append(line)
        quotes += line.count('"')
        length += len(line)
    text = "".join(header)
    if _SURROGATE.search(text):
        raise BadFile("the header holds characters that are no text: save the file as 'CSV UTF-8'")
    for separator in separators or _most_frequent_first(text):
        _, text, cells = next(records(header, separator))
        if cells is not None and wanted in map(str.upper, cells):
            break
    else:
        raise BadFile(
            f"the header has no column {wanted}: the first line has to name the columns, separated by ';', ',' or tabs"
        )
    lines_of_header = list(accumulate(map(len, header))).index(len(text)) + 1
    found = records(chain(header, rest), separator, len(before) + 1)
    next(found)
    return Head(separator, cells, "".join(before) + text, len(before) + lines_of_header), found


def _named(line: str) -> str:
    separator = line.rstrip("\r\n")[4:5]
    if separator not in SEPARATORS or not separator:
        raise BadFile(
            "the first line, sep=, names another separator than ';', ',' and tab: save the file with one of them"
        )
    return separator


def _most_frequent_first(header: str) -> list[str]:
    outside = re.sub(r'"[^"]*(?:"|\Z)', "", header)
    # Tabs after the last column say little where another separator stands between the columns.
    return sorted(SEPARATORS, key=lambda one: (-outside.rstrip().count(one), -outside.count(one)))
