"""The labels file."""

import re
import stat
from pathlib import Path

import pytest

from device_sim.labels import LabelsError, Tokens, complete, new_token, read_labels, write_labels
from device_sim.names import token_fault

IDS = ["sim-001", "sim-002", "sim-003"]


@pytest.mark.parametrize(
    ("tokens", "labels"),
    [
        (Tokens.NONE, {"sim-001": "", "sim-002": "", "sim-003": ""}),
        (Tokens.ALL, {"sim-001": "T", "sim-002": "T", "sim-003": "T"}),
        (Tokens.MIXED, {"sim-001": "", "sim-002": "T", "sim-003": ""}),
    ],
)
def test_new_labels_have_tokens_as_asked_for(tokens: Tokens, labels: dict[str, str]) -> None:
    assert complete({}, IDS, tokens, make=lambda: "T") == labels


def test_a_label_that_exists_is_never_changed() -> None:
    known = {"other": "O", "sim-001": "OLD", "sim-002": ""}
    assert complete(known, IDS, Tokens.ALL, make=lambda: "T") == known | {"sim-003": "T"}


def test_some_devices_have_a_token_in_any_case() -> None:
    assert complete({}, IDS, Tokens.NONE, lambda: "T", frozenset({"sim-003"}))["sim-003"] == "T"


def test_a_new_token_is_long_enough_not_to_be_guessed_and_easy_to_read() -> None:
    drawn = {new_token() for _ in range(50)}
    assert len(drawn) == 50
    assert all(re.fullmatch(r"([A-HJ-NP-Z2-9]{5}-){3}[A-HJ-NP-Z2-9]{5}", token) for token in drawn)
    assert not any(map(token_fault, drawn))


def test_labels_come_back_as_they_were_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    labels = {"pump-7": 'with "quotes", and comma', "Wärmepumpe-7": ""}
    path = tmp_path / "new" / "labels.csv"
    write_labels(path, labels)
    assert read_labels(path) == labels
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().splitlines()[0] == b"id,token"


def test_a_file_from_a_spreadsheet_is_read_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    assert read_labels(path) == {}
    path.write_bytes("\ufeffid,token\r\npump-7, LABEL \r\n\r\nWärmepumpe-7,\r\n".encode())
    assert read_labels(path) == {"pump-7": "LABEL", "Wärmepumpe-7": ""}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "id,token"),
        (b"pump-7,LABEL\n", "id,token"),
        (b"id,token\npump-7\n", "line 2: a label has 2 fields"),
        (b"id,token\na/b,\n", "line 2: a device id"),
        (b"id,token\npump-7," + b"x" * 257, "line 2: a security token"),
        (b"id,token\npump-7,a\npump-7,b\n", "line 3: pump-7 is there twice"),
        (b'id,token\npump-7,"a', "line 2"),
        (b"id,token\n\xff,\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_labels_file_is_refused_with_line_and_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(LabelsError, match=reason):
        read_labels(path)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="cannot be read"):
        read_labels(tmp_path)
    with pytest.raises(LabelsError, match="cannot be written"):
        write_labels(tmp_path, {})
