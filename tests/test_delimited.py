"""Delimited text to records: encodings, separators, quotes, and that a fault stays where it is."""

import csv
import io
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.delimited import LOOK_AHEAD, SEPARATORS, BadFile, decode, encoding_of, opened, records


def lines(text: str) -> Iterator[str]:
    return iter(io.StringIO(text, newline=""))


def cells(text: str, separator: str = ";") -> list[list[str] | None]:
    return [found for _, _, found in records(lines(text), separator)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;b\r\n", [["a", "b"]]),
        ("a;b", [["a", "b"]]),
        ("a;b\rc;d\n", [["a", "b"], ["c", "d"]]),
        (" a ;\tb\u00a0\n", [["a", "b"]]),
        (";\n", [["", ""]]),
        ("\r\n", [[""]]),
        ('"a";"b"\r\n', [["a", "b"]]),
        ('"a";b\n', [["a", "b"]]),
        ('a;"b"\n', [["a", "b"]]),
        ('"";""\n', [["", ""]]),
        ('a;"";\n', [["a", "", ""]]),
        ('"a;b";" c "\n', [["a;b", " c "]]),
        (' "a" ; "b" \n', [["a", "b"]]),
        ('"say ""hello""";x\n', [['say "hello"', "x"]]),
        ('""""\n', [['"']]),
        ('"a\r\nb";c\r\nd;e\r\n', [["a\r\nb", "c"], ["d", "e"]]),
        ('x;"a\n\n""b"";\nc"\ny;z\n', [["x", 'a\n\n"b";\nc'], ["y", "z"]]),
        ('5" pipe;b\n', [['5" pipe', "b"]]),
        ('a"b"c;"d"\n', [['a"b"c', "d"]]),
        ('"a" b;c\nd;e\n', [None, ["d", "e"]]),
        ('"a"b";c\nd;e\n', [None, ["d", "e"]]),
        ('a;"b\nc;d\ne;f', [None, ["c", "d"], ["e", "f"]]),
        ('a;"b\nc"x;d\ne;f', [None, ['c"x', "d"], ["e", "f"]]),
        ('"', [None]),
    ],
)
def test_quotes_are_read_as_rfc_4180_writes_them(text: str, expected: list[list[str] | None]) -> None:
    assert cells(text) == expected


def test_tabs_separate_and_are_no_white_space_then() -> None:
    assert cells('\ta \t\t "b" \t\n"x"\ty\n', "\t") == [["", "a", "", "b", ""], ["x", "y"]]


def test_each_record_has_its_line_number_and_its_text() -> None:
    text = 'a;"b\r\nc"\r\n\r\nd;"e\n"f";g'
    assert list(records(lines(text), ";", 3)) == [
        (3, 'a;"b\r\nc"\r\n', ["a", "b\r\nc"]),
        (5, "\r\n", [""]),
        (6, 'd;"e\n', None),
        (7, '"f";g', ["f", "g"]),
    ]


