"""Files on their way to the bridge: read within bounded memory, cut into parts at records, failed records found again.

It knows no connection. What a row means, the bridge decides; the one kind of file that is read here is that of tokens.
"""

import io
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any, Final, Self

from bridge import names
from bridge.bulk import MAX_FILE, BadRow
from bridge.delimited import BadFile, encoding_of, opened
from bridge.registration import Code

_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file, with the file's header. ``offset`` added to a line's number in it is that in the file."""

    text: str = field(repr=False)
    offset: int
    records: int

    @property
    def payload(self) -> bytes:
        """The part as a message carries it."""
        return self.text.encode()


class Upload:
    """A file that is read as often as needed, and never held as a whole. Raises BadFile where it is no text."""

    def __init__(self, file: IO[bytes]) -> None:
        """Look at all of ``file``, which can be read again from its beginning."""
        with ExitStack() as stack:
            stack.callback(file.close)
            self.encoding = encoding_of(iter(partial(file.read, _CHUNK), b""))
            file.seek(0)
            stack.pop_all()
        self._text = io.TextIOWrapper(file, self.encoding, newline="")

    @classmethod
    def of_stream(cls, stream: IO[bytes]) -> Self:
        """Take what comes over ``stream``, which can be read once, by way of a file that nobody else can see."""
        kept = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the upload
        shutil.copyfileobj(stream, kept, _CHUNK)
        kept.seek(0)
        return cls(kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()

    def lines(self) -> Iterator[str]:
        """Yield all lines from the first one on, with their ends. Raises BadFile."""
        self._text.seek(0)
        number = 0
        try:
            while line := self._text.readline(MAX_FILE + 1):
                number += 1
                if len(line) > MAX_FILE:
                    raise BadFile(f"line {number} is longer than {MAX_FILE:,} characters, which one message holds")
                yield line
        except UnicodeDecodeError:
            raise BadFile("the file was changed while it was read: send it again") from None

    def parts(self) -> Iterator[Part]:
        """Cut the file into parts that fit into a message. Raises BadFile."""
        return parts(self.lines())


def parts(lines: Iterable[str], *, max_bytes: int = MAX_FILE, max_records: int | None = None) -> Iterator[Part]:
    """Cut a file at records into parts of at most so many bytes and records, at least one part. Raises BadFile."""
    head, records = opened(lines, "ID")
    head_size = len(head.text.encode())
    texts, size, count, first = [head.text], head_size, 0, head.lines + 1
    for number, text, cells in records:
        added = len(text) if text.isascii() else len(text.encode())
        is_record = cells is None or any(cells)
        if head_size + added > max_bytes:
            raise BadFile(f"the record in line {number} is, with the header, longer than one message holds")
        if size + added > max_bytes or (is_record and count == max_records):
            yield Part("".join(texts), first - head.lines - 1, count)
            texts, size, count, first = [head.text], head_size, 0, number
        texts.append(text)
        size += added
        count += is_record
    yield Part("".join(texts), first - head.lines - 1, count)


def header_of(part: Part) -> str:
    """Return the text of the file up to the end of its header."""
    return opened(io.StringIO(part.text, newline=""), "ID")[0].text


def records_at(part: Part, lines: Collection[int]) -> Iterator[str]:
    """Yield the text of the records that begin at these lines of the file, as it stands there."""
    _, records = opened(io.StringIO(part.text, newline=""), "ID")
    for number, text, _ in records:
        if number + part.offset in lines:
            yield text if text.endswith(("\n", "\r")) else text + "\r\n"


@dataclass(frozen=True, slots=True)
class Accepted:
    """One line of a file of tokens."""

    line: int
    id: str
    token: str | None = field(repr=False)
    claim: str | None

    @property
    def request(self) -> Mapping[str, Any]:
        """The device as ``accept`` names it."""
        named = {"id": self.id, "securityToken": self.token, "claim": self.claim}
        return {key: value for key, value in named.items() if value}


_TOKEN_COLUMNS: Final = ("ID", "TOKEN", "CLAIM")


def tokens(lines: Iterable[str]) -> tuple[list[Accepted], list[BadRow]]:
    """Read a file of the columns ID, TOKEN and, where a claim has to be named, CLAIM. Raises BadFile."""
    head, records = opened(lines, "ID")
    columns = [name.upper() for name in head.columns]
    while columns and not columns[-1]:
        columns.pop()
    if set(columns) - {*_TOKEN_COLUMNS} or len(set(columns)) < len(columns) or "TOKEN" not in columns:
        raise BadFile("a file of tokens has the columns ID and TOKEN, and CLAIM where claims are chosen, each once")
    good: dict[str, Accepted] = {}
    bad: list[BadRow] = []
    for number, _, cells in records:
        if cells is not None and not any(cells):
            continue
        if cells is None or len(cells) < len(columns) or any(cells[len(columns) :]):
            reason = f"the line does not have {len(columns)} fields, or a quote in it is not closed"
            bad.append(BadRow(number, None, Code.MALFORMED_REQUEST, reason))
            continue
        row = dict(zip(columns, cells, strict=False))
        one = Accepted(number, row["ID"], row["TOKEN"].strip() or None, row.get("CLAIM") or None)
        if fault := names.device_id_fault(one.id):
            bad.append(BadRow(number, one.id[:255], Code.INVALID_ID, fault))
        elif one.token and len(one.token) > names.MAX_TOKEN:
            reason = f"a security token has at most {names.MAX_TOKEN} characters"
            bad.append(BadRow(number, one.id, Code.MALFORMED_REQUEST, reason))
        elif one.id in good:
            reason = f"the device stands in line {good[one.id].line} already"
            bad.append(BadRow(number, one.id, Code.MALFORMED_REQUEST, reason))
        else:
            good[one.id] = one
    return list(good.values()), bad
