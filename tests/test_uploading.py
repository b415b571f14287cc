"""Files on their way to the bridge: cut at records, lines found again, memory bounded, tokens read."""

import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import bulk
from bridge.bulk import MAX_FILE, BadRow, Row
from bridge.delimited import BadFile
from bridge.registration import Code
from bridge.uploading import Accepted, Part, Upload, header_of, parts, records_at, tokens


def lines(text: str) -> Iterator[str]:
    return iter(io.StringIO(text, newline=""))


def said(text: str) -> list[Row | BadRow]:
    return list(bulk.read(lines(text)))


FILE = 'sep=;\r\n\r\nID;NAME\r\na;1\r\n\r\nb;"2\r\n2"\r\nc;3\r\n;\r\nd d;4\r\ne;"5\r\nf;6'


def test_a_small_file_is_one_part_as_it_stands() -> None:
    assert list(parts(lines(FILE))) == [Part(FILE, 0, 6)]
    assert list(parts(lines("ID\n"))) == [Part("ID\n", 0, 0)]


@pytest.mark.parametrize("limit", [{"max_records": 1}, {"max_records": 2}, {"max_bytes": 45}, {"max_bytes": 50}])
def test_parts_together_say_what_the_file_says(limit: dict[str, Any]) -> None:
    found = list(parts(lines(FILE), **limit))
    assert len(found) > 1
    together = [(row.line + part.offset, row.id) for part in found for row in said(part.text)]
    assert together == [(row.line, row.id) for row in said(FILE)]
    assert sum(part.records for part in found) == 6
    for part in found:
        assert header_of(part) == "sep=;\r\n\r\nID;NAME\r\n"
        assert len(part.payload) <= limit.get("max_bytes", 1_000)
        assert part.records <= limit.get("max_records", 1_000)


@given(
    st.lists(st.text('a;"\n ä', max_size=10), max_size=12),
    st.integers(30, 60),
    st.none() | st.integers(1, 3),
)
def test_any_file_is_cut_without_loss(rows: list[str], size: int, number: int | None) -> None:
    text = "ID;NAME\n" + "\n".join(rows)
    try:
        found = list(parts(lines(text), max_bytes=size, max_records=number))
    except BadFile:
        return  # a record by itself is too large
    assert "ID;NAME\n" + "".join(part.text.removeprefix("ID;NAME\n") for part in found) == text
    together = [(row.line + part.offset, row.id) for part in found for row in said(part.text)]
    assert together == [(row.line, row.id) for row in said(text)]


def test_a_record_that_no_message_holds_is_named_by_its_line() -> None:
    with pytest.raises(BadFile, match="line 3"):
        list(parts(lines("ID;NAME\na;b\n" + "c;" + "x" * MAX_FILE + "\n")))


def test_the_records_of_failed_lines_come_as_they_stand() -> None:
    first, *_, last = parts(lines(FILE), max_records=3)
    assert "".join(records_at(first, {4, 6})) == 'a;1\r\nb;"2\r\n2"\r\n'
    assert "".join(records_at(last, {4, 10, 11, 12})) == 'd d;4\r\ne;"5\r\nf;6\r\n'


@pytest.mark.parametrize(
    ("payload", "encoding"),
    [("ID\nä\n".encode(), "utf-8-sig"), ("ID\nä\n".encode("utf-8-sig"), "utf-8-sig"), (b"ID\n\xe4\n", "cp1252")],
)
def test_a_file_of_either_encoding_goes_as_utf_8(tmp_path: Path, payload: bytes, encoding: str) -> None:
    (tmp_path / "file.csv").write_bytes(payload)
    with Upload((tmp_path / "file.csv").open("rb")) as upload:
        assert upload.encoding == encoding
        for _ in range(2):
            assert [part.payload for part in upload.parts()] == ["ID\nä\n".encode()]
    with Upload.of_stream(io.BytesIO(payload)) as upload:
        assert list(upload.lines()) == ["ID\n", "ä\n"]


def test_a_file_that_is_no_text_is_found_before_its_first_part() -> None:
    with pytest.raises(BadFile, match="CSV UTF-8"):
        Upload(io.BytesIO(b"ID\n" + b"a\n" * 100_000 + b"\0"))


def test_a_line_that_no_message_holds_is_refused() -> None:
    with Upload(io.BytesIO(b"ID\n" + b"x" * (MAX_FILE + 1))) as upload, pytest.raises(BadFile, match="line 2"):
        list(upload.lines())


def test_a_file_that_changes_under_way_is_said_to(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"ID\n" + b"a\n" * 100_000)
    with Upload(path.open("rb")) as upload:
        path.write_bytes(b"ID\n" + b"\xff\n" * 100_000)
        with pytest.raises(BadFile, match="changed"):
            list(upload.lines())


def test_a_large_file_is_never_held_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("ID;PATH\n")
        for number in range(100_000):
            file.write(f"device-{number:08};{'Group A/' * 23}Group {number % 10}\n")
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    try:
        with Upload(path.open("rb")) as upload:
            found = [(part.records, len(part.payload)) for part in upload.parts()]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(records for records, _ in found) == 100_000
    assert max(size for _, size in found) <= MAX_FILE
    assert peak < 15_000_000


def test_a_file_of_tokens_tells_ids_tokens_and_claims() -> None:
    text = "id;Token;CLAIM;\na; t1 ;;\n\nb;t2;0a1b2c3d;\nc;;;\n"
    good, bad = tokens(lines(text))
    assert good == [Accepted(2, "a", "t1", None), Accepted(4, "b", "t2", "0a1b2c3d"), Accepted(5, "c", None, None)]
    assert bad == []
    assert [one.request for one in good] == [
        {"id": "a", "securityToken": "t1"},
        {"id": "b", "securityToken": "t2", "claim": "0a1b2c3d"},
        {"id": "c"},
    ]
    assert "t2" not in repr(good)


def test_a_bad_line_of_a_file_of_tokens_fails_alone() -> None:
    text = f'ID;TOKEN\na;t\nb\nc;t;secret\nd d;secret\ne;{"s" * 257}\na;secret\nf;"secret\ng;t\n'
    good, bad = tokens(lines(text))
    assert [one.id for one in good] == ["a", "g"]
    assert [(one.line, one.id, one.code) for one in bad] == [
        (3, None, Code.MALFORMED_REQUEST),
        (4, None, Code.MALFORMED_REQUEST),
        (5, "d d", Code.INVALID_ID),
        (6, "e", Code.MALFORMED_REQUEST),
        (7, "a", Code.MALFORMED_REQUEST),
        (8, None, Code.MALFORMED_REQUEST),
    ]
    assert "line 2" in bad[4].reason
    assert "secret" not in repr(bad)


@pytest.mark.parametrize("header", ["ID;PATH", "ID;TOKEN;PATH", "ID;TOKEN;token", "ID", "TOKEN", "ID;;TOKEN"])
def test_a_file_of_tokens_has_its_columns_and_no_other(header: str) -> None:
    with pytest.raises(BadFile):
        tokens(lines(header + "\na;b\n"))
