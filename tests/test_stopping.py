"""The shutdown in stages: each has its time, whatever hangs is named and left, and a second signal ends all at once."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from bridge.stopping import DRAIN, HUNG, LIMIT, MARGIN, REST, STAGES, Ending, Stage
from tests.hurried import hurried

ROOT = Path(__file__).parent.parent


class Ended(Exception):
    """The process would have ended."""


def no_end(status: int) -> NoReturn:
    raise Ended(status)


async def hangs() -> None:
    await asyncio.Event().wait()


async def hangs_and_does_not_let_itself_be_cancelled() -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


@pytest.mark.parametrize("work", [hangs, hangs_and_does_not_let_itself_be_cancelled])
def test_a_stage_that_hangs_is_left_when_its_time_is_over_and_named(work: Callable[[], Awaitable[None]]) -> None:
    async def end() -> tuple[float, Ending]:
        ending = Ending(end=no_end)
        began = asyncio.get_running_loop().time()
        await ending.go(DRAIN, work())
        return asyncio.get_running_loop().time() - began, ending

    with capture_logs() as log:
        took, ending = hurried(end())
    assert DRAIN.seconds <= took < DRAIN.seconds + 1
    assert ending.hung == [DRAIN.name]
    assert [(line["event"], line["stage"]) for line in log] == [("stage hung", DRAIN.name)]


async def test_a_stage_that_fails_is_logged_and_does_not_stop_the_next() -> None:
    async def fails() -> None:
        raise OSError("the disk is gone")

    done = []

    async def works() -> None:
        done.append("yes")

    ending = Ending(end=no_end)
    with capture_logs() as log:
        await ending.go(REST, fails())
        await ending.go(DRAIN, works())
    assert done == ["yes"]
    assert ending.hung == []
    assert [(line["event"], line.get("reason")) for line in log] == [
        ("stage failed", "the disk is gone"),
        ("stage done", None),
    ]


async def test_whoever_wants_to_know_hears_of_each_stage() -> None:
    heard: list[str] = []
    ending = Ending(end=no_end)
    ending.told = heard.append
    for stage in STAGES:
        await ending.go(stage, asyncio.sleep(0))
    assert heard == [stage.name for stage in STAGES]
    assert ending.stage == STAGES[-1].name


def test_all_stages_together_are_bounded() -> None:
    assert sum(stage.seconds for stage in STAGES) + MARGIN == LIMIT
    assert LIMIT < 30
    assert len({stage.name for stage in STAGES}) == len(STAGES)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_second_ends_at_once_with_its_own_status(number: signal.Signals) -> None:
    ending = Ending(limit=3600, end=no_end)
    assert ending.signalled(signal.SIGTERM)
    with pytest.raises(Ended) as ended:
        ending.signalled(number)
    assert ended.value.args == (128 + number,)


PROGRAM = """
import asyncio, structlog, sys, time
from bridge.stopping import Ending, Stage, until_signalled

async def work():
    try:
        print("works", flush=True)
        await asyncio.Event().wait()
    finally:
        await ending.go(Stage("first", 0.2, ""), {first})
        await ending.go(Stage("second", 0.2, ""), {second})
        print("ended", flush=True)

async def talks_to_nobody():
    print("talks", flush=True)
    while True:
        print("x" * 1000, file=sys.stderr, flush=True)

async def stubborn():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue

async def blocks():
    print("blocks", flush=True)
    time.sleep(3600)

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
ending = Ending(limit={limit})
asyncio.run(until_signalled(work(), ending))
print(ending.hung, ending.signal, flush=True)
"""


def program(first: str = "asyncio.sleep(0)", second: str = "asyncio.sleep(0)", limit: float = 60) -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(first=first, second=second, limit=limit)]


def started(words: list[str]) -> "subprocess.Popen[str]":
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "works\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_process_in_good_order(number: signal.Signals) -> None:
    process = started(program())
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.splitlines() == ["ended", f"[] {int(number)}"]


def test_a_stage_that_hangs_does_not_keep_a_process_from_its_next_ones() -> None:
    process = started(program(first="asyncio.Event().wait()"))
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert out.splitlines() == ["ended", "['first'] 15"]


def test_what_does_not_let_itself_be_cancelled_does_not_keep_a_process_either() -> None:
    process = started(program(first="stubborn()"))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == HUNG
    assert out.splitlines()[0] == "ended"
    assert "first" in out + err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_a_process_even_while_its_event_loop_is_blocked(number: signal.Signals) -> None:
    process = started(program(first="blocks()"))
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "blocks\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "ended" not in out
    assert f"{number.name} again: ended at once, at the stage: first" in err


def test_a_blocked_event_loop_ends_with_the_last_limit_and_says_where_it_was() -> None:
    process = started(program(first="blocks()", limit=1))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == HUNG
    assert "shutdown hung" in out + err
    assert "first" in out + err
    assert "in blocks" in err, "the traceback says what it was at"


@pytest.mark.parametrize("again", [True, False])
def test_whoever_does_not_read_what_is_written_keeps_no_process_from_ending(again: bool) -> None:
    process = started(program(first="talks_to_nobody()", limit=600 if again else 1))
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "talks\n"
    if again:
        process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(60) == (128 + signal.SIGTERM if again else HUNG)
    finally:
        process.kill()
        process.communicate()


def test_before_a_signal_a_cancellation_is_what_it_always_is() -> None:
    code = PROGRAM.replace("asyncio.run(until", "task = until").split("task = until")[0] + (
        "async def main():\n"
        "    task = asyncio.ensure_future(until_signalled(work(), ending))\n"
        "    await asyncio.sleep(0)\n"
        "    task.cancel()\n"
        "    await task\n"
        "asyncio.run(main())\n"
    )
    words = [sys.executable, "-c", code.format(first="asyncio.sleep(0)", second="asyncio.sleep(0)", limit=60)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode != 0
    assert "CancelledError" in done.stderr


def test_a_stage_knows_what_it_is_for() -> None:
    for stage in STAGES:
        assert isinstance(stage, Stage)
        assert stage.does
        assert stage.seconds > 0
