"""Bulk files: what each line says, each way in which a line or a file is at fault, and files as programs write them."""

import csv
import io
from collections.abc import Collection
from dataclasses import FrozenInstanceError, fields
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import bulk
from bridge.bulk import BadFile, BadRow, File, Row, decode, read, template
from bridge.registration import Code

SECRET = "s3cret-of-the-device"


def opened(text: str, tenants: Collection[str] | None = None) -> File:
    return read(io.StringIO(text, newline=""), tenants)


def rows(text: str, tenants: Collection[str] | None = None) -> list[Row | BadRow]:
    return list(opened(text, tenants))


def good(text: str, tenants: Collection[str] | None = None) -> list[Row]:
    found = rows(text, tenants)
    assert all(isinstance(row, Row) for row in found), found
    return [row for row in found if isinstance(row, Row)]


def test_a_simple_file_announces_devices() -> None:
    text = "ID;PATH\nDevice1;Group A\nDevice2;Group A/Group B\t\t\t\nDevice3;\n"
    assert rows(text) == [
        Row(2, "Device1", path="Group A"),
        Row(3, "Device2", path="Group A/Group B"),
        Row(4, "Device3"),
    ]
    assert not opened(text).full
    assert opened(text).columns == ("ID", "PATH")


def test_a_simple_file_may_have_token_name_and_type() -> None:
    text = "token,AutoAccept,Name,type,id\n t1 ,yes,Pump,c8y_Pump,a\n,,,,b\nt2,,,,c\nt3,0,,,d\n"
    assert rows(text) == [
        Row(2, "a", name="Pump", type="c8y_Pump", token="t1", auto_accept=True),
        Row(3, "b"),
        Row(4, "c", token="t2"),
        Row(5, "d", token="t3", auto_accept=False),
    ]


def test_a_full_file_has_credentials_and_properties() -> None:
    text = (
        "ID;CREDENTIALS;TYPE;NAME;ICCID;IDTYPE;PATH;SHELL;AUTH_TYPE;site;com_x.active;com_x.at.hall\n"
        "006064ce800a;LF2PWJoLG1Fz;c8y_Device;Sample_Device1;+491555555;c8y_Serial;bulk group/subgroup1;1;BASIC;"
        "Ulm;true;3\n"
        "006064ce8077;OowoGKAbiNJs;;;;;;;;;;\n"
    )
    assert rows(text) == [
        Row(
            2,
            "006064ce800a",
            path="bulk group/subgroup1",
            name="Sample_Device1",
            type="c8y_Device",
            credentials="LF2PWJoLG1Fz",
            iccid="+491555555",
            id_type="c8y_Serial",
            shell=True,
            properties={"site": "Ulm", "com_x": {"active": "true", "at": {"hall": "3"}}},
        ),
        Row(3, "006064ce8077", credentials="OowoGKAbiNJs"),
    ]
    assert opened(text).full


@pytest.mark.parametrize(
    ("cell", "shell"), [("1", True), ("1.0", True), ("TRUE", True), ("0", False), ("no", False), ("", None)]
)
def test_shell_is_one_or_not(cell: str, shell: bool | None) -> None:
    assert [row.shell for row in good(f"ID;CREDENTIALS;SHELL\na;12345678;{cell}\n")] == [shell]


@pytest.mark.parametrize("cell", ["true", "True", "1", "1.0", "YES", '" yes "'])
@pytest.mark.parametrize("opposite", [False, True])
def test_auto_accept_is_written_in_the_ways_of_programs(cell: str, opposite: bool) -> None:
    words = {"true": "false", "1": "0", "1.0": "0.0", "yes": "no"}
    cell = words[cell.strip('" ').lower()] if opposite else cell
    assert [row.auto_accept for row in good(f"ID;TOKEN;AUTOACCEPT\na;t;{cell}\n")] == [not opposite]


