"""Fleets on real brokers, against a desk that answers as the contract has it."""

import asyncio
import signal
from pathlib import Path

import pytest

from device_sim.bootstrap_file import read_bootstrap_file
from device_sim.connection import Dialler
from device_sim.device import Phase
from device_sim.fleet import End, Limits, run_fleet
from device_sim.memory import Call, Form, Memory
from device_sim.misbehaviour import Misbehaviour
from device_sim.plan import Manner, Plan, assemble
from device_sim.store import StateError
from tests.device_sim.conftest import QUICK, Stage, set_stage, until
from tests.device_sim.mosquitto import PATIENCE

pytestmark = pytest.mark.e2e


def plan(*device_ids: str, manner: Manner | None = None, **labels: str) -> Plan:
    """Return a plan with quick intervals; ``labels`` are tokens by device id with ``_`` for ``-``."""
    tokens = {name.replace("_", "-"): token for name, token in labels.items()}
    return Plan(device_ids, tokens, manner=manner or Manner(), timing=QUICK)


@pytest.mark.parametrize("mqtt5", [True, False], ids=["mqtt 5", "mqtt 3.1.1"])
@pytest.mark.parametrize(
    "manner",
    [
        Manner(),
        Manner(sealed=True),
        Manner(form=Form.LINE),
        Manner(call=Call.PLAIN),
        Manner(call=Call.PLAIN, sealed=True),
        Manner(call=Call.PLAIN, form=Form.LINE),
    ],
    ids=["private", "private sealed", "private line", "plain", "plain sealed", "plain line"],
)
async def test_a_device_repeats_its_call_until_it_is_accepted_then_logs_in_and_talks(
    stage: Stage, manner: Manner, mqtt5: bool
) -> None:
    async with stage.playing(plan("Wärmepumpe-7", manner=manner), mqtt5=mqtt5) as (member,):
        await stage.desk.until(lambda: len(stage.desk.calls) >= 2)
        first, second = stage.desk.calls[:2]
        assert first.client_id == second.client_id
        assert (first.client_id is None) == (manner.call is Call.PLAIN)
        assert ("publicKey" in first.fields) == manner.sealed
        await stage.desk.accept("Wärmepumpe-7")
        topic = "devices/t1/Wärmepumpe-7"
        await stage.watcher.until(lambda: len(stage.watcher.on(f"{topic}/telemetry")) >= 2)
        (info,) = stage.info("Wärmepumpe-7")
        assert info["name"] == "Simulated device Wärmepumpe-7"
        assert info["firmware"] == {"name": "device-sim", "version": "1.0.0"}
        assert member.device.informed
        assert stage.watcher.client
        await stage.watcher.client.publish(f"{topic}/commands", b"restart", qos=1)
        await until(lambda: member.device.counts.commands == 1)


async def test_the_bootstrap_connection_is_closed_once_credentials_have_come(stage: Stage) -> None:
    stage.desk.accepted.add("pump-1")
    async with stage.playing(plan("pump-1")) as (member,):
        assert member.device.memory is None
        await stage.watcher.until(lambda: bool(stage.info("pump-1")))
        client_id = stage.desk.calls[0].client_id
        await stage.bootstrap.until_logged(f"Client {client_id} ", "disconnected")


async def test_a_restart_of_the_bootstrap_broker_only_delays_a_device_that_waits(stage: Stage) -> None:
    async with stage.playing(plan("pump-1", pump_1="LABEL")) as (member,):
        await stage.desk.until(lambda: bool(stage.desk.calls))
        await stage.bootstrap.stop(signal.SIGKILL)
        await until(lambda: member.device.counts.failures >= 2)
        before = len(stage.desk.calls)
        await stage.bootstrap.start()
        await stage.desk.until(lambda: len(stage.desk.calls) > before)
        await stage.desk.accept("pump-1")
        await stage.watcher.until(lambda: bool(stage.info("pump-1")))
    assert {call.client_id for call in stage.desk.calls} == {stage.desk.calls[0].client_id}
    assert {call.fields["securityToken"] for call in stage.desk.calls} == {"LABEL"}


async def test_a_restart_of_the_operations_broker_makes_a_device_log_in_and_inform_again(stage: Stage) -> None:
    stage.desk.accepted.add("pump-1")
    async with stage.playing(plan("pump-1")) as (member,):
        await stage.watcher.until(lambda: len(stage.info("pump-1")) == 1)
        await stage.operations.stop(signal.SIGKILL)
        await until(lambda: member.device.phase is not Phase.LOGGED_IN)
        await stage.operations.start()
        await stage.watcher.ready.wait()
        await until(lambda: member.device.phase is Phase.LOGGED_IN and member.device.counts.connections == 3)
    assert len(stage.desk.calls) == 1


async def test_a_second_run_goes_on_with_the_same_call_and_a_third_logs_in_at_once(stage: Stage) -> None:
    theirs = plan("pump-1", "pump-2", manner=Manner(sealed=True), pump_2="LABEL")
    async with stage.playing(theirs):
        await stage.desk.until(lambda: len({call.device_id for call in stage.desk.calls}) == 2)
    first = {call.device_id: call for call in stage.desk.calls}
    assert set(first) == {"pump-1", "pump-2"}
    stage.desk.calls.clear()
    stage.desk.accepted |= set(first)
    assert await stage.run(theirs, Limits()) is End.DONE
    for call in stage.desk.calls:
        before = first[call.device_id]
        assert call.client_id == before.client_id
        assert call.fields["publicKey"] == before.fields["publicKey"]
        assert call.fields.get("securityToken") == before.fields.get("securityToken")
    stage.desk.calls.clear()
    assert await stage.run(theirs, Limits()) is End.DONE
    assert stage.desk.calls == []
    await stage.watcher.until(lambda: len(stage.info("pump-2")) == 2)


