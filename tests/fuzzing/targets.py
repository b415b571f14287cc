"""Rooms that read what strangers wrote, and what they promise about any bytes: each target raises where that is broken.

A target takes the bytes of one input; what it may refuse, it refuses as it says. The inputs kept in ``tests/corpora``
are of the same form: for messages the topic stands in the first line, for requests the command.
"""

import io
import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from bridge import names, wire
from bridge.accounts.dynsec import Dynsec, answers_of
from bridge.broker import Connection
from bridge.bulk import BadRow, File, Row, decode, read
from bridge.delimited import BadFile, encoding_of
from bridge.inventory import MAX_PROPERTIES, fits, with_info
from bridge.options import OPTIONS, RESERVED_LEVELS, TOPICS, InvalidOption, shape_fault
from bridge.registration import Device, Form
from bridge.requests import BadRequest, parse_object
from bridge.uploading import header_of, parts, tokens
from bridge.wire import Malformed, Topics

PREFIX: Final = Topics.below("site/one")
EMPTY: Final = Device("x", "t", "t/a", None, None, None, {}, 0)


def split(data: bytes) -> tuple[str, bytes]:
    """Return the first line, and what stands behind it."""
    line, _, payload = data.partition(b"\n")
    return line.decode("utf-8", "replace"), payload


def calls(data: bytes) -> None:
    """A call is understood, or Malformed; what is understood can be written and understood again."""
    topic, payload = split(data)
    levels = topic.split("/")
    if len(levels) not in (3, 4) or levels[0] != "bootstrap" or levels[2] != "request":
        return  # the broker sends no other topics
    try:
        call = wire.parse_call(Topics(), topic, payload)
    except Malformed as error:
        promised(bool(str(error)) and not (error.answerable and not payload.startswith(b"{")))
        return
    assert names.device_id_fault(call.device_id) is None
    assert call.token is None or 0 < len(call.token) <= names.MAX_TOKEN
    assert call.token is None or call.token == call.token.strip()
    answer = wire.answer_topic(PREFIX, PREFIX.prefix + topic)
    assert answer == PREFIX.caller(call.kind, call.device_id, call.client_id)
    again = (call.token or "").encode() if call.form is Form.LINE else rewritten(call)
    if not again.startswith(b"{") or call.form is Form.JSON:
        assert wire.parse_call(Topics(), topic, again) == call


def rewritten(call: wire.ParsedCall) -> bytes:
    said = {"securityToken": call.token or "", "publicKey": call.public_key, "requestId": call.request_id}
    return json.dumps({key: value for key, value in said.items() if value is not None}).encode()


def infos(data: bytes) -> None:
    """Whatever a device says leaves an entry that can be kept and written; saying it again changes nothing."""
    topic, payload = split(data)
    if len(topic.split("/")) != 4:
        return
    _, _, said = wire.parse_info(Topics(), topic, payload)
    if said is None:
        return
    once, too_large = with_info(EMPTY, said, 1)
    assert too_large or len(wire.to_bytes(once.properties)) <= 2 * MAX_PROPERTIES
    assert fits(once.properties)
    assert (once.id, once.tenant, once.owner, once.group) == ("x", "t", "t/a", None)
    assert with_info(once, said, 1) == (once, too_large)
    assert wire.from_bytes(wire.to_bytes(once.properties)) == once.properties


def objects(data: bytes) -> None:
    """A payload is an object that can be written again, or a BadRequest."""
    try:
        value = parse_object(data)
    except BadRequest as error:
        promised(bool(error.refusal.message))
        return
    assert wire.from_bytes(wire.to_bytes(value)) == value


def dynsec(data: bytes) -> None:
    """Whatever stands in an answer of the broker, only answers to commands come out."""
    try:
        answers = answers_of(data)
    except ValueError:
        return
    Dynsec(cast("Connection", None)).heard(answers)  # it only listens


def filters(data: bytes) -> None:
    """A topic filter that is taken is one, names the device, and reaches nothing of the bridge's own."""
    text = data.decode("utf-8", "replace")
    try:
        taken = OPTIONS[TOPICS].parse([text])
    except InvalidOption:
        return
    assert taken == [text]
    assert shape_fault(text) is None
    levels = text.split("/")
    before = levels[: levels.index("{id}")]
    assert before
    assert before[0] not in RESERVED_LEVELS
    assert not {"+", "#"}.intersection(before)


