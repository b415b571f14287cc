"""bulk-register, bulk-validate and accept with a file, against a bridge that answers from the files it is sent."""

import asyncio
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from rich.console import Console

from bridge import bulk, sending, uploading
from bridge.admin import Access, Admin, NoAnswer, RefusedByBridge, result_of
from bridge.bulk import BadFile, BadRow
from bridge.commands import asking
from bridge.commands import bulk as commands
from bridge.sending import Command
from bridge.speaking import Speaker, Usage, Work

HELD = 10
"""Failures that this bridge's answers hold."""


@dataclass
class Bridge:
    """It creates what it does not know and updates what it does.

    ``lost`` is the number of the request that it never answers; ``interrupted`` is what happens meanwhile.
    """

    known: set[str] = field(default_factory=set)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    lost: int = 0
    interrupted: Callable[[], object] = lambda: None
    tenant = "default"

    async def answer(self, command: str, payload: Mapping[str, Any] | bytes | None = None) -> dict[str, Any]:
        self.asked.append((command, payload))
        await asyncio.sleep(0)
        if len(self.asked) == self.lost:
            self.interrupted()
            await asyncio.sleep(0)
            raise NoAnswer("the bridge has not answered")
        if command == "accept":
            return {"ok": True, "result": self.accept(cast("Mapping[str, Any]", payload)["devices"])}
        assert isinstance(payload, bytes)
        assert len(payload) <= bulk.MAX_FILE
        try:
            return {"command": command, "ok": True, "result": self.take(command, payload)}
        except BadFile as error:
            return {"command": command, "ok": False, "error": {"code": "BULK_FILE_INVALID", "message": str(error)}}

    async def request(self, command: str, payload: Mapping[str, Any] | bytes | None = None) -> dict[str, Any]:
        return result_of(await self.answer(command, payload))

    def take(self, command: str, payload: bytes) -> dict[str, Any]:
        rows = list(bulk.read(io.StringIO(bulk.decode(payload), newline="")))
        failed = [row for row in rows if isinstance(row, BadRow)]
        good = {row.id for row in rows if not isinstance(row, BadRow)}
        created = good - self.known
        if command == "bulk-register":
            self.known |= created
        listed = [
            {"bulkNewDeviceStatus": "FAILED", "deviceId": one.id, "code": one.code, "failureReason": one.reason}
            | {"line": one.line}
            for one in failed[:HELD]
        ]
        return {
            "numberOfAll": len(rows),
            "numberOfCreated": len(created),
            "numberOfFailed": len(failed),
            "numberOfSuccessful": len(rows) - len(failed),
            "credentialUpdatedList": [],
            "failedCreationList": listed,
            **({"truncated": True} if len(listed) < len(failed) else {}),
        }

    @staticmethod
    def accept(devices: list[dict[str, Any]]) -> dict[str, Any]:
        assert len(devices) <= 1_000
        wrong = [one["id"] for one in devices if one["securityToken"] != "right"]
        failed = [{"id": id_, "code": "TOKEN_MISMATCH", "message": "it is not the one"} for id_ in wrong]
        return {"accepted": [one["id"] for one in devices if one["id"] not in wrong], "failed": failed}


@dataclass
class Shown:
    """What a person reads."""

    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)
    terminal: bool = False


