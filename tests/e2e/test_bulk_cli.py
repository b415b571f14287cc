"""Bulk files from the command line: as people write them, in parts, interrupted, corrected and sent again."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.peer import stranger
from tests.e2e.site import BIN, Process, UpSite, running, wait_until

PROGRAM = str(BIN / "bootstrap-bridge")
PLAIN: dict[str, Any] = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
PATIENCE = 120


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpSite]:
    """An installation for the files of this module; ids are each test's own."""
    with running(UpSite(tmp_path_factory.mktemp("bulk") / "data")) as site:
        assert isinstance(site, UpSite)
        yield site


def counts(at: UpSite) -> int:
    return sum(json.loads(at.cli("list", "--json", "--limit", "1").stdout)["result"]["counts"].values())


def pending(at: UpSite) -> int:
    counted: dict[str, int] = json.loads(at.cli("list", "--json", "--limit", "1").stdout)["result"]["counts"]
    return counted["PENDING_ACCEPTANCE"]


def wide_file(path: Path, prefix: str, number: int, bad: int = 0) -> None:
    """Write rows of about 250 bytes, so that 7,600 of them fill a part; each ``bad``-th is at fault."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("ID;NAME\r\n")
        for n in range(number):
            blank = " " if bad and n % bad == 0 else ""
            file.write(f'{prefix}{blank}{n};"{"Gerät; " * 30}"\r\n')


def test_a_file_of_a_spreadsheet_is_validated_registered_corrected_and_registered(at: UpSite, tmp_path: Path) -> None:
    path, failed = tmp_path / "devices.csv", tmp_path / "failed.csv"
    path.write_bytes("ID;PATH;NAME\r\nsheet-1;Süd/Halle;Pumpe\r\nsheet 2;;\r\nsheet-3;;\r\n;;\r\n".encode("cp1252"))
    done = at.cli("bulk-validate", str(path), **PLAIN)
    assert done.returncode == 1
    assert (
        "Nothing was changed. Of 3 lines, 2 would create a device, 0 concern one already there, 1 would fail."
        in done.stdout
    )
    assert at.cli("get", "sheet-1").returncode == 1

    done = at.cli("bulk-register", str(path), "--failed", str(failed), **PLAIN)
    assert done.returncode == 1
    assert "Of 3 lines, 2 created a device, 0 concerned one already there, 1 failed." in done.stdout
    assert [line.split()[:4] for line in done.stderr.splitlines()[1:2]] == [["3", "sheet", "2", "INVALID_ID"]]
    registration = json.loads(at.cli("get", "sheet-1", "--json").stdout)["result"]
    assert (registration["status"], registration["group"]) == ("WAITING_FOR_CONNECTION", "Süd/Halle")

    text = failed.read_bytes().decode("cp1252")
    assert text == "ID;PATH;NAME\r\nsheet 2;;\r\n"
    done = at.cli("bulk-register", "-", stdin=text.replace("sheet 2", "sheet-2"), **PLAIN)
    assert (done.returncode, done.stdout) == (
        0,
        "Of 1 line, 1 created a device, 0 concerned one already there, 0 failed.\n",
    )
    done = at.cli("bulk-register", str(path), "--json")
    assert done.returncode == 1
    result = json.loads(done.stdout)["result"]
    assert (result["numberOfCreated"], result["numberOfSuccessful"]) == (0, 2)


def test_a_large_file_goes_in_parts_and_all_its_failed_lines_are_known(at: UpSite, tmp_path: Path) -> None:
    path, failed = tmp_path / "large.csv", tmp_path / "failed.csv"
    wide_file(path, "part", 16_000, bad=4)
    done = at.cli("bulk-validate", str(path), "--json", timeout=PATIENCE)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 3
    assert sum(answer["result"]["numberOfAll"] for answer in answers) == 16_000
    assert answers[0]["result"]["truncated"] is True

    done = at.cli("bulk-register", str(path), "--failed", str(failed), timeout=PATIENCE, **PLAIN)
    assert done.returncode == 1
    assert "Of 16,000 lines, 12,000 created a device, 0 concerned one already there, 4,000 failed." in done.stdout
    told = [int(line.split()[0]) for line in done.stderr.splitlines() if "INVALID_ID" in line]
    assert told == [2 + 4 * n for n in range(4_000)]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert failed.read_text(encoding="utf-8-sig").splitlines() == [lines[0], *(lines[number - 1] for number in told)]


def test_an_interrupted_file_says_what_is_committed_and_is_sent_again(at: UpSite, tmp_path: Path) -> None:
    path = tmp_path / "stopped.csv"
    wide_file(path, "stopped", 30_000)
    before = counts(at)
    words = [PROGRAM, "bulk-register", str(path), "--json", "--data", str(at.data)]
    command = Process.start(words, tmp_path / "stopped.log", **PLAIN)
    wait_until(lambda: "numberOfCreated" in command.output, "the first of four parts is committed", PATIENCE)
    assert command.stop(signal.SIGINT) == 130
    assert "of 30,000 lines: " in command.output
    assert "Run the same command again" in command.output
    done = at.cli("bulk-register", str(path), timeout=PATIENCE, **PLAIN)
    assert done.returncode == 0, done.stderr
    assert counts(at) == before + 30_000


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"ID;TOKN\na;b\n", "'TOKN' is not known"),
        (b"ID;ID\na;b\n", "ID twice"),
        (b"pump-7;a\n", "no column ID"),
        ("ID;PATH\na;b\n".encode("utf-16"), "save it as 'CSV UTF-8'"),
    ],
)
def test_a_file_at_fault_is_a_sentence(at: UpSite, tmp_path: Path, payload: bytes, words: str) -> None:
    (tmp_path / "fault.csv").write_bytes(payload)
    done = at.cli("bulk-register", str(tmp_path / "fault.csv"), **PLAIN)
    assert done.returncode == 1
    assert done.stderr.startswith("BULK_FILE_INVALID: ")
    assert words in done.stderr


def test_a_template_is_a_file_to_fill_in(at: UpSite, tmp_path: Path) -> None:
    simple = at.cli("template", "simple")
    assert (simple.returncode, simple.stdout) == (0, "ID;PATH\n")
    assert at.cli("template", "full", "--output", str(tmp_path / "full.csv")).returncode == 0
    with (tmp_path / "full.csv").open("a", newline="") as file:
        file.write("template-1;longenough;;;;;;;\r\n")
    assert at.cli("bulk-register", str(tmp_path / "full.csv")).returncode == 0
    again = at.cli("template", "full", "--output", str(tmp_path / "full.csv"))
    assert again.returncode == 2
    assert "there already" in again.stderr


async def test_a_thousand_devices_are_accepted_by_a_file_of_tokens_and_ten_wrong_ones_named(
    own_site: UpSite, tmp_path: Path
) -> None:
    own_site.start()
    ids = [f"label-{one:04}" for one in range(1_000)]
    wrong = set(ids[5::100])
    assert own_site.cli("register", "-", stdin="\n".join(ids)).returncode == 0
    for device_id in ids:
        async with stranger(own_site.access, device_id) as caller:  # a plain call in line form is not answered
            await caller.publish(f"bootstrap/{device_id}/request", f"token of {device_id}")
    wait_until(lambda: pending(own_site) == len(ids), "the bridge has heard all calls", PATIENCE)
    labels = tmp_path / "tokens.csv"
    rows = [f"{one};{'guess' if one in wrong else f'token of {one}'}\n" for one in ids]
    labels.write_text("ID;TOKEN\n" + "".join(rows), encoding="utf-8")
    done = own_site.cli("accept", "--file", str(labels), timeout=60, **PLAIN)
    assert done.returncode == 1, done.stderr
    assert "990 of 1,000 devices are accepted" in done.stdout
    assert {one for one in ids if one in done.stderr} == wrong
    listed = json.loads(own_site.cli("list", "--json", "--limit", "1").stdout)["result"]["counts"]
    assert (listed["ACCEPTED"], listed["PENDING_ACCEPTANCE"]) == (990, 10)