def device_ids(data: bytes) -> None:
    """A device id that is taken can stand in a topic, in a user name and in a file."""
    text = data.decode("utf-8", "surrogatepass" if b"\xed" in data else "replace") if is_text(data) else ""
    if names.device_id_fault(text) is not None:
        return
    assert 1 <= len(text) <= 255
    assert unicodedata.normalize("NFC", text) == text
    assert not set('/\\+#$%,"').intersection(text)
    assert text not in {".", ".."}
    assert Topics().levels(Topics().event("t", text)) == ["events", "t", "registrations", text]
    assert text.encode().decode() == text


def is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def files(data: bytes) -> None:
    """A file is refused as a whole, or each line is a row or fails alone; good rows can be written and read again."""
    try:
        text = decode(data)
    except BadFile:
        assert_refused(lambda: encoding_of(data[at : at + 7] for at in range(0, len(data), 7)))
        return
    assert data.decode(encoding_of(data[at : at + 7] for at in range(0, len(data), 7))) == text
    try:
        file = read(io.StringIO(text, newline=""))
    except BadFile as error:
        promised(bool(str(error)))
        return
    rows = list(file)
    numbers = [row.line for row in rows]
    assert numbers == sorted(set(numbers))
    assert all(isinstance(row, Row) or (row.code and row.reason) for row in rows)
    if "TENANT" not in {name.upper() for name in file.columns}:
        assert in_parts(text) == rows
    good = [row for row in rows if isinstance(row, Row)]
    assert [told(row) for row in read(io.StringIO(written(file, good), newline=""))] == [told(row) for row in good]


def in_parts(text: str) -> list[Row | BadRow]:
    """Read a file as clients cut it, two records in a part, with the numbers of the whole."""
    found: list[Row | BadRow] = []
    for part in parts(io.StringIO(text, newline=""), max_records=2):
        assert part.text.startswith(header_of(part))
        rows = read(io.StringIO(part.payload.decode(), newline=""))
        found += [type(row)(**{**members(row), "line": row.line + part.offset}) for row in rows]
    return found


def members(row: Row | BadRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).__slots__}


def told(row: Row | BadRow) -> dict[str, Any]:
    return {name: value for name, value in members(row).items() if name != "line"}


def written(file: File, rows: list[Row]) -> str:
    """Write rows as a program would that quotes each cell."""
    columns = {"ID": "id", "PATH": "path", "NAME": "name", "TYPE": "type", "TOKEN": "token"}
    if file.full:
        columns = {**columns, "CREDENTIALS": "credentials", "ICCID": "iccid", "IDTYPE": "id_type"}
        del columns["TOKEN"]
    custom = sorted({name for row in rows for name in flat(row.properties)})
    flags = ["SHELL"] if file.full else ["AUTOACCEPT"]
    lines = [";".join(quoted(name) for name in (*columns, *flags, *custom))]
    for row in rows:
        flag = row.shell if file.full else row.auto_accept
        cells = [getattr(row, member) or "" for member in columns.values()]
        cells.append("" if flag is None else str(int(flag)))
        properties = flat(row.properties)
        lines.append(";".join(quoted(cell) for cell in (*cells, *(properties.get(name, "") for name in custom))))
    return "\n".join(lines) + "\n"


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def flat(properties: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in properties.items():
        found |= flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return found


def token_files(data: bytes) -> None:
    """A file of tokens is refused as a whole, or each line names a device once or fails alone."""
    try:
        good, bad = tokens(io.StringIO(decode(data), newline=""))
    except BadFile:
        return
    assert len({one.id for one in good}) == len(good)
    assert not {one.line for one in good} & {one.line for one in bad}


def promised(kept: bool) -> None:
    assert kept, "a refusal says why, and is answered to nobody who did not ask for it"


def assert_refused(act: Callable[[], object]) -> None:
    try:
        act()
    except BadFile:
        return
    raise AssertionError("refused as a whole, but not when it comes in small parts")


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "calls": calls,
    "infos": infos,
    "objects": objects,
    "dynsec": dynsec,
    "filters": filters,
    "device-ids": device_ids,
    "files": files,
    "token-files": token_files,
}
"""The folder of inputs, and what is promised about each of them."""