def test_a_cell_in_quotes_keeps_its_white_space_but_a_token_never() -> None:
    text = 'ID;TOKEN;NAME\na;"  t ";" Pump\r\nseven "\n'
    assert rows(text) == [Row(2, "a", token="t", name=" Pump\r\nseven ")]


def test_management_names_a_tenant_in_each_row() -> None:
    text = "ID;Tenant;PATH\na;t1;\nb;t2;\nc;;\nd;t9;\ne;t1;Group\n"
    assert [
        (row.line, getattr(row, "tenant", None), getattr(row, "code", None)) for row in rows(text, {"t1", "t2"})
    ] == [
        (2, "t1", None),
        (3, "t2", None),
        (4, None, Code.UNKNOWN_TENANT),
        (5, None, Code.UNKNOWN_TENANT),
        (6, None, Code.TENANT_AND_GROUP),
    ]
    assert [row.tenant for row in good("ID;CREDENTIALS;TENANT\na;12345678;t1\n", {"t1"})] == ["t1"]


def test_the_tenant_column_is_not_looked_at_for_others() -> None:
    assert [row.tenant for row in good("ID;TENANT;PATH\na;t9;Group\nb;;\n")] == [None, None]


def test_lines_without_a_value_are_no_records() -> None:
    assert [row.line for row in rows('ID;PATH\n\n;\n;;;\n"";""\n  ; \na;\n\n')] == [7]


def test_surplus_empty_fields_and_nameless_columns_are_left_out() -> None:
    assert rows("ID;PATH;;\na;b;;\nc;d\ne;f;;;;;\n") == [
        Row(2, "a", path="b"),
        Row(3, "c", path="d"),
        Row(4, "e", path="f"),
    ]
    assert rows(",ID,PATH\n0,a,b\n1,c,d\n") == [Row(2, "a", path="b"), Row(3, "c", path="d")]
    assert opened(",ID,PATH,,\n").columns == ("ID", "PATH")


BAD_SIMPLE = [
    # A record below ID;PATH;TOKEN;AUTOACCEPT;NAME;TYPE;ENROLLMENT_OTP, the id that is told, and the code.
    (";x;;;;;", None, Code.INVALID_ID),
    ("a b;;;;;;", "a b", Code.INVALID_ID),
    ("..;;;;;;", "..", Code.INVALID_ID),
    ("i" * 256 + ";;;;;;", "i" * 255, Code.INVALID_ID),
    ('"4,91557E+11";;;;;;', "4,91557E+11", Code.INVALID_ID),
    ("4.91557E+11;;;;;;", "4.91557E+11", Code.INVALID_ID),
    ("e\u0301;;;;;;", "e\u0301", Code.INVALID_ID),
    ("a;b//c;;;;;", "a", Code.MALFORMED_REQUEST),
    ('a;"b\nc";;;;;', "a", Code.MALFORMED_REQUEST),
    ("a;b", "a", Code.MALFORMED_REQUEST),
    ("a;b;;;;;;;c", "a", Code.MALFORMED_REQUEST),
    (f"a;b;{SECRET}{'x' * 256};;;;", "a", Code.MALFORMED_REQUEST),
    (f"a;b;;{SECRET};;;", "a", Code.MALFORMED_REQUEST),
    (f"a;b;t;{SECRET};;;", "a", Code.MALFORMED_REQUEST),
    ("a;b;;true;;;", "a", Code.TOKEN_REQUIRED),
    ('a;b;" ";true;;;', "a", Code.TOKEN_REQUIRED),
    (f"a;;;;{'n' * 256};;", "a", Code.MALFORMED_REQUEST),
    (f"a;;;;;{'n' * 256};", "a", Code.MALFORMED_REQUEST),
    (f"a;;;;;;{SECRET}", "a", Code.MALFORMED_REQUEST),
    (f'a;;"{SECRET};;;;', "a", Code.MALFORMED_REQUEST),
    (f'a;;"{SECRET}"x;;;;', "a", Code.MALFORMED_REQUEST),
    ('"a"b;;;;;;', None, Code.MALFORMED_REQUEST),
    ("a;\ud800;;;;;", "a", Code.MALFORMED_REQUEST),
    ("a\udc80;;;;;;", "a\ufffd", Code.MALFORMED_REQUEST),
]