def test_a_record_of_more_lines_than_the_look_ahead_is_at_fault() -> None:
    inside = "x" * 99 + "\n"
    fits = 'a;"' + inside * (LOOK_AHEAD // 100 - 1) + '"\n'
    assert cells(fits) == [["a", inside * (LOOK_AHEAD // 100 - 1)]]
    too_long = 'a;"' + inside * (LOOK_AHEAD // 100 + 1) + '"\nb;c\n'
    found = cells(too_long)
    assert found[:2] == [None, ["x" * 99]]
    assert found[-1] == ["b", "c"]


def test_a_line_of_its_own_may_be_longer_than_the_look_ahead() -> None:
    assert cells(f'"{"x" * LOOK_AHEAD}";b\n') == [["x" * LOOK_AHEAD, "b"]]


@pytest.mark.parametrize(
    "line",
    [
        'x";"c\n',  # goes on in quotes, whether it begins in them or not
        'x";"c;""\n',
        '"a\n',
        '"""\n',
        '"";' * 10 + '"\n',
    ],
)
def test_hostile_quotes_cost_linear_time(line: str) -> None:
    def took(text: str) -> float:
        began = time.process_time()
        for _ in records(lines(text), ";"):
            pass
        return time.process_time() - began

    number = 500_000 // len(line)
    assert took(line * number) < 15
    assert took("x" + line.replace("\n", "") * number + "\n") < 15


def test_a_header_that_goes_over_many_lines_costs_linear_time() -> None:
    began = time.process_time()
    with pytest.raises(BadFile):
        opened(lines('"ID' + "\n" * LOOK_AHEAD), "ID")
    assert time.process_time() - began < 2


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text('ab;,\t "\n\r', max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[list[str]], dict[str, Any], str]:
    width = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(TEXT, min_size=width, max_size=width), max_size=8))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    end = draw(st.sampled_from(["\r\n", "\n", "\r"]))
    if quoting == csv.QUOTE_MINIMAL:
        # csv.writer of Python 3.11 leaves line breaks bare that are not in its own line ends, as nobody can read back;
        # and white space round what it does not quote is dropped, which is our rule.
        rows = [[cell.replace("\r", " ").replace("\n", " ").strip() for cell in row] for row in rows]
    return rows, {"quoting": quoting, "lineterminator": end}, draw(st.sampled_from(SEPARATORS))


@given(tables())
@example(([["a", ""], ["", ""]], {"quoting": csv.QUOTE_ALL, "lineterminator": "\r\n"}, ";"))
def test_what_a_csv_writer_writes_is_read_back(table: tuple[list[list[str]], dict[str, Any], str]) -> None:
    rows, dialect, separator = table
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=separator, **dialect).writerows(rows)
    assert cells(buffer.getvalue(), separator) == rows


@given(st.text('ab;"\n ', max_size=40), st.sampled_from(SEPARATORS))
def test_records_are_the_lines_again_and_never_fail(text: str, separator: str) -> None:
    found = list(records(lines(text), separator))
    assert "".join(raw for _, raw, _ in found) == text
    number = 1
    for first, raw, fields in found:
        assert first == number
        assert fields is None or fields
        number += raw.count("\n")


@given(st.lists(st.text('a;"\n', min_size=1, max_size=12), max_size=6))
def test_looking_ahead_does_not_change_what_is_found(parts: list[str]) -> None:
    """Each line that is at fault is so, and each record is what it is, when read from its own line on."""
    text = "\n".join(parts)
    whole = list(lines(text))
    for first, raw, fields in records(lines(text), ";"):
        again = next(records(iter(whole[first - 1 :]), ";"))
        assert again == (1, raw, fields)


@pytest.mark.parametrize(
    ("text", "separator", "columns"),
    [
        ("ID;PATH\n", ";", ["ID", "PATH"]),
        ("ID,PATH\n", ",", ["ID", "PATH"]),
        ("ID\tPATH\n", "\t", ["ID", "PATH"]),
        ("\tID\tPATH\n", "\t", ["", "ID", "PATH"]),
        ("ID\n", ";", ["ID"]),
        ("ID\t\n", "\t", ["ID", ""]),
        ("ID;PATH\t\t\t\n", ";", ["ID", "PATH"]),
        ("id;Path;;;\n", ";", ["id", "Path", "", "", ""]),
        ('"ID";"a,b,c,d";"PATH"\n', ";", ["ID", "a,b,c,d", "PATH"]),
        ('"a\nb";ID\n', ";", ["a\nb", "ID"]),
        ("sep=;\r\nID;a,b,c\r\n", ";", ["ID", "a,b,c"]),
        ("SEP=\t\nID\tPATH\n", "\t", ["ID", "PATH"]),
        ("\ufeffID;PATH\n", ";", ["ID", "PATH"]),
        ("\n;;\r\nID;PATH\n", ";", ["ID", "PATH"]),
        ('5" pipe;ID;PATH\na;b;c\n', ";", ['5" pipe', "ID", "PATH"]),
        ("ID;a,b,c,d\n", ";", ["ID", "a,b,c,d"]),
    ],
)
def test_the_separator_is_found_in_the_header(text: str, separator: str, columns: list[str]) -> None:
    head, rest = opened(lines(text + "x\n"), "ID")
    assert (head.separator, head.columns) == (separator, columns)
    *_, (number, raw, _) = rest
    assert raw == "x\n"
    assert number == text.count("\n") + 1


def test_the_head_tells_its_text_and_its_lines() -> None:
    head, rest = opened(lines('sep=;\r\n\r\n"a\nb";ID\r\nx;y\r\n'), "ID")
    assert (head.text, head.lines) == ('sep=;\r\n\r\n"a\nb";ID\r\n', 4)
    assert next(rest) == (5, "x;y\r\n", ["x", "y"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("\r\n;;;\n", "empty"),
        ("NAME;PATH\n", "no column ID"),
        ("pump-7;secret\n", "no column ID"),
        ('"ID;PATH\nx;y\n', "no column ID"),
        ("sep=|\nID|PATH\n", "sep="),
        ("sep=\nID;PATH\n", "sep="),
        ("ID;\ud800\n", "no text"),
    ],
)
def test_a_header_that_cannot_be_read_is_a_fault_of_the_file(text: str, words: str) -> None:
    with pytest.raises(BadFile, match=words) as caught:
        opened(lines(text), "ID")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ("ID;Gerät\r\n".encode(), "ID;Gerät\r\n"),
        ("ID;Gerät\r\n".encode("utf-8-sig"), "ID;Gerät\r\n"),
        ("ID;Gerät „5“ €\r\n".encode("cp1252"), "ID;Gerät „5“ €\r\n"),
        (b"", ""),
        (b"ID", "ID"),
        (b"\xe4", "ä"),
    ],
)
def test_a_text_is_utf_8_or_else_windows_1252(payload: bytes, text: str) -> None:
    assert decode(payload) == text
    assert encoding_of(payload[i : i + 1] for i in range(len(payload))) == encoding_of([payload])


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ("ID;PATH".encode("utf-16"), "UTF-16"),
        ("ID;PATH".encode("utf-16-be"), "NUL"),
        (b"\xfe\xff\0I\0D", "UTF-16"),
        (b"ID\0", "NUL"),
        (b"ID;\x81", "neither"),
        (b"\xef\xbb\xbfID;\xe4;", "neither"),
        (b"\xc3;\x8f", "neither"),
        (b"PK\x03\x04\x14\0", "workbook"),
    ],
)
def test_what_is_no_text_is_refused_with_what_to_do(payload: bytes, words: str) -> None:
    with pytest.raises(BadFile, match=words) as caught:
        decode(payload)
    assert "save it as 'CSV UTF-8'" in str(caught.value)
    with pytest.raises(BadFile):
        encoding_of(payload[i : i + 1] for i in range(len(payload)))


