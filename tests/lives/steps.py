"""How a step of a life is made, and what it may leave where it is killed: a state that was committed, and no other."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from bridge.accounts import AccountsFault, Login
from bridge.broker import Incoming
from bridge.credentials import mark_of
from tests.lives.house import Crash, FragileStore, House, object_of
from tests.lives.model import Model
from tests.lives.records import Person, Request, Shown
from tests.lives.said import call_of, file_of, outcome_of, seen_of_others
from tests.lives.seen import in_database, in_model, learn, observe
from tests.world import KEYS, ROLES, START, peopled


class Steps(RuleBasedStateMachine):
    """A house and the model of it, and how both take a step."""

    store: ClassVar[FragileStore]
    path: ClassVar[Path]
    runner: ClassVar[asyncio.Runner]
    house: House

    def __init__(self) -> None:
        super().__init__()
        self.run(wiped(self.store))
        self.house = type(self).latest = House(self.store, self.path)
        self.model = Model(self.house.clock())
        self.model.tenants.add("north")
        self.model.people = {name: Person(tenant, role) for (tenant, name), role in ROLES.items()}
        self.seeds: dict[int, bytes] = {}
        self.requests: list[tuple[Request, bytes]] = []
        self.calls: list[tuple[str, Shown]] = []
        self.backup: tuple[dict[str, Login], int] = ({}, 0)
        self.answered: dict[tuple[str, int], bytes] = {}
        self.house.heard = self.devices_spoke
        self.run(self.house.start())
        self.run(self.house.people_it())

    latest: ClassVar[House]

    def quiet(self) -> None:
        """See that what is promised in the end is so."""
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        try:
            self.quiet()
        finally:
            self.house.close()

    # How a step is made, and what it may leave.

    def step(self, crash: int | None, work: Coroutine[Any, Any, Any], possible: list[Model]) -> Any:
        """Do something that may be killed; the database then says one of ``possible``, else the last of it.

        Return what came of it; None where it was killed, and the bridge was started again.
        """
        house, result = self.house, None
        house.trips.left = crash
        is_killed = False
        try:
            result = self.run(work)
        except Crash:
            is_killed = True
        house.trips.left = None
        found = in_database(house)
        if not is_killed:
            possible = possible[-1:]
        self.model = next((one for one in possible if in_model(one) == found), possible[-1])
        assert in_model(self.model) == found
        learn(self.model, house, self.seeds)
        if is_killed:
            self.start_again()
            return None
        return result

    def start_again(self) -> None:
        """Begin as after a crash: compare with the broker, take what was not acknowledged."""
        house = self.house
        self.run(house.start())
        self.run(house.reconcile())
        observe(self.model, house)
        self.run(house.push_again())
        waiting, house.waiting = house.waiting, []
        if waiting:
            self.take(waiting, None)

    def ask(self, request: Request, payload: bytes, crash: int | None) -> Any:
        possible = [deepcopy(self.model)]
        work = deepcopy(self.model)
        possible += [deepcopy(work) for _ in work.ask(request)]
        possible.append(work)
        handled = self.step(crash, self.house.handle(request.who, request.command, payload, request.number), possible)
        if handled is None:
            return None
        name = (request.who, request.number)
        if work.outcome == "as before":
            if name in self.answered:
                assert handled.payload == self.answered[name], "a repeat gets the answer that was given"
            assert not handled.events
            return None
        self.answered[name] = handled.payload
        answer = json.loads(handled.payload)
        assert outcome_of(request, answer) == work.outcome, (request, answer)
        assert not seen_of_others(request, handled.payload)
        return answer

    def request(self, who: str, command: str, payload: Any, crash: int | None) -> Any:
        request = Request(who, command, payload, len(self.requests))
        text = file_of(request) if command == "bulk-register" else json.dumps(payload).encode()
        self.requests.append((request, text))
        return self.ask(request, text, crash)

    def take(self, messages: list[Incoming], crash: int | None) -> None:
        after = deepcopy(self.model)
        expected = [after.call(*call_of(message)) for message in messages]
        taken = self.step(crash, self.house.take(messages), [deepcopy(self.model), after])
        if taken is None:
            return
        answers = iter(taken.answers)
        for message, gets_credentials in zip(messages, expected, strict=True):
            id_, shown = call_of(message)
            if shown.form == "line" and not gets_credentials:
                continue
            answer = next(answers)
            assert answer.topic == message.topic.replace("request", "response")
            if gets_credentials:
                self.is_right(id_, object_of(answer))
            else:
                assert answer.payload == b'{"status":"PENDING_ACCEPTANCE","retryAfter":30}'
        assert not list(answers)

    def is_right(self, id_: str, said: dict[str, Any]) -> None:
        """See that credentials are those of the registration, and that the broker has had that login."""
        reg = self.model.regs[id_]
        assert reg.life is not None
        password = KEYS.device_password(reg.tenant, id_, self.seeds[reg.life], "k1")
        username = f"{reg.tenant}/device_{id_}"
        assert (username, password, mark_of(self.seeds[reg.life])) in self.house.broker.ever
        assert said["status"] == "ACCEPTED"
        if "sealed" not in said:
            assert (said["username"], said["password"]) == (username, password)

    def devices_spoke(self, messages: Any) -> None:
        """What devices said has been taken; which accounts were confirmed before it counts."""
        observe(self.model, self.house)
        self.spoke(self.model, messages)

    def spoke(self, model: Model, messages: Any) -> None:
        lives = {mark_of(seed): life for life, seed in self.seeds.items()}
        for message, mark in messages:
            _, tenant, id_, _ = message.topic.split("/")
            model.hear(id_, tenant, lives.get(mark), json.loads(message.payload))

    def work_on_accounts(self, crash: int | None, work: Callable[[], Coroutine[Any, Any, Any]]) -> bool:
        """Do what may get on by any number of accounts before it is killed; tell whether it came to its end."""
        self.house.trips.left = crash
        try:
            self.run(work())
        except (Crash, AccountsFault):
            is_done = False
        else:
            is_done = True
        self.house.trips.left = None
        observe(self.model, self.house)
        if not is_done:
            self.start_again()
        return is_done


async def wiped(store: FragileStore) -> None:
    store.trips.left = None
    tables = ("registrations", "tallies", "accounts", "devices", "groups", "unregistered", "options", "tenants")
    async with store.write() as transaction:
        for table in (*tables, "audit", "requests"):
            await transaction.connection.exec_driver_sql(f"DELETE FROM {table}")
    await peopled(store, START)