def test_every_kind_of_bad_line_fails_alone() -> None:
    text = "ID;PATH;TOKEN;AUTOACCEPT;NAME;TYPE;ENROLLMENT_OTP\n"
    expected: list[object] = []
    for number, (record, id_, code) in enumerate(BAD_SIMPLE):
        expected.append((text.count("\n") + 1, id_, code))
        text += record + "\n"
        expected.append(Row(text.count("\n") + 1, f"fine-{number}"))
        text += f"fine-{number};;;;;;\n"
    found = rows(text)
    assert [(row.line, row.id, row.code) if isinstance(row, BadRow) else row for row in found] == expected
    for row in found:
        assert SECRET not in repr(row)
        assert isinstance(row, Row) or row.reason


def test_a_number_that_a_spreadsheet_shortened_is_named_so() -> None:
    assert "spreadsheet" in getattr(rows('ID\n"4,91557E+11"\n')[0], "reason", "")


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("a;", Code.MALFORMED_REQUEST, "empty"),
        ("a;1234567", Code.MALFORMED_REQUEST, "these are 7"),
        ("a;" + SECRET + "x" * 128, Code.MALFORMED_REQUEST, "8 to 128"),
        (f'a;"{SECRET}\t1"', Code.MALFORMED_REQUEST, "control"),
        (f'a;"{SECRET}\n1"', Code.MALFORMED_REQUEST, "control"),
        (f"a;{SECRET};BASIC;;{SECRET}", Code.MALFORMED_REQUEST, "5 fields"),
        (f"a;{SECRET};certificates", Code.MALFORMED_REQUEST, "not supported"),
        (f"a;{SECRET};{SECRET}", Code.MALFORMED_REQUEST, "BASIC"),
        (f"a;{SECRET};;" + "x" * 8_200, Code.LIMIT_REACHED, "8192"),
        (f"a;{SECRET};;" + '"' + '""' * 4_100 + '"', Code.LIMIT_REACHED, "8192"),
        (f"a b;{SECRET}", Code.INVALID_ID, "U+0020"),
    ],
)
def test_a_full_row_at_fault_says_what_to_do_and_no_secret(line: str, code: Code, words: str) -> None:
    line += ";" * (3 - line.count(";"))
    found = rows(f"ID;CREDENTIALS;AUTH_TYPE;note.text\n{line}\nb;12345678;BASIC;\n")
    assert isinstance(found[0], BadRow)
    assert (found[0].line, found[0].code) == (2, code)
    assert words in found[0].reason
    assert SECRET not in repr(found[0])
    assert found[1:] == [Row(found[1].line, "b", credentials="12345678")]


def test_properties_of_exactly_the_limit_pass() -> None:
    room = bulk.MAX_PROPERTIES - len('{"note":{"text":""}}')
    assert good(f"ID;CREDENTIALS;note.text\na;12345678;{'x' * room}\n")
    assert isinstance(rows(f"ID;CREDENTIALS;note.text\na;12345678;{'x' * (room + 1)}\n")[0], BadRow)