async def test_a_device_that_was_deleted_and_registered_again_forgets_its_login_and_calls_anew(stage: Stage) -> None:
    stage.desk.accepted.add("pump-1")
    async with stage.playing(plan("pump-1")) as (member,):
        await stage.watcher.until(lambda: bool(stage.info("pump-1")))
        old = stage.desk.calls[0].client_id
        stage.desk.calls.clear()
        stage.desk.passwords["pump-1"] = "another"
        stage.operations.set_users(stage.users())
        stage.operations.reload()
        await stage.desk.until(lambda: bool(stage.desk.calls))
        assert member.device.counts.refused == QUICK.forget_after
        assert stage.desk.calls[0].client_id != old
        await stage.watcher.until(lambda: len(stage.info("pump-1")) == 2)
    remembered = stage.store.load("pump-1")
    assert remembered
    assert remembered.credentials
    assert remembered.credentials.password == "another"


async def test_a_fleet_that_does_not_make_it_ends_when_its_time_is_over_or_it_is_stopped(stage: Stage) -> None:
    assert await stage.run(plan("pump-1"), Limits(timeout=0.1)) is End.TIMED_OUT
    stage.stop.set()
    assert await stage.run(plan("pump-1"), Limits()) is End.INTERRUPTED


async def test_a_fleet_honours_the_topic_prefix(tmp_path: Path) -> None:
    async with set_stage(tmp_path, ["pump-1"], prefix="plant/7/") as stage:
        stage.desk.accepted.add("pump-1")
        prefixed = Plan(["pump-1"], {}, prefix="plant/7/", timing=QUICK)
        assert await stage.run(prefixed, Limits()) is End.DONE
        await stage.watcher.until(lambda: bool(stage.info("pump-1", "plant/7/")))


@pytest.mark.parametrize(("misbehaviour", "token"), [(Misbehaviour.WRONG_TOKEN, True), (Misbehaviour.NO_TOKEN, False)])
async def test_a_misbehaving_device_does_not_send_the_token_on_its_label(
    stage: Stage, misbehaviour: Misbehaviour, token: bool
) -> None:
    theirs = Plan(
        ["pump-1", "pump-2"],
        {"pump-1": "ONE", "pump-2": "TWO"},
        timing=QUICK,
        misbehaviour=misbehaviour,
        misbehaving=1,
    )
    async with stage.playing(theirs):
        await stage.desk.until(lambda: {call.device_id for call in stage.desk.calls} == {"pump-1", "pump-2"})
    assert stage.desk.calls_of("pump-1")[0].fields["securityToken"] == "ONE"
    bad = stage.desk.calls_of("pump-2")[0].fields
    assert ("securityToken" in bad) == token
    assert bad.get("securityToken") != "TWO"
    assert stage.store.load("pump-2") is None


async def test_a_device_that_takes_anothers_id_is_heard_on_a_private_call_and_refused_on_a_plain_one(
    stage: Stage,
) -> None:
    ids = ["pump-1", "pump-2"]
    theirs = Plan(ids, {}, timing=QUICK, misbehaviour=Misbehaviour.OTHER_ID, misbehaving=1)
    async with stage.playing(theirs):
        await stage.desk.until(lambda: len({call.client_id for call in stage.desk.calls}) == 2)
    assert {call.device_id for call in stage.desk.calls} == {"pump-1"}
    stage.desk.calls.clear()
    plain = Manner(call=Call.PLAIN)
    theirs = Plan(
        ["pump-3", "pump-2"], {}, manner=plain, timing=QUICK, misbehaviour=Misbehaviour.OTHER_ID, misbehaving=1
    )
    async with stage.playing(theirs) as (good, bad):
        await until(lambda: good.device.counts.pending >= 2 and bad.device.counts.denied >= 2)
        assert bad.device.counts.pending == 0


async def test_garbage_is_sent_in_turn_and_its_answers_are_counted(stage: Stage) -> None:
    theirs = Plan(["pump-1", "pump-2"], {}, timing=QUICK, misbehaviour=Misbehaviour.GARBAGE, misbehaving=1)
    async with stage.playing(theirs) as (_, bad):
        await until(lambda: bad.device.counts.not_understood >= 2)
    payloads = [call.payload for call in stage.desk.calls_of("pump-2")]
    assert len(set(payloads)) == len(payloads) > 2


async def test_an_unwritable_state_directory_ends_the_run_with_its_reason(stage: Stage) -> None:
    def full(_: Memory) -> None:
        raise StateError("the disk is full")

    members = assemble(plan("pump-1"), stage.store)
    dialler = Dialler(read_bootstrap_file(stage.bootstrap_file))
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(run_fleet(members, dialler, full, Limits(), asyncio.Event(), lambda _: None), PATIENCE)
    assert caught.group_contains(StateError, match="the disk is full")
