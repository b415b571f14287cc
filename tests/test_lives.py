"""Whatever happens in whatever order, with crashes between any two steps and repeats: nothing lost, nothing doubled."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from bridge.broker import Incoming
from tests.depth import searching
from tests.invariants import violations_of
from tests.lives.house import FragileStore
from tests.lives.looking import snapshot_of
from tests.lives.records import ACCEPTED, MINUTE, Dev, Line, Reg, Request, Shown
from tests.lives.said import CALLERS, file_of, message_of
from tests.lives.seen import IDS
from tests.lives.steps import Steps
from tests.world import KEYS

OWNERS = ["default/admin", "default/admin", "north/nora", "management/root"]
PEOPLE = [*OWNERS, "default/rita", "default/vera", "default/sam", "south/tom"]
ids = st.sampled_from(IDS)
crashes = st.none() | st.none() | st.integers(0, 5)
tokens = st.sampled_from([None, None, "a", "b", "x", "a-token-that-is-long"])
words = st.sampled_from(["", "", "N", "M"])
paths = st.sampled_from(["", "", "G", "G/H"])
OPTIONS: list[tuple[str, Any]] = [
    *(("security-token.policy", value) for value in ("IGNORED", "OPTIONAL", "REQUIRED")),
    *(("token-missing.action", value) for value in ("BLOCK", "IGNORE")),
    *(("security-token.max-attempts", value) for value in (1, 2)),
    *(("registration.ttl", value) for value in (0, 3_600)),
    *(("registration.retention", value) for value in (0, 1_800)),
    ("redelivery.window", 2_400),
]
simple_lines = st.lists(
    st.builds(Line, ids, words, paths, token=st.sampled_from(["", "", "a", "b"]), auto=st.sampled_from(["", "false"]))
    | st.builds(Line, ids, token=st.sampled_from(["a", "b"]), auto=st.just("true")),
    min_size=1, max_size=5,
)  # fmt: skip
full_lines = st.lists(
    st.builds(Line, ids, words, paths, credentials=st.sampled_from([*["password-1"] * 2, "password-2", "short"])),
    min_size=1, max_size=5,
)  # fmt: skip


class Lives(Steps):
    """Everything that administrators, devices, brokers and bad luck do."""

    # Administrators.

    @rule(who=st.sampled_from(PEOPLE), id_=ids, more=st.none() | ids, token=tokens, auto=st.booleans(), crash=crashes)
    def register(self, who: str, id_: str, more: str | None, token: str | None, auto: bool, crash: int | None) -> None:
        one: dict[str, Any] = {"id": id_, "name": "R"}
        if token is not None:
            one |= {"securityToken": token, "autoAccept": auto}
        if who == "management/root":
            one["tenant"] = "north" if auto else "default"
        two = {key: value for key, value in one.items() if key != "name"} | {"id": more}
        self.request(who, "register", one if more in (None, id_) else {"devices": [one, two]}, crash)

    @rule(
        who=st.sampled_from(PEOPLE), id_=ids, more=st.none() | ids, token=tokens,
        claim=st.none() | st.none() | st.integers(0, 4), crash=crashes,
    )  # fmt: skip
    def accept(
        self, who: str, id_: str, more: str | None, token: str | None, claim: int | None, crash: int | None
    ) -> None:
        one: dict[str, Any] = {"id": id_} if token is None else {"id": id_, "securityToken": token}
        if claim is not None:
            claims = self.model.regs[id_].claims if id_ in self.model.regs else []
            one["claim"] = claims[claim].print if claim < len(claims) else "ffffffff"
        self.request(who, "accept", one if more in (None, id_) else {"devices": [one, {"id": more}]}, crash)

    @rule(who=st.sampled_from(PEOPLE), crash=crashes)
    def accept_all(self, who: str, crash: int | None) -> None:
        self.request(who, "accept-all", {}, crash)

    @rule(who=st.sampled_from(PEOPLE), some=st.lists(ids, min_size=1, max_size=2, unique=True), crash=crashes)
    def delete(self, who: str, some: list[str], crash: int | None) -> None:
        self.request(who, "delete", {"ids": some} if len(some) > 1 else {"id": some[0]}, crash)

    @rule(who=st.sampled_from(OWNERS), id_=ids, crash=crashes)
    def delete_device(self, who: str, id_: str, crash: int | None) -> None:
        self.request(who, "delete-device", {"id": id_}, crash)

    @rule(who=st.sampled_from(PEOPLE), lines=simple_lines | full_lines, crash=crashes)
    def send_file(self, who: str, lines: list[Line], crash: int | None) -> None:
        if who == "management/root":
            tenants = ("default", "north")
            lines = [Line(**{**vars(one), "path": "", "tenant": tenants[n % 2]}) for n, one in enumerate(lines)]
        dry = self.validated(who, lines)
        answer = self.request(who, "bulk-register", lines, crash)
        if answer is None:
            return
        assert (answer["ok"], answer.get("result")) == (dry["ok"], dry.get("result")), "a dry run tells what comes"
        if answer["ok"] and len({line.id for line in lines}) == len(lines):
            self.sent_again(who, lines)

    def validated(self, who: str, lines: list[Line]) -> Any:
        """Ask what would come of a file; nothing does."""
        before = self.rows()
        file = file_of(Request(who, "bulk-validate", lines, 0))
        handled = self.run(self.house.handle(who, "bulk-validate", file, 1_000_000))
        assert self.rows() == before
        return json.loads(handled.payload)

    def sent_again(self, who: str, lines: list[Line]) -> None:
        """The same rows once more, in another request: they change nothing."""
        before = self.rows()
        again = self.request(who, "bulk-register", lines, None)
        assert self.rows() == before
        assert (again["result"]["numberOfCreated"], again["result"]["credentialUpdatedList"]) == (0, [])

    def rows(self) -> list[Any]:
        tables = ("registrations", "devices", "accounts", "tallies", "groups")
        return [self.house.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]

    @rule(who=st.sampled_from([*OWNERS, "default/rita"]), option=st.sampled_from(OPTIONS), crash=crashes)
    def set_option(self, who: str, option: tuple[str, Any], crash: int | None) -> None:
        key, value = option
        self.request(who, "set-option", {"category": "device-registration", "key": key, "value": value}, crash)

    @rule(
        who=st.sampled_from(["default/admin", "management/root", "north/nora", "default/sam"]),
        command=st.sampled_from(["create-administrator", "delete-administrator", "create-application",
                                 "delete-application", "create-tenant"]),
        name=st.sampled_from(["sam", "tom", "rita", "nora"]), role=st.sampled_from(["owner", "registrar", "viewer"]),
        crash=crashes,
    )  # fmt: skip
    def people(self, who: str, command: str, name: str, role: str, crash: int | None) -> None:
        payload: dict[str, Any] = {"name": name}
        if command == "create-administrator":
            payload["role"] = role
            if who == "management/root":
                payload["tenant"] = "south" if name == "tom" else "default"
        elif command == "create-tenant":
            payload = {"id": "south"}
        self.request(who, command, payload, crash)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), crash=crashes)
    def ask_again(self, data: st.DataObject, crash: int | None) -> None:
        """A request comes once more, as it was: after a lost answer, or hours later."""
        request, payload = data.draw(st.sampled_from(self.requests[-6:]))
        self.ask(request, payload, crash)

    # Devices.

    @rule(some=st.lists(st.tuples(ids, st.sampled_from(CALLERS)), min_size=1, max_size=3), listening=st.booleans(),
          crash=crashes)  # fmt: skip
    def call(self, some: list[tuple[str, Shown]], listening: bool, crash: int | None) -> None:
        self.house.listening = listening
        self.calls += some
        self.take([message_of(*one) for one in some], crash)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), crash=crashes)
    def call_again(self, data: st.DataObject, crash: int | None) -> None:
        self.take([message_of(*data.draw(st.sampled_from(self.calls)))], crash)

    @precondition(lambda self: self.chosen())
    @rule(data=st.data(), listening=st.booleans())
    def call_for_credentials(self, data: st.DataObject, listening: bool) -> None:
        self.house.listening = listening
        self.take([message_of(*data.draw(st.sampled_from(self.chosen())))], None)

    def chosen(self) -> list[tuple[str, Shown]]:
        return [(id_, reg.chosen.shown) for id_, reg in self.model.regs.items() if reg.chosen is not None]

    @rule(who=st.sampled_from(["default/admin", "north/nora"]), id_=ids, caller=st.sampled_from(CALLERS))
    def come_all_the_way(self, who: str, id_: str, caller: Shown) -> None:
        """The usual life, so that what is rare is met by registrations of every age."""
        token = {} if caller.token is None else {"securityToken": caller.token}
        self.request(who, "register", {"id": id_, **token}, None)
        self.take([message_of(id_, caller)], None)
        self.request(who, "accept", {"id": id_, **token}, None)
        self.install(None)

    @rule(who=st.sampled_from(["default/admin", "north/nora"]), id_=ids, token=tokens,
          some=st.lists(st.sampled_from(CALLERS), min_size=2, max_size=6, unique=True))  # fmt: skip
    def come_in_a_crowd(self, who: str, id_: str, token: str | None, some: list[Shown]) -> None:
        """Many call in one device's name, before anybody has said which is the one."""
        self.request(who, "register", {"id": id_} if token is None else {"id": id_, "securityToken": token}, None)
        self.take([message_of(id_, one) for one in some], None)

    @precondition(lambda self: self.chosen())
    @rule(data=st.data(), is_heard=st.booleans())
    def begin_a_new_life(self, data: st.DataObject, is_heard: bool) -> None:
        """A device is confirmed, deleted and registered again; what its earlier life says comes in between."""
        id_, caller = data.draw(st.sampled_from(self.chosen()))
        who = "north/nora" if self.model.regs[id_].tenant == "north" else "default/admin"
        self.install(None)
        self.speak(id_, {})
        self.hear(None)
        self.request(who, "delete", {"id": id_}, None)
        self.request(who, "register", {"id": id_}, None)
        self.take([message_of(id_, caller)], None)
        self.speak(id_, {"colour": "red"})
        if is_heard and self.house.infos:
            self.hear(None)
        self.request(who, "accept", {"id": id_, **({"securityToken": caller.token} if caller.token else {})}, None)
        self.speak(id_, {"name": "I"})
        self.install(None)

    @rule(id_=ids, said=st.sampled_from([{}, {"colour": "red"}, {"name": "I"}]))
    def speak(self, id_: str, said: dict[str, str]) -> None:
        """Whoever holds the password that the broker knows says something as the device."""
        for tenant in ("default", "north"):
            login = self.house.broker.there.get(f"{tenant}/device_{id_}")
            if login is not None and not login.mark.startswith("ended"):
                topic = f"devices/{tenant}/{id_}/info"
                self.house.infos.append((Incoming(topic, json.dumps(said).encode(), 1, False, 1, None), login.mark))

    @precondition(lambda self: self.house.infos)
    @rule(crash=crashes)
    def hear(self, crash: int | None) -> None:
        after = deepcopy(self.model)
        self.spoke(after, self.house.infos)
        self.house.heard = lambda messages: None
        self.step(crash, self.house.hear(), [deepcopy(self.model), after])
        self.house.heard = self.devices_spoke

    # The bridge, the brokers, time.

    @rule(crash=crashes)
    def install(self, crash: int | None) -> None:
        if self.work_on_accounts(crash, self.house.installer.drain):
            assert not self.house.rows("SELECT username FROM accounts WHERE NOT wanted OR installed IS NULL")

    @rule(crash=crashes)
    def note_deliveries(self, crash: int | None) -> None:
        self.step(crash, self.house.note_deliveries(), [self.model])

    @rule(crash=crashes)
    def compare(self, crash: int | None) -> None:
        self.work_on_accounts(crash, self.house.reconcile)

    @rule(what=st.sampled_from(["install", "renew", "remove", "clear"]), times=st.integers(1, 2))
    def refuse(self, what: str, times: int) -> None:
        """The broker does not do what it is asked, for a while."""
        self.house.broker.faults[what] = times
        for _ in range(3):
            if self.work_on_accounts(None, self.house.installer.drain):
                break
        self.house.broker.faults.clear()

    @rule()
    def back_up(self) -> None:
        self.backup = (dict(self.house.broker.there), self.house.clock())

    @rule(what=st.sampled_from(["gone", "restored", "foreign"]), crash=crashes)
    def lose(self, what: str, crash: int | None) -> None:
        """The broker loses its accounts, or gets those of an older day; the bridge connects again and compares."""
        broker = self.house.broker
        match what:
            case "gone":
                broker.there = {}
            case "restored":
                broker.there = dict(self.backup[0])
            case _:
                broker.there = {name: login for name, login in broker.there.items() if name < "default/device_b"}
        if self.work_on_accounts(crash, self.house.reconcile):
            self.install(crash)

    @rule()
    def kill(self) -> None:
        self.start_again()

    @rule(minutes=st.sampled_from([1, 9, 11, 31, 60]), crash=crashes)
    def wait(self, minutes: int, crash: int | None) -> None:
        self.house.clock.turn(60 * minutes)
        self.model.now += minutes * MINUTE
        after = deepcopy(self.model)
        after.age()
        self.step(crash, self.house.keep(), [deepcopy(self.model), after])

    # What always holds.

    @invariant()
    def the_tallies_are_a_recount(self) -> None:
        counted: dict[tuple[str, str], int] = {}
        words = {"WAITING": "WAITING_FOR_CONNECTION", "PENDING": "PENDING_ACCEPTANCE"}
        for reg in self.model.regs.values():
            key = (reg.tenant, words.get(reg.status, reg.status))
            counted[key] = counted.get(key, 0) + 1
        statement = "SELECT tenant, what, number FROM tallies WHERE hour = 0 AND number <> 0"
        assert {(tenant, what): number for tenant, what, number in self.house.rows(statement)} == counted

    @invariant()
    def a_delivery_was_one(self) -> None:
        for id_, seed in self.house.rows("SELECT id, seed FROM registrations WHERE delivered IS NOT NULL"):
            assert (id_, seed) in self.house.listened

    @invariant()
    def groups_are_there_with_those_above_them(self) -> None:
        there = set(self.house.rows("SELECT tenant, path FROM groups"))
        records: list[Reg | Dev] = [*self.model.regs.values(), *self.model.devices.values()]
        for tenant, group in {(one.tenant, one.group) for one in records}:
            parts = [] if group is None else group.split("/")
            assert {(tenant, "/".join(parts[: depth + 1])) for depth in range(len(parts))} <= there

    def quiet(self) -> None:
        """After all of it the broker has exactly the accounts that are promised, each with its own password."""
        self.start_again()
        self.install(None)
        promised = {
            f"{login.tenant}/device_{id_}": login.password
            or KEYS.device_password(login.tenant, id_, self.seeds[login.life], "k1")
            for id_, login in self.model.logins.items()
            if login.wanted
        }
        there = {name: login.password for name, login in self.house.broker.there.items()}
        assert {name: password for name, password in there.items() if "/" in name} == promised
        assert {name for name in there if "/" not in name} == {n for n, one in self.model.people.items() if one.wanted}
        for reg in self.model.regs.values():
            assert reg.status != ACCEPTED or reg.installed, "who was accepted has an account"
        assert self.run(self.house.reconcile()) == 0
        assert violations_of(self.run(snapshot_of(self.house))) == []


@pytest.fixture
def lives(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Lives]]:
    """The machine, on a database of its own; sweeps and files are worked on two at a time."""
    path = Path(shutil.copy(empty_database, tmp_path / "registrations.db"))
    for room in ("handlers.bulk", "handlers.registrations"):
        monkeypatch.setattr(f"bridge.{room}.CHUNK", 2)
    monkeypatch.setattr("bridge.sessions.info.clock", lambda: Lives.latest.clock())
    with asyncio.Runner() as runner:
        Lives.runner, Lives.path = runner, path
        Lives.store = runner.run(FragileStore.on(path))
        yield Lives
        runner.run(Lives.store.close())


def test_no_decision_is_lost_or_doubled_whatever_happens_in_whatever_order(lives: type[Lives]) -> None:
    run_state_machine_as_test(lives, settings=searching(10, stateful_step_count=50))