def test_a_line_of_another_length_tells_no_cell_that_may_have_moved() -> None:
    """A separator inside credentials that stand before the id would move a part of them to its place."""
    found = rows(f"CREDENTIALS;ID\n12345;{SECRET};a\n")
    assert found == [BadRow(2, None, Code.MALFORMED_REQUEST, getattr(found[0], "reason", ""))]
    assert SECRET not in repr(found)
    assert [row.id for row in rows(",ID,CREDENTIALS\n0,a,b,c\n")] == ["a"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("\n;", "no column ID"),
        ("NAME;PATH", "no column ID"),
        (f"pump-7;{SECRET}", "no column ID"),
        ("ID;PATH;id", "column ID twice"),
        ("ID;CREDENTIALS;Credentials", "column CREDENTIALS twice"),
        ("ID;CREDENTIALS;a;a", "'a' twice"),
        ("ID;CREDENTIALS;a;a.b", "contradict"),
        ("ID;CREDENTIALS;a.b.c;a.b", "contradict"),
        ("ID;CREDENTIALS;a.b.c;a.b.c", "'a.b.c' twice"),
        ("ID;CREDENTIALS;a..b", "empty part"),
        ("ID;CREDENTIALS;.a", "empty part"),
        ("ID;CREDENTIALS;" + ".".join("a" * 33), "more than 32 parts"),
        ("ID;CREDENTIALS;TOKEN", "TOKEN is for"),
        ("ID;CREDENTIALS;AutoAccept", "AUTOACCEPT is for"),
        ("ID;;PATH", "column 2 has no name"),
        ("ID;PATH;TOKN", "'TOKN' is not known.*TOKEN.*needs CREDENTIALS"),
        ("ID;PATH;ICCID", "'ICCID' is not known"),
        ("ID;AUTH_TYPE", "'AUTH_TYPE' is not known"),
    ],
)
def test_a_header_that_cannot_be_meant_so_is_a_fault_of_the_file(header: str, words: str) -> None:
    with pytest.raises(BadFile, match=words) as caught:
        opened(header + "\na;12345678\n")
    assert SECRET not in str(caught.value)


def test_a_custom_name_differs_by_case_and_may_be_32_parts() -> None:
    deep = ".".join("abcd" * 8)
    (row,) = good(f"ID;CREDENTIALS;a;A;b.c;b.C;{deep.replace('a', 'x', 1)}\nd;12345678;1;2;3;4;5\n")
    assert {key: row.properties[key] for key in ("a", "A", "b")} == {"a": "1", "A": "2", "b": {"c": "3", "C": "4"}}


def test_management_needs_the_tenant_column() -> None:
    with pytest.raises(BadFile, match="no column TENANT"):
        opened("ID;PATH\na;\n", {"t1"})


def test_a_one_time_password_is_never_a_property() -> None:
    for header in ("ID;ENROLLMENT_OTP", "ID;CREDENTIALS;enrollment_otp"):
        middle = ";12345678" * header.count("CREDENTIALS")
        fine, bad = rows(f"{header}\na{middle};\nb{middle};{SECRET}\n")
        assert isinstance(fine, Row)
        assert not fine.properties
        assert isinstance(bad, BadRow)
        assert SECRET not in repr(bad)


def test_a_row_is_as_frozen_as_its_kind_says_and_shows_no_secret() -> None:
    for row in (*good(f"ID;TOKEN\na;{SECRET}\n"), *good(f"ID;CREDENTIALS\na;{SECRET}\n")):
        assert type(row) is Row
        assert SECRET not in repr(row)
        with pytest.raises(FrozenInstanceError):
            row.id = "b"  # type: ignore[misc]


def test_the_draft_of_a_row_has_the_fields_of_a_row() -> None:
    assert [one.name for one in fields(bulk._Draft)] == [one.name for one in fields(Row)]


EXPECTED = [
    Row(2, "Gerät-1", path="Häuser/Süd", name='5" "Pumpe"', token="geheim;1"),
    Row(3, "pump-2", name="zwei\nZeilen"),
    Row(5, "pump-3", path="Group A"),
]
BODY = [
    ["Gerät-1", "Häuser/Süd", '5" "Pumpe"', "geheim;1"],
    ["pump-2", "", "zwei\nZeilen", ""],
    ["pump-3", "Group A", "", ""],
]


def written(separator: str, end: str = "\r\n", quoting: Literal[0, 1] = csv.QUOTE_MINIMAL) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, lineterminator=end, quoting=quoting)
    for row in [["ID", "PATH", "NAME", "TOKEN"], *BODY]:
        writer.writerow(row)
    return buffer.getvalue()