@pytest.fixture(params=[False, True], ids=["pipe", "terminal"])
def shown(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    shown = Shown(terminal=request.param)
    out, err = (
        Console(file=file, width=400, soft_wrap=True, force_terminal=request.param, color_system=None)
        for file in (shown.out, shown.err)
    )
    for room in (commands, asking):
        for name, console in (("out", out), ("err", err)):
            monkeypatch.setattr(room, name, console, raising=False)
    yield shown
    assert "s3cret" not in shown.out.getvalue() + shown.err.getvalue()


def speaker(as_json: bool = False) -> Speaker:
    return Speaker(Access("host", 1883, "default", "admin", "s3cret"), as_json)


def upload(file: Path, name: Command = "bulk-register", failed: Path | None = None, as_json: bool = False) -> Work:
    return commands._uploading(speaker(as_json), name, str(file), failed)


def run(work: Work, bridge: Bridge) -> int:
    async def working() -> int:
        return await work(cast("Admin", bridge))

    return asyncio.run(working())


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in parts of 200 bytes, so that few lines make many parts."""
    cut = uploading.parts
    monkeypatch.setattr(uploading.Upload, "parts", lambda self: cut(self.lines(), max_bytes=200))


BODY = ["a;Group", "b b;", "", 'c;"Group; ""C"""', "d;x//y", "a;Group", 'e;"s3cret-never-closed', "f;"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "devices.csv"
    path.write_bytes("\r\n".join(["ID;PATH", *BODY]).encode("cp1252"))
    return path


def test_counts_are_told_in_words_and_failures_with_their_lines(file: Path, shown: Shown) -> None:
    bridge = Bridge()
    assert run(upload(file), bridge) == 1
    assert bridge.known == {"a", "c", "f"}
    assert "Of 7 lines, 3 created a device, 1 concerned one already there, 3 failed." in shown.out.getvalue()
    table = [line.split()[:3] for line in shown.err.getvalue().splitlines() if line.strip()[:1].isdigit()]
    assert table == [["3", "b", "b"], ["6", "d", "MALFORMED_REQUEST"], ["8", "e", "MALFORMED_REQUEST"]]


def test_the_same_file_again_changes_nothing(file: Path, shown: Shown) -> None:
    bridge = Bridge()
    run(upload(file), bridge)
    shown.out.truncate(0)
    run(upload(file), bridge)
    assert "0 created a device, 4 concerned one already there, 3 failed" in shown.out.getvalue()


def test_validating_says_that_nothing_was_changed(file: Path, shown: Shown) -> None:
    bridge = Bridge()
    assert run(upload(file, "bulk-validate"), bridge) == 1
    assert not bridge.known
    assert "Nothing was changed. Of 7 lines, 3 would create a device" in shown.out.getvalue()


def test_a_file_without_a_fault_ends_well(tmp_path: Path, shown: Shown) -> None:
    (tmp_path / "one.csv").write_text("ID\na\n")
    assert run(upload(tmp_path / "one.csv"), Bridge()) == 0
    assert "Of 1 line, 1 created a device, 0 concerned one already there, 0 failed." in shown.out.getvalue()
    assert "Line" not in shown.err.getvalue()


@pytest.mark.usefixtures("small_parts")
def test_all_failed_lines_of_a_large_file_can_be_corrected_and_sent_again(tmp_path: Path, shown: Shown) -> None:
    path, failed = tmp_path / "large.csv", tmp_path / "failed.csv"
    rows = [f"device {number};" if number % 3 == 0 else f"device{number};Gr\u00fcn" for number in range(300)]
    path.write_bytes("\n".join(["ID;PATH", *rows]).encode("cp1252"))
    bridge = Bridge()
    assert run(upload(path, failed=failed), bridge) == 1
    assert len(bridge.known) == 200
    assert sum(command == "bulk-register" for command, _ in bridge.asked) > 10
    assert "Of 300 lines, 200 created a device, 0 concerned one already there, 100 failed." in shown.out.getvalue()
    assert failed.read_text() == "ID;PATH\n" + "".join(f"{row}\n" for row in rows if " " in row)
    assert failed.stat().st_mode & 0o777 == 0o600
    text = shown.err.getvalue()
    assert text.count("INVALID_ID") == (50 if shown.terminal else 100)
    assert ("50 more failed" in text) is shown.terminal
    assert str(failed) in text
    failed.write_text(failed.read_text().replace(" ", ""))
    assert run(upload(failed), bridge) == 0
    assert len(bridge.known) == 300


def test_truncated_failures_are_asked_for_in_slices(
    tmp_path: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SLICE", HELD)
    path, failed = tmp_path / "bad.csv", tmp_path / "failed.csv"
    rows = "".join(f'bad {number};"x\ny"\n' for number in range(75))
    path.write_text("ID;PATH\n" + rows)
    bridge = Bridge()
    assert run(upload(path, failed=failed), bridge) == 1
    assert failed.read_text(encoding="utf-8-sig") == "ID;PATH\n" + rows
    assert [command for command, _ in bridge.asked] == ["bulk-register"] + ["bulk-validate"] * 8
    if not shown.terminal:
        assert [line.split()[0] for line in shown.err.getvalue().splitlines() if "INVALID_ID" in line] == [
            str(2 + 2 * number) for number in range(75)
        ]


def test_a_terminal_tells_of_what_it_does_not_show(tmp_path: Path, shown: Shown) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("ID\n" + "".join(f"bad {number}\n" for number in range(75)))
    run(upload(path), Bridge())
    assert ("65 more failed: --failed FILE.csv" in shown.err.getvalue()) is shown.terminal


@pytest.mark.usefixtures("small_parts")
def test_answers_are_printed_as_they_came(tmp_path: Path, shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "devices.csv"
    path.write_text("ID\n" + "".join(f"device{number}\n" for number in range(100)))
    assert run(upload(path, as_json=True), Bridge()) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) > 1
    assert sum(answer["result"]["numberOfCreated"] for answer in answers) == 100
    assert shown.out.getvalue() + shown.err.getvalue() == ""


@pytest.mark.usefixtures("small_parts")
def test_an_interrupted_file_tells_what_is_committed_and_can_be_sent_again(tmp_path: Path, shown: Shown) -> None:
    path = tmp_path / "devices.csv"
    path.write_text("ID\n" + "".join(f"device{number}\n" for number in range(100)))
    bridge = Bridge(lost=3)

    async def interrupted() -> None:
        task = asyncio.ensure_future(upload(path)(cast("Admin", bridge)))
        bridge.interrupted = task.cancel
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    text = shown.err.getvalue()
    assert f"of 100 lines: {len(bridge.known)} are committed" in text
    assert "the same command again" in text
    assert 0 < len(bridge.known) < 100
    bridge.lost = 0
    assert run(upload(path), bridge) == 0
    assert len(bridge.known) == 100


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("name", ["bulk-register", "bulk-validate"])
def test_a_bridge_that_goes_away_leaves_word_of_what_is_done(tmp_path: Path, shown: Shown, name: Command) -> None:
    path = tmp_path / "devices.csv"
    path.write_text("ID\n" + "".join(f"device{number}\n" for number in range(100)))
    with pytest.raises(NoAnswer):
        run(upload(path, name), Bridge(lost=2))
    words = "are committed" if name == "bulk-register" else "Nothing was changed"
    assert words in shown.err.getvalue()


def test_a_file_that_the_bridge_refuses_is_its_sentence_alone(tmp_path: Path, shown: Shown) -> None:
    (tmp_path / "typing.csv").write_text("ID;TOKN\na;t\n")
    with pytest.raises(RefusedByBridge, match="TOKN"):
        run(upload(tmp_path / "typing.csv"), Bridge())
    assert "committed" not in shown.err.getvalue()


@pytest.mark.parametrize("payload", [b"ID\n\0", b"", b"NAME\nx\n", b"ID\n" + b"x" * 2_000_000])
def test_a_file_at_fault_is_found_before_anything_is_sent(tmp_path: Path, shown: Shown, payload: bytes) -> None:
    (tmp_path / "bad.csv").write_bytes(payload)
    with pytest.raises(typer.Exit) as caught:
        upload(tmp_path / "bad.csv")
    assert caught.value.exit_code == 1
    assert "BULK_FILE_INVALID: " in shown.err.getvalue()


def test_a_file_that_is_not_there_and_one_that_would_be_lost_are_wrong_usage(file: Path, tmp_path: Path) -> None:
    with pytest.raises(Usage, match="cannot be read: No such file"):
        upload(tmp_path / "none.csv")
    with pytest.raises(Usage, match="cannot be read: Is a directory"):
        upload(tmp_path)
    with pytest.raises(Usage, match="write over"):
        upload(file, failed=file)
    with pytest.raises(Usage, match="cannot be written"):
        run(upload(file, failed=tmp_path / "none" / "failed.csv"), Bridge())


def test_a_thousand_tokens_with_ten_wrong_accept_990(tmp_path: Path, shown: Shown) -> None:
    path, bridge = tmp_path / "tokens.csv", Bridge()
    path.write_text("ID;TOKEN\n" + "".join(f"d{n};{'wrong' if n % 100 == 7 else 'right'}\n" for n in range(1_000)))
    assert asyncio.run(commands.accept_file(speaker(), cast("Admin", bridge), str(path))) == 1
    assert len(bridge.asked) == 1
    assert "990 of 1,000 devices are accepted" in shown.out.getvalue()
    table = [line.split()[:2] for line in shown.err.getvalue().splitlines() if "TOKEN_MISMATCH" in line]
    assert table == [[str(n * 100 + 9), f"d{n * 100 + 7}"] for n in range(10)]


def test_many_tokens_go_in_parts_and_bad_lines_are_listed_among_the_failures(tmp_path: Path, shown: Shown) -> None:
    path, bridge = tmp_path / "tokens.csv", Bridge()
    path.write_text("TOKEN,ID\n" + "".join(f"right,d{n}\n" for n in range(2_500)) + "right,bad id\nwrong,last\n")
    assert asyncio.run(commands.accept_file(speaker(), cast("Admin", bridge), str(path))) == 1
    assert [len(payload["devices"]) for _, payload in bridge.asked] == [1_000, 1_000, 501]
    assert "2,500 of 2,502 devices are accepted" in shown.out.getvalue()
    assert [line.split()[0] for line in shown.err.getvalue().splitlines() if "last" in line or "bad id" in line] == [
        "2502",
        "2503",
    ]


def test_a_file_of_tokens_that_is_none_is_a_sentence(tmp_path: Path, shown: Shown) -> None:
    (tmp_path / "tokens.csv").write_text("ID;PATH\na;b\n")
    assert asyncio.run(commands.accept_file(speaker(), cast("Admin", Bridge()), str(tmp_path / "tokens.csv"))) == 1
    assert "ID and TOKEN" in shown.err.getvalue()


def test_a_template_is_printed_or_written_but_never_over_a_file(
    tmp_path: Path, shown: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    class Templates:
        async def answer(self, command: str, payload: Mapping[str, Any]) -> dict[str, Any]:
            name, content = bulk.template(payload["kind"])
            return {"command": command, "ok": True, "result": {"filename": "../" + name, "content": content}}

    def template(output: Path | None) -> int:
        work = cast("Any", commands.template).__wrapped__(speaker(), commands.Kind.FULL, output)
        return cast("int", asyncio.run(work(Templates())))

    _, content = bulk.template("full")
    assert template(None) == 0
    assert capsys.readouterr().out == content
    assert template(tmp_path) == 0
    assert (tmp_path / "bulk-full.csv").read_bytes() == content.encode()
    with pytest.raises(Usage, match="there already"):
        template(tmp_path / "bulk-full.csv")
    with pytest.raises(Usage, match="cannot be written"):
        template(tmp_path / "none" / "full.csv")
