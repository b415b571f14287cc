"""The machine, by scripts of its life: an event, the expected commands."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from device_sim.device import Phase, UnexpectedEventError
from device_sim.events import (
    Acknowledged,
    ConnectBootstrap,
    Connected,
    Denied,
    Disconnect,
    Disconnected,
    Event,
    LoginRefused,
    Publish,
    Received,
    Save,
    Started,
    Subscribe,
    Ticked,
)
from device_sim.memory import Approach, Call, Form, Memory
from device_sim.sealing import new_private_key, public_key
from tests.device_sim.desk import accepted_object, seal
from tests.device_sim.script import (
    ACCEPTED,
    COMMANDS,
    CREDENTIALS,
    ID,
    INFO,
    LOGIN,
    PENDING,
    TELEMETRY,
    TIMING,
    Script,
    approach,
    call,
    calling,
    logged_in,
    script,
    topics,
)


def test_a_new_device_saves_how_it_calls_before_it_calls() -> None:
    play = calling()
    assert play.device.phase is Phase.CALLING
    assert play.device.called_at == 100


def test_a_call_is_repeated_every_thirty_seconds_until_an_answer_names_another_interval() -> None:
    play = calling()
    play.tell(Acknowledged(topics()[0]))
    play.wakes_after(30)
    play.tell(Ticked(), after=29)
    play.tell(Ticked(), call(2), after=1)
    play.tell(Received(topics()[1], PENDING), after=1)
    play.wakes_after(5)
    play.tell(Ticked(), call(3), after=5)
    play.wakes_after(5)
    assert (play.device.counts.calls, play.device.counts.pending) == (3, 1)


def test_accepted_credentials_are_saved_the_bootstrap_connection_closed_and_the_device_logs_in() -> None:
    play = calling()
    saved = Save(Memory(ID, approach(), CREDENTIALS))
    play.tell(Received(topics()[1], ACCEPTED), Disconnect(), saved, LOGIN, after=7)
    assert play.device.credentials_at == 107
    play.wakes_after(None)
    assert not play.device.informed


def test_the_call_stays_the_same_after_a_lost_connection_and_after_a_restart() -> None:
    play = calling()
    play.tell(Disconnected("gone"))
    play.wakes_after(0.5)
    play.tell(Ticked(), after=0.4)
    play.tell(Ticked(), ConnectBootstrap(approach().client_id), after=0.1)
    play.tell(Connected(), Subscribe(topics()[1]), call(2))
    again = script(play.device.memory)
    again.tell(Started(), ConnectBootstrap(approach().client_id))
    again.tell(Connected(), Subscribe(topics()[1]), call(1))


def test_each_failure_doubles_the_wait_and_an_acknowledgement_ends_that() -> None:
    play = calling()
    for wait in (0.5, 1, 2, 4, 4):
        play.tell(Disconnected())
        play.wakes_after(wait)
        play.tell(Ticked(), ConnectBootstrap(approach().client_id), after=wait)
    play.tell(Connected(), Subscribe(topics()[1]), call(2))
    play.tell(Disconnected())
    play.wakes_after(4)
    play.tell(Ticked(), ConnectBootstrap(approach().client_id), after=4)
    play.tell(Connected(), Subscribe(topics()[1]), call(3))
    play.tell(Acknowledged(topics()[0]))
    play.tell(Disconnected())
    play.wakes_after(0.5)
    assert play.device.counts.failures == 7


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (topics(2)[1], ACCEPTED),
        (topics()[0], ACCEPTED),
        (topics()[1], json.dumps(accepted_object("pump-8", "secret")).encode()),
        (topics()[1], b"70,t1,device_pump-7,secret"),
        (topics()[1], b'{"status": "ACCEPTED", "sealed": "AAAA"}'),
        (topics()[1], b"\xff"),
    ],
    ids=["another call's", "not an answer topic", "for another device", "line form", "sealed", "not UTF-8"],
)
def test_an_answer_that_is_malformed_or_not_for_the_device_is_ignored_and_counted(topic: str, payload: bytes) -> None:
    play = calling()
    play.tell(Received(topic, payload))
    play.wakes_after(30)
    assert play.device.counts.ignored == 1
    assert play.device.credentials is None


def test_an_error_answer_is_counted_and_the_device_goes_on_calling() -> None:
    play = calling()
    play.tell(Received(topics()[1], b'{"status": "ERROR", "error": "MALFORMED_REQUEST", "message": "why"}'))
    play.wakes_after(30)
    assert play.device.counts.not_understood == 1
    assert play.device.fault == "why"


def test_a_plain_call_in_line_form_sends_the_token_and_understands_the_line() -> None:
    plain = Approach(ID, Call.PLAIN, Form.LINE, token="LABEL")
    play = script(fresh=lambda: plain)
    play.tell(Started(), Save(Memory(ID, plain)), ConnectBootstrap(ID))
    answers = f"bootstrap/{ID}/response"
    play.tell(Connected(), Subscribe(answers), Publish(f"bootstrap/{ID}/request", b"LABEL"))
    saved = Save(Memory(ID, plain, CREDENTIALS))
    play.tell(Received(answers, b"70,t1,device_pump-7,secret"), Disconnect(), saved, LOGIN)


def test_a_device_that_sent_a_key_takes_sealed_credentials_and_no_others() -> None:
    sealing = replace(approach(), private_key=new_private_key())
    assert sealing.private_key
    play = script(Memory(ID, sealing))
    play.tell(Started(), ConnectBootstrap(sealing.client_id))
    play.device.handle(Connected(), play.now)
    answers = topics()[1]

    def sealed(text: bytes, device_id: str = ID) -> bytes:
        assert sealing.private_key
        key = public_key(sealing.private_key)
        return json.dumps({"status": "ACCEPTED", "sealed": seal(key, device_id, text)}).encode()

    for refused in (ACCEPTED, sealed(ACCEPTED, "pump-8"), sealed(PENDING), sealed(b"\xff"), sealed(sealed(ACCEPTED))):
        play.tell(Received(answers, refused))
    assert play.device.counts.ignored == 5
    play.tell(Received(answers, PENDING))
    without_key = replace(sealing, private_key=None)  # it has done its work
    play.tell(Received(answers, sealed(ACCEPTED)), Disconnect(), Save(Memory(ID, without_key, CREDENTIALS)), LOGIN)


def test_a_device_with_credentials_logs_in_at_once_and_made_it_when_its_info_is_taken() -> None:
    play = logged_in()
    assert play.device.phase is Phase.LOGGED_IN
    assert play.device.informed
    assert play.device.called_at is None


def test_telemetry_follows_at_its_interval() -> None:
    play = logged_in()
    play.wakes_after(0)
    (first,) = play.device.handle(Ticked(), play.now)
    assert isinstance(first, Publish)
    assert first.topic == TELEMETRY
    assert json.loads(first.payload)["sequence"] == 1
    play.wakes_after(10)
    play.tell(Acknowledged(TELEMETRY))
    play.tell(Ticked(), after=9)
    assert len(play.device.handle(Ticked(), play.now + 1)) == 1


def test_info_is_sent_again_at_each_login() -> None:
    play = logged_in()
    play.tell(Disconnected())
    play.tell(Ticked(), LOGIN, after=0.5)
    commands = play.device.handle(Connected(), play.now)
    assert [type(command) for command in commands] == [Subscribe, Publish]
    play.wakes_after(None)


def test_a_refused_info_is_sent_again_after_a_back_off_and_the_device_has_not_made_it() -> None:
    play = script(Memory(ID, approach(), CREDENTIALS))
    play.tell(Started(), LOGIN)
    info = play.device.handle(Connected(), play.now)[1]
    play.tell(Denied(INFO, "Not authorized"))
    assert not play.device.informed
    assert play.device.fault == "info was refused: Not authorized"
    play.wakes_after(0.5)
    play.tell(Ticked(), info, after=0.5)


def test_a_message_for_a_logged_in_device_is_counted() -> None:
    play = logged_in()
    play.tell(Received(COMMANDS, b"restart"))
    assert play.device.counts.commands == 1


def test_a_refused_call_is_counted_without_telling_its_topic() -> None:
    play = calling()
    play.tell(Denied(topics()[0], "Not authorized"))
    assert play.device.counts.denied == 1
    assert approach().client_id not in play.device.fault
    play.wakes_after(30)


def test_credentials_are_forgotten_after_several_refused_logins_on_end_and_the_device_calls_anew() -> None:
    play = logged_in()
    play.tell(Disconnected())
    play.tell(Ticked(), LOGIN, after=0.5)
    for wait in (1, 2):
        play.tell(LoginRefused("Not authorized"))
        play.wakes_after(wait)
        play.tell(Ticked(), LOGIN, after=wait)
    play.tell(LoginRefused(), Save(Memory(ID, approach(1))), ConnectBootstrap(approach(1).client_id))
    assert (play.device.counts.refused, play.device.counts.forgotten) == (3, 1)
    assert not play.device.informed
    play.tell(Connected(), Subscribe(topics()[1]), call(1))


def test_a_login_between_refusals_or_a_mere_failure_does_not_count_towards_forgetting() -> None:
    play = logged_in()
    for _ in range(TIMING.forget_after):
        play.tell(Disconnected())
        play.tell(Ticked(), LOGIN, after=8)
        play.tell(LoginRefused())
        play.tell(Ticked(), LOGIN, after=8)
        play.tell(Disconnected())
        play.tell(Ticked(), LOGIN, after=8)
        play.device.handle(Connected(), play.now)
    assert play.device.counts.forgotten == 0
    assert play.device.credentials == CREDENTIALS


def test_a_refused_bootstrap_login_is_tried_again_for_ever() -> None:
    play = script()
    play.tell(Started(), Save(Memory(ID, approach())), ConnectBootstrap(approach().client_id))
    for wait in (0.5, 1, 2, 4, 4, 4):
        play.tell(LoginRefused("Not authorized"))
        play.tell(Ticked(), ConnectBootstrap(approach().client_id), after=wait)
    assert play.device.memory == Memory(ID, approach())


def test_the_prefix_stands_before_every_topic() -> None:
    play = script(Memory(ID, approach(), CREDENTIALS), prefix="plant/7/")
    play.tell(Started(), LOGIN)
    commands = play.device.handle(Connected(), play.now)
    assert [command.topic for command in commands if isinstance(command, Subscribe | Publish)] == [
        f"plant/7/{COMMANDS}",
        f"plant/7/{INFO}",
    ]


def test_a_spoilt_device_sends_what_it_was_spoilt_with() -> None:
    play = script(spoil=lambda number: b"garbage %d" % number)
    play.device.handle(Started(), play.now)
    assert play.device.handle(Connected(), play.now)[1] == Publish(topics()[0], b"garbage 1")


@pytest.mark.parametrize(
    ("make", "event"),
    [
        (script, Connected()),
        (script, Ticked()),
        (calling, Started()),
        (calling, Connected()),
        (calling, LoginRefused()),
        (logged_in, Connected()),
        (logged_in, LoginRefused()),
    ],
)
def test_an_event_that_cannot_happen_is_refused_and_changes_nothing(make: Callable[[], Script], event: Event) -> None:
    device = make().device
    before = (device.phase, device.wakes_at, device.memory, replace(device.counts))
    with pytest.raises(UnexpectedEventError, match=type(event).__name__):
        device.handle(event, 500)
    assert (device.phase, device.wakes_at, device.memory, device.counts) == before


def test_no_secret_is_in_any_representation() -> None:
    secretive = Approach("client", token="LABEL", private_key=b"k" * 32)
    things = [Memory(ID, secretive, CREDENTIALS), LOGIN, Received("t", ACCEPTED), Save(Memory(ID, secretive))]
    assert not any(word in repr(thing) for thing in things for word in ("secret", "LABEL", "kkkk"))
