"""The command ``device-sim`` as people run it: a process of its own, real brokers, exit statuses."""

import asyncio
import contextlib
import csv
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device_sim.plan import numbered_ids
from tests.device_sim.conftest import Stage, set_stage
from tests.device_sim.mosquitto import PATIENCE

pytestmark = pytest.mark.e2e


class Command:
    """A running ``device-sim``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.output = ""

    async def until_printed(self, text: str) -> None:
        """Read standard output up to the line that holds ``text``."""
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            while text not in self.output:
                line = await self.process.stdout.readline()
                assert line, f"ended before it printed {text!r}: {self.output}"
                self.output += line.decode()

    async def end(self) -> int:
        """Wait for the end; returns the exit status."""
        out, err = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        self.output += out.decode()
        assert b"Traceback" not in err, err.decode()
        assert self.process.returncode is not None
        return self.process.returncode


@contextlib.asynccontextmanager
async def device_sim(stage: Stage, *arguments: object) -> AsyncIterator[Command]:
    """Run the command on ``stage``; killed if the test leaves it running."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "device_sim", "run", "--bootstrap-file", str(stage.bootstrap_file),
        "--state", str(stage.directory / "state"), "--retry-after", "0.2", *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    command = Command(process)
    try:
        yield command
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage for the first three devices of a default fleet."""
    async with set_stage(tmp_path, ["sim-001", "sim-002", "sim-003"]) as made:
        yield made


async def test_a_fleet_that_is_accepted_ends_with_status_0_and_its_summary(stage: Stage) -> None:
    async with device_sim(
        stage, "--count", 3, "--tokens", "mixed", "--json", "--misbehave", "wrong-token", "--misbehaving", 1
    ) as command:
        await stage.desk.until(lambda: len({call.device_id for call in stage.desk.calls}) == 3)
        for device_id in ("sim-001", "sim-002"):
            await stage.desk.accept(device_id)
        assert await command.end() == 0
    summary = json.loads(command.output)
    assert summary["ok"]
    assert summary["devices"]["madeIt"] == summary["devices"]["devices"] == 2
    assert summary["misbehaving"]["credentials"] == 0
    assert 0 < summary["devices"]["secondsToCredentials"]["p50"] < PATIENCE
    with (stage.directory / "state" / "labels.csv").open(newline="") as file:
        tokens = {row["id"]: row["token"] for row in csv.DictReader(file)}
    assert stage.desk.calls_of("sim-002")[0].fields["securityToken"] == tokens["sim-002"]
    assert not any(secret in command.output for secret in (tokens["sim-002"], "secret-of-0"))


async def test_a_fleet_that_waits_is_told_once_what_to_do_and_ends_with_status_1_when_its_time_is_over(
    stage: Stage,
) -> None:
    arguments = "--count", 3, "--tokens", "mixed", "--timeout", 2, "--advise-after", 0.3
    async with device_sim(stage, *arguments) as command:
        assert await command.end() == 1
    data = f"--data {stage.directory}"
    for line in (
        f"seq -f sim-%03g 1 3 | bootstrap-bridge register {data} -",
        f"bootstrap-bridge accept-all {data}",
        f"bootstrap-bridge accept {data} sim-002",
        f"device-sim labels --state {stage.directory}/state --labels {stage.directory}/state/labels.csv",
    ):
        assert command.output.count(f"  {line}\n") == 1
    assert "still waiting" in command.output


async def test_ctrl_c_ends_a_fleet_that_waits_with_status_130_and_prints_the_table(stage: Stage) -> None:
    async with device_sim(stage, "--count", 1) as command:
        await stage.desk.until(lambda: bool(stage.desk.calls))
        command.process.send_signal(signal.SIGINT)
        assert await command.end() == 130
    assert "still waiting" in command.output


async def test_a_fleet_that_stays_talks_until_it_is_ended_and_then_has_made_it(stage: Stage) -> None:
    stage.desk.accepted.add("sim-001")
    async with device_sim(stage, "--stay", "--telemetry-interval", 0.1, "--mqtt", 3, "-v") as command:
        await stage.watcher.until(lambda: len(stage.watcher.on("devices/t1/sim-001/telemetry")) >= 3)
        command.process.send_signal(signal.SIGTERM)
        assert await command.end() == 0
    assert "logged in, info sent" in command.output


async def test_a_fleet_keeps_on_for_as_long_as_asked_after_it_has_made_it(stage: Stage) -> None:
    stage.desk.accepted.add("sim-001")
    async with device_sim(stage, "--for", 0.5, "--telemetry-interval", 0.1) as command:
        assert await command.end() == 0
    await stage.watcher.until(lambda: len(stage.watcher.on("devices/t1/sim-001/telemetry")) >= 2)


async def test_a_hundred_devices_make_it_though_both_brokers_are_killed_while_they_wait(tmp_path: Path) -> None:
    ids = numbered_ids("sim-", 100)
    async with set_stage(tmp_path, ids) as stage:
        stage.desk.retry_after = 2
        async with device_sim(stage, "--count", 100, "--json", "--telemetry-interval", 0) as command:
            await stage.desk.until(lambda: len({call.device_id for call in stage.desk.calls}) == len(ids))
            for broker in (stage.bootstrap, stage.operations):
                await broker.stop(signal.SIGKILL)
                await broker.start()
            stage.desk.accepted |= set(ids)
            assert await command.end() == 0
        summary = json.loads(command.output)
        assert summary["devices"]["madeIt"] == 100
        assert summary["devices"]["counts"]["failures"] >= 100
        assert len({(call.device_id, call.client_id) for call in stage.desk.calls}) == 100


async def test_a_wrong_bootstrap_login_ends_with_status_3_and_its_reason(stage: Stage) -> None:
    content = json.loads(stage.bootstrap_file.read_text())
    content["bootstrap"]["password"] = "wrong"
    stage.bootstrap_file.write_text(json.dumps(content))
    async with device_sim(stage, "--connect-timeout", 1.5) as command:
        assert await command.end() == 3
    assert "refuses the login devicebootstrap" in command.output, "it is reached: nobody has to look for a broker"
    assert "No device has reached" not in command.output
    assert "1 x Not authorized" in command.output