def plainly_split(text: str) -> list[str] | str:
    """Split one text character by character, as RFC 4180 and our rules say: cells, or ``open``, or ``broken``."""
    found: list[str] = []
    place, end = 0, len(text)
    while True:
        at = place
        while at < end and text[at].isspace():
            at += 1
        if text[at : at + 1] == '"':
            at, cell = at + 1, ""
            while text[at : at + 1] != '"' or text[at : at + 2] == '""':
                if at >= end:
                    return "open"
                cell += text[at]
                at += 2 if text[at] == '"' else 1
            at += 1
            while at < end and text[at].isspace():
                at += 1
            if at < end and text[at] != ";":
                return "broken"
            found.append(cell)
        else:
            at = text.find(";", place) if ";" in text[place:] else end
            found.append(text[place:at].strip())
        if at >= end:
            return found
        place = at + 1


def plain_records(text: str) -> Iterator[tuple[str, list[str] | None]]:
    """Read records with no thought of cost."""
    rest = list(lines(text))
    while rest:
        taken = 1
        while (found := plainly_split("".join(rest[:taken]))) == "open" and taken < len(rest):
            taken += 1
        taken = taken if isinstance(found, list) else 1
        yield "".join(rest[:taken]), found if isinstance(found, list) else None
        del rest[:taken]


def test_every_short_text_is_read_as_a_plain_reader_reads_it() -> None:
    for length in range(1, 8):
        for characters in product('a;"\n' if length > 5 else 'a;"\n ', repeat=length):
            text = "".join(characters)
            assert [(raw, found) for _, raw, found in records(lines(text), ";")] == list(plain_records(text)), text
