"""Performs the steps of a plan: asks as administrators do, and keeps book of what was asked, answered and given."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

from bridge.names import device_username
from device_sim.memory import Credentials
from tests.e2e.peer import payload_of, private_id, stranger
from tests.snapshot import Ledger
from tests.soak.clerk import Answer, Clerk, NeverAnswered
from tests.soak.fleet import Fleet
from tests.soak.model import NONE, OK, STATUS, Contradiction, Devices, Names
from tests.soak.words import TOLD, Machine, Operation, Step

STRAY = 60.0
"""Seconds after which no answer to a registration that has gone can be on its way: it expires after thirty."""
STRANGER_LISTENS = 0.7
"""Seconds for which a stranger waits for what he is answered."""
MANAGEMENT = "management"
DEFAULT = "default"
HOME = "Halls/Hall 1"
"""The group that devices of files are put into."""


@dataclass
class Desk:
    """Where all administrators sit. ``found`` are sentences about what must not be."""

    access: Mapping[str, Any]
    machines: Sequence[Machine]
    clerks: Mapping[str, Clerk]
    devices: Devices
    fleet: Fleet = field(init=False)
    ledger: Ledger = field(default_factory=Ledger)
    people: Names = field(default_factory=lambda: Names("administrator"))
    programs: Names = field(default_factory=lambda: Names("application"))
    tenants: Names = field(default_factory=lambda: Names("tenant"))
    options: dict[str, set[int]] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    done: int = 0
    _locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _given: dict[str, str] = field(default_factory=dict)
    _closed_since: dict[str, float] = field(default_factory=dict)

    # What the fleet tells.

    def given(self, machine: Machine, credentials: Credentials) -> None:
        """Note credentials that a device holds from now on."""
        self._give(credentials.username, credentials.password, credentials.client_id)
        since = self._closed_since.get(machine.id)
        if since is not None and not machine.from_file and asyncio.get_running_loop().time() - since > STRAY:
            self.found.append(f"{machine.id} was given credentials, and nobody can have accepted it")

    def _give(self, username: str, password: str, client_id: str | None = None) -> None:
        # A life is here as long as a password: when a life began, as the bridge saw it, nobody outside can know.
        if self._given.get(username) != password:
            self._given[username] = password
            self.ledger._lives[username] += 1
        self.ledger.give({"username": username, "password": password, "clientId": client_id})

    # What the plan wants.

    async def perform(self, step: Step, key: str) -> None:
        """Do one step, through whatever happens meanwhile. What contradicts goes to ``found``."""
        self.done += 1
        machines = [self.machines[at] for at in step.devices]
        machines = [one for one in machines if one.tenant == machines[0].tenant]  # a clerk sees his tenant's alone
        try:
            async with contextlib.AsyncExitStack() as stack:
                for subject in sorted({one.id for one in machines} or {step.name}):
                    if step.operation is not Operation.ACCEPT_ALL:
                        await stack.enter_async_context(self._locks[subject])
                await self._perform(step, machines, key)
        except (Contradiction, NeverAnswered) as wrong:
            self.found.append(f"{wrong} [{key}: {step.operation}]")

    async def _perform(self, step: Step, machines: list[Machine], key: str) -> None:
        ids = [machine.id for machine in machines]
        match step.operation:
            case Operation.REGISTER | Operation.PREAUTHORISE:
                (machine,) = machines
                await self._register(machine, key, step)
            case Operation.REGISTER_SEVERAL:
                each = [{"id": device_id} for device_id in ids]
                await self._command("register", machines, {"devices": each}, key, step)
            case Operation.BULK_SIMPLE:
                file = "ID;PATH;NAME\n" + "".join(f"{device_id};{HOME};Machine {key}\n" for device_id in ids)
                await self._command("bulk-register", machines, file.encode(), key, step, rule="simple row")
            case Operation.BULK_FULL:
                await self._provide(step, machines, key)
            case Operation.ACCEPT | Operation.ACCEPT_WRONG_TOKEN:
                (machine,) = machines
                wrong = f"wrong {key}" if step.operation is Operation.ACCEPT_WRONG_TOKEN else None
                await self._accept(machine, key, step, wrong)
            case Operation.ACCEPT_SEVERAL:
                each = [{"id": one.id, **_token(one)} for one in machines]
                await self._command("accept", machines, {"devices": each}, key, step)
            case Operation.ACCEPT_ALL:
                await self._accept_all(step, key)
            case Operation.DELETE:
                await self._command("delete", machines, {"id": ids[0]}, key, step)
            case Operation.DELETE_SEVERAL:
                await self._command("delete", machines, {"ids": ids}, key, step)
            case Operation.DELETE_DEVICE:
                await self._command("delete-device", machines, {"id": ids[0]}, key, step)
            case Operation.BEGIN_ANEW | Operation.REGISTER_AGAIN:
                (machine,) = machines
                await self._command("delete", machines, {"id": machine.id}, f"{key}.d", step)
                if step.operation is Operation.BEGIN_ANEW:
                    await self.fleet[step.devices[0]].reset()
                await self._register(machine, f"{key}.r", step)
            case Operation.CALL_WRONG_TOKEN | Operation.CALL_WITHOUT_TOKEN:
                token = {"securityToken": f"wrong {key}"} if step.operation is Operation.CALL_WRONG_TOKEN else {}
                await self._call_as_stranger(machines[0].id, token)
            case Operation.POWER_CYCLE:
                for at in step.devices:
                    if self.machines[at] in machines:
                        await self.fleet[at].switch_off()
                        self.fleet[at].switch_on()
            case Operation.CREATE_ADMINISTRATOR | Operation.CREATE_APPLICATION:
                await self._create(step, key)
            case Operation.DELETE_ADMINISTRATOR | Operation.DELETE_APPLICATION:
                names = self.people if step.operation is Operation.DELETE_ADMINISTRATOR else self.programs
                await self._named(step.operation.value, names, step, {"name": step.name}, key, creates=False)
            case Operation.CREATE_TENANT:
                body = {"id": step.name, "name": f"Tenant {key}"}
                await self._named("create-tenant", self.tenants, step, body, key, creates=True, tenant=MANAGEMENT)
            case Operation.SET_OPTION:
                await self._set_option(step, key)

    async def _register(self, machine: Machine, key: str, step: Step) -> Answer | None:
        """Register one device, with its token where the step says so."""
        body: dict[str, Any] = {"id": machine.id}
        itself = step.operation is Operation.PREAUTHORISE
        if machine.token is not None and (itself or step.value == TOLD):
            body |= {"securityToken": machine.token, "autoAccept": itself}
        return await self._command("register", [machine], body, key, step, accepts_itself=itself)

    async def _accept(self, machine: Machine, key: str, step: Step, wrong: str | None = None) -> Answer | None:
        """Accept one device with the token on its label, or a wrong one."""
        token = _token(machine) if wrong is None else {"securityToken": wrong}
        return await self._command("accept", [machine], {"id": machine.id, **token}, key, step)

    async def _command(
        self,
        command: str,
        machines: Sequence[Machine],
        body: Mapping[str, Any] | bytes,
        key: str,
        step: Step,
        *,
        rule: str | None = None,
        accepts_itself: bool = False,
        passwords: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """Ask something about devices, and take what is answered, or look what became of it."""
        ids = [machine.id for machine in machines]
        clerk = self.clerks[machines[0].tenant]
        underway = self.devices.begin(rule or command, ids, accepts_itself=accepts_itself)
        self._note_closed(ids)
        answer = await clerk.ask_somehow(command, body, key, insists=step.insists)
        correlation = key.encode() if isinstance(body, bytes) else None
        self.ledger.tell(clerk.actor, command, ids, answer, correlation=correlation, passwords=passwords)
        if answer is None:
            await self._look(clerk, ids, key)
        else:
            self.devices.answered(underway, outcomes_of(answer, ids))
            self._note_closed(ids)
            await self._ask_again(clerk, command, body, key, step, answer)
        self._note_closed(ids)
        return answer

    async def _look(self, clerk: Clerk, ids: Iterable[str], key: str) -> None:
        for device_id in ids:
            since = self.devices.sweeps(device_id)
            found = await clerk.ask("get", {"id": device_id}, f"{key}.get.{device_id}")
            status = STATUS[found["result"]["status"]] if found["ok"] else NONE
            self.devices.saw(device_id, status, None, since)
            found = await clerk.ask("get-device", {"id": device_id}, f"{key}.get-device.{device_id}")
            if not found["ok"]:
                self.devices.saw(device_id, None, False, since)

    def _note_closed(self, ids: Iterable[str]) -> None:
        for device_id in ids:
            if self.devices.may_be_accepted(device_id):
                self._closed_since.pop(device_id, None)
            else:
                self._closed_since.setdefault(device_id, asyncio.get_running_loop().time())

    async def _ask_again(
        self, clerk: Clerk, command: str, body: Mapping[str, Any] | bytes, key: str, step: Step, answer: Answer
    ) -> None:
        if step.asks_again:
            again = await clerk.ask(command, body, key)
            if again != answer:
                raise Contradiction(f"{command} was answered {_shown(answer)}, and then {_shown(again)}")

    async def _provide(self, step: Step, machines: list[Machine], key: str) -> None:
        passwords = {machine.id: f"{step.value}-{machine.id}" for machine in machines}
        file = "ID;CREDENTIALS;TYPE\n" + "".join(f"{one};{password};soak\n" for one, password in passwords.items())
        answer = await self._command(
            "bulk-register", machines, file.encode(), key, step, rule="full row", passwords=passwords
        )
        assert answer is not None, "who sends a file insists"
        for at in step.devices:
            machine = self.machines[at]
            if machine in machines:
                username = device_username(machine.tenant, machine.id)
                await self.fleet[at].provide(Credentials(machine.tenant, username, passwords[machine.id], machine.id))

    async def _accept_all(self, step: Step, key: str) -> None:
        clerk = self.clerks[step.name]
        self.devices.begin_sweep(step.name)
        self._note_closed(machine.id for machine in self.machines)
        answer = await clerk.ask("accept-all", {}, key)
        self.ledger.tell(clerk.actor, "accept-all", (), answer)
        if not answer["ok"]:
            raise Contradiction(f"accept-all was answered {_shown(answer)}")
        await self._ask_again(clerk, "accept-all", {}, key, step, answer)
        self.devices.end_sweep(step.name)

    async def _create(self, step: Step, key: str) -> None:
        chosen = {"password": step.value} if step.value else {}
        if step.operation is Operation.CREATE_ADMINISTRATOR:
            body = {"name": step.name, "role": ("owner", "registrar", "viewer")[len(key) % 3], **chosen}
            names = self.people
        else:
            body, names = {"name": step.name, **chosen}, self.programs
        answer = await self._named(step.operation.value, names, step, body, key, creates=True)
        if answer["ok"]:
            self._give(step.name, answer["result"].get("password", step.value))

    async def _named(
        self,
        command: str,
        names: Names,
        step: Step,
        body: Mapping[str, Any],
        key: str,
        *,
        creates: bool,
        tenant: str = DEFAULT,
    ) -> Answer:
        clerk = self.clerks[tenant]
        before = names.begin(step.name)
        answer = await clerk.ask(command, body, key)
        self.ledger.tell(clerk.actor, command, (step.name,), answer)
        names.answered(step.name, before, OK if answer["ok"] else answer["error"]["code"], creates=creates)
        await self._ask_again(clerk, command, body, key, step, answer)
        return answer

    async def _set_option(self, step: Step, key: str) -> None:
        clerk = self.clerks[DEFAULT]
        self.options.setdefault(step.name, set()).add(int(step.value))
        body = {"category": "device-registration", "key": step.name, "value": int(step.value)}
        answer = await clerk.ask("set-option", body, key)
        if not answer["ok"] or answer["result"]["value"] != int(step.value):
            raise Contradiction(f"set-option {step.name} {step.value} was answered {_shown(answer)}")
        self.options[step.name] = {int(step.value)}
        await self._ask_again(clerk, "set-option", body, key, step, answer)

    async def _call_as_stranger(self, device_id: str, token: Mapping[str, str]) -> None:
        client_id = private_id()
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):  # the broker dies under strangers too
            async with stranger(self.access, client_id, timeout=5) as peer:
                await peer.subscribe(f"bootstrap/{device_id}/response/{client_id}")
                await peer.publish(f"bootstrap/{device_id}/request/{client_id}", json.dumps(token), qos=0)
                answer = json.loads(payload_of(await peer.next(STRANGER_LISTENS)))
                if answer.get("status") != "PENDING_ACCEPTANCE":
                    self.found.append(f"a stranger who called as {device_id} was answered {answer.get('status')}")


def outcomes_of(answer: Answer, ids: Iterable[str]) -> dict[str, str]:
    """Return ``ok`` or a code for each device that was asked about."""
    if not answer["ok"]:
        return dict.fromkeys(ids, str(answer["error"]["code"]))
    result = answer["result"]
    rows = [*result.get("failed", ()), *result.get("failedCreationList", ())]
    failed = {str(row.get("id", row.get("deviceId"))): str(row["code"]) for row in rows}
    return {device_id: failed.get(device_id, OK) for device_id in ids}


def _token(machine: Machine) -> dict[str, str]:
    return {} if machine.token is None else {"securityToken": machine.token}


def _shown(answer: Answer | None) -> str:
    """Return an answer as text without a password."""
    if answer is None or "result" not in answer:
        return json.dumps(answer)
    return json.dumps({**answer, "result": {k: v for k, v in answer["result"].items() if k != "password"}})
