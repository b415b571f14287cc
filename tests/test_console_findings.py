"""What a pass over a bulk file found: pages of failed lines, their records, nothing left behind."""

from pathlib import Path

import pytest

from bridge.console.findings import STEP, Findings


def failed(line: int, id_: str | None = "pump 1") -> dict[str, object]:
    words = {"code": "INVALID_ID", "failureReason": "the character U+0020 is not permitted"}
    return {"line": line, "bulkNewDeviceStatus": "FAILED", **words} | ({"deviceId": id_} if id_ is not None else {})


@pytest.fixture
def found() -> Findings:
    findings = Findings("utf-8-sig")
    findings.add([failed(line) for line in range(2, 2 + STEP)])
    findings.add([failed(line) for line in range(2 + STEP, 3 + 2 * STEP)])
    return findings


def test_failed_lines_come_by_pages(found: Findings) -> None:
    assert found.number == 2 * STEP + 1
    pages = [found.page(first) for first in range(0, found.number, STEP)]
    assert [len(page) for page in pages] == [STEP, STEP, 1]
    assert [row["line"] for page in pages for row in page] == list(range(2, 3 + 2 * STEP))
    words = {"id": "pump 1", "code": "INVALID_ID", "reason": "the character U+0020 is not permitted"}
    assert pages[0][0] == {"line": 2, **words}
    found.close()


def test_there_is_no_page_before_the_first_nor_after_the_last(found: Findings) -> None:
    assert found.page(-STEP) == []
    assert found.page(3 * STEP) == []
    found.close()


def test_lines_are_added_after_a_page_was_read(found: Findings) -> None:
    found.page(0)
    found.add([failed(999)])
    assert [row["line"] for row in found.page(2 * STEP)] == [2 + 2 * STEP, 999]
    found.close()


def test_ids_of_every_kind_are_kept() -> None:
    findings = Findings("utf-8-sig")
    findings.add([failed(2, None), failed(3, "<script>\n\x00 משאבה \ud800")])
    assert [row["id"] for row in findings.page(0)] == [None, "<script>\n\x00 משאבה ?"]
    findings.close()


def test_records_are_in_the_encoding_of_the_file() -> None:
    for encoding, expected in (("cp1252", b"ID;NAME\r\na b;S\xfcd\r\n"), ("utf-8-sig", "\ufeffID;NAME\r\na b;Süd\r\n")):
        findings = Findings(encoding)
        findings.records.write("ID;NAME\r\na b;Süd\r\n")
        assert b"".join(findings.download()) == (expected if isinstance(expected, bytes) else expected.encode())
        findings.close()


def test_who_has_begun_to_download_gets_all_of_it_though_the_file_is_discarded() -> None:
    findings = Findings("utf-8-sig")
    findings.records.write("ID\r\n" * 200_000)
    download = findings.download()
    first = next(download)
    findings.close()
    assert len(first + b"".join(download)) == 3 + 800_000


def test_nothing_has_a_name_and_all_is_given_back() -> None:
    def opened() -> list[str]:
        return sorted(str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())

    before = opened()
    findings = Findings("utf-8-sig")
    kept = [one for one in opened() if one not in before]
    assert len(kept) == 2
    assert all(one.endswith(" (deleted)") for one in kept)
    findings.close()
    assert opened() == before