GOLDEN = {
    "Excel, German: semicolon, Windows-1252": (
        "ID;PATH;NAME;TOKEN\r\n"
        'Gerät-1;Häuser/Süd;"5"" ""Pumpe""";"geheim;1"\r\n'
        'pump-2;;"zwei\nZeilen";\r\n'
        "pump-3;Group A;;\r\n;;;\r\n"
    ).encode("cp1252"),
    "Excel, German: CSV UTF-8": (
        "ID;PATH;NAME;TOKEN\r\n"
        'Gerät-1;Häuser/Süd;"5"" ""Pumpe""";"geheim;1"\r\n'
        'pump-2;;"zwei\nZeilen";\r\n'
        "pump-3;Group A;;\r\n"
    ).encode("utf-8-sig"),
    "Excel, English: CSV UTF-8, empty columns behind": (
        "ID,PATH,NAME,TOKEN,,\r\n"
        'Gerät-1,Häuser/Süd,"5"" ""Pumpe""",geheim;1,,\r\n'
        'pump-2,,"zwei\nZeilen",,,\r\n'
        "pump-3,Group A,,,,\r\n,,,,,\r\n"
    ).encode("utf-8-sig"),
    "Excel, text by tabs": (
        "ID\tPATH\tNAME\tTOKEN\r\n"
        'Gerät-1\tHäuser/Süd\t"5"" ""Pumpe"""\tgeheim;1\r\n'
        'pump-2\t\t"zwei\nZeilen"\t\r\n'
        "pump-3\tGroup A\t\t\r\n"
    ).encode("cp1252"),
    "LibreOffice": (
        'ID,PATH,NAME,TOKEN\nGerät-1,Häuser/Süd,"5"" ""Pumpe""",geheim;1\npump-2,,"zwei\nZeilen",\npump-3,Group A,,\n'
    ).encode(),
    "LibreOffice, all text in quotes": (
        '"ID","PATH","NAME","TOKEN"\n'
        '"Gerät-1","Häuser/Süd","5"" ""Pumpe""","geheim;1"\n'
        '"pump-2",,"zwei\nZeilen",\n'
        '"pump-3","Group A",,\n'
    ).encode(),
    "pandas, with its index": (
        ",ID,PATH,NAME,TOKEN\n"
        '0,Gerät-1,Häuser/Süd,"5"" ""Pumpe""",geheim;1\n'
        '1,pump-2,,"zwei\nZeilen",\n'
        "2,pump-3,Group A,,\n"
    ).encode(),
    "csv.writer, all in quotes": written(";", quoting=csv.QUOTE_ALL).encode(),
    "csv.writer, old line ends": written(",", "\r").replace("zwei\nZeilen", '"zwei\nZeilen"').encode(),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_files_as_programs_write_them_say_the_same(name: str) -> None:
    assert rows(decode(GOLDEN[name])) == EXPECTED


def test_the_line_that_names_the_separator_counts_as_a_line() -> None:
    text = decode(b"\xef\xbb\xbfsep=;\r\nID;PATH\r\nGer\xc3\xa4t;a,b,c\r\n")
    assert rows(text) == [Row(3, "Gerät", path="a,b,c")]


@pytest.mark.parametrize(("kind", "full"), [("simple", False), ("full", True)])
def test_a_template_is_a_file_of_its_kind_without_devices(kind: str, full: bool) -> None:
    name, content = template(kind)  # type: ignore[arg-type]
    assert name.endswith(".csv")
    assert opened(content).full is full
    assert rows(content) == []
    assert decode(content.encode()) == content


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"ID;PATH\n", b"ID,CREDENTIALS,a.b\n", b"ID\tTOKEN\tAUTOACCEPT\n"])
)
def test_arbitrary_bytes_are_rows_or_a_bad_file(payload: bytes, header: bytes) -> None:
    try:
        found = rows(decode(header + payload))
    except BadFile:
        return
    for row in found:
        assert row.line > 1
        repr(row).encode()


LINE = st.text('ab.;+ "\ud800', max_size=12)


@given(st.lists(LINE.filter(lambda line: '"' not in line), max_size=5))
def test_a_bad_line_never_changes_the_rows_after_it(bad: list[str]) -> None:
    found = rows("ID;PATH\n" + "".join(f"{line}\nfine-{number};\n" for number, line in enumerate(bad)))
    fine = [row for row in found if str(row.id).startswith("fine-")]
    assert fine == [Row(3 + 2 * number, f"fine-{number}") for number in range(len(bad))]


@given(st.lists(LINE, max_size=5))
def test_quotes_may_swallow_lines_but_never_more_than_to_the_next_quotes(bad: list[str]) -> None:
    text = "ID;PATH\n" + "".join(f"{line}\nfine-{number};\n" for number, line in enumerate(bad)) + "end;\nlast;\n"
    assert rows(text)[-2:] == [Row(text.count("\n") - 1, "end"), Row(text.count("\n"), "last")]


@pytest.mark.parametrize("column", ["NAME", "TYPE", "ICCID", "IDTYPE"])
def test_a_text_of_a_full_row_has_at_most_255_characters(column: str) -> None:
    text = f"ID;CREDENTIALS;{column}\na;password-1;{{}}\n"
    assert isinstance(rows(text.format("x" * 255))[0], Row)
    (bad,) = rows(text.format("x" * 256))
    assert isinstance(bad, BadRow)
    assert bad.reason.startswith(f"{column}: at most 255")


def test_credentials_and_tokens_are_taken_up_to_their_limits() -> None:
    full = rows("ID;CREDENTIALS\n" + "\n".join(f"d{n};{'x' * n}" for n in (7, 8, 128, 129)) + "\n")
    assert [isinstance(row, Row) for row in full] == [False, True, True, False]
    simple = rows("ID;TOKEN\n" + "\n".join(f"d{n};{'x' * n}" for n in (256, 257)) + "\n")
    assert [isinstance(row, Row) for row in simple] == [True, False]


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        ("a;password-1;;", Code.UNKNOWN_TENANT, "empty"),
        ("a;password-1;south;", Code.UNKNOWN_TENANT, "no tenant of this name"),
        ("a;password-1;north;G", Code.TENANT_AND_GROUP, "not both"),
        ("a;password-1;north;/", Code.MALFORMED_REQUEST, "PATH: "),
    ],
)
def test_a_full_row_of_management_says_what_is_wrong_with_its_tenant(row: str, code: Code, words: str) -> None:
    (bad,) = rows(f"ID;CREDENTIALS;TENANT;PATH\n{row}\n", {"north"})
    assert isinstance(bad, BadRow)
    assert bad.code is code
    assert words in bad.reason


def test_a_full_row_of_management_has_its_tenant() -> None:
    assert good("ID;CREDENTIALS;TENANT;PATH\na;password-1;north;\n", {"north"})[0].tenant == "north"


def test_the_id_before_a_quote_that_is_not_closed_is_told_and_no_later_cell() -> None:
    found = rows('ID;PATH;NAME\na;G;"x\nb;"G\n"c\n')
    assert [(row.id, row.line) for row in found] == [("a", 2), ("b", 3), (None, 4)]


def test_a_long_name_of_a_column_is_shown_shortened() -> None:
    for length, shown in ((80, "x" * 80), (81, "x" * 80 + "…")):
        with pytest.raises(BadFile) as told:
            opened(f"ID;{'x' * length}\n")
        assert repr(shown) in str(told.value)


@pytest.mark.parametrize("column", ["n", "n" * 300, ".".join("n" * 30)])
def test_the_limit_of_properties_is_exact_whatever_the_columns_are_called(column: str) -> None:
    parts = column.split(".")
    frame = sum(len(part) + 5 for part in parts) + 2
    for length, passes in ((8_192 - frame, True), (8_193 - frame, False)):
        (row,) = rows(f"ID;CREDENTIALS;{column}\na;password-1;{'x' * length}\n")
        assert isinstance(row, Row) is passes, (length, row)
