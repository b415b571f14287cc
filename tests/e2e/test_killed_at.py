"""The bridge killed at each point of a message's way: nothing that was committed is lost or doubled."""

import signal
import sys
from collections.abc import Iterator

import aiomqtt
import pytest

from tests.e2e.dying import POINTS
from tests.e2e.peer import Administrator, Device, administrator, device, resident
from tests.e2e.site import ApartSite, Process, running, wait_until


class MortalSite(ApartSite):
    """Brokers that live, and a bridge that can be started to die."""

    def start_to_die(self, point: str) -> Process:
        self.processes.pop("serve").stop()
        words = [sys.executable, "-m", "tests.e2e.dying", point, "serve", "--data", str(self.data)]
        self.generation += 1
        log = self.data.parent / f"dying.{self.generation}.log"
        process = self.processes["serve"] = Process.start(words, log)
        wait_until(
            lambda: '"ready"' in process.output or process.process.poll() is not None,
            f"the bridge is ready to die {point}",
        )
        assert process.process.poll() is None, process.output
        return process

    def has_died(self) -> None:
        process = self.processes.pop("serve")
        wait_until(lambda: process.process.poll() is not None, "the bridge has died")
        assert process.process.returncode == -signal.SIGKILL, process.output


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalSite]:
    with running(MortalSite(tmp_path_factory.mktemp("mortal") / "data")) as site:
        assert isinstance(site, MortalSite)
        yield site


async def pending(admin: Administrator, caller: Device) -> None:
    await admin.ok("register", {"id": caller.id})
    assert (await caller.ask())["status"] == "PENDING_ACCEPTANCE"


async def ends_with_one_working_password(admin: Administrator, caller: Device, site: MortalSite) -> str:
    """The device repeats its call until it has credentials; every answer that it gets holds the same ones."""
    passwords: set[str] = set()
    for _ in range(50):
        answer = await caller.ask({"requestId": "again"})
        while "requestId" not in answer:  # a push came in between
            passwords.add(answer["password"])
            answer = await caller.peer.next_json()
        if answer["status"] == "ACCEPTED":
            passwords.add(answer["password"])
            break
    else:
        raise AssertionError("no credentials")
    assert len(passwords) == 1
    async with resident(site.access, answer) as peer:
        await peer.publish(f"devices/default/{caller.id}/info", b"{}")
    await admin.until(caller.id, "confirmedTime")
    (password,) = passwords
    return password


@pytest.mark.parametrize("point", ["before the commit", "between commit and acknowledgement"])
async def test_a_call_that_was_not_acknowledged_is_heard_again(mortal: MortalSite, point: str) -> None:
    async with device(mortal.access, f"call {point}".replace(" ", "-")) as caller:
        async with administrator(mortal.access) as admin:
            await admin.ok("register", {"id": caller.id})
        mortal.start_to_die(point)
        await caller.call({"securityToken": "t"})
        mortal.has_died()
        mortal.start_bridge()
        assert (await caller.peer.next_json())["status"] == "PENDING_ACCEPTANCE"
        async with administrator(mortal.access) as admin:
            found = await admin.get(caller.id)
            assert (found["status"], len(found["claims"])) == ("PENDING_ACCEPTANCE", 1)
            await admin.ok("accept", {"id": caller.id, "securityToken": "t"})
            assert (await caller.peer.next_json())["status"] == "ACCEPTED"


ACCEPTING = [
    "between commit and installation",
    "between installation and delivery",
    "between delivery and its note",
]


@pytest.mark.parametrize("point", ACCEPTING)
async def test_an_accept_that_was_committed_ends_with_one_working_password(mortal: MortalSite, point: str) -> None:
    async with device(mortal.access, f"accept {point}".replace(" ", "-")) as caller:
        async with administrator(mortal.access) as admin:
            await pending(admin, caller)
        mortal.start_to_die(point)
        async with administrator(mortal.access) as admin:
            topic = f"control/{admin.tenant}/{admin.name}/request/accept"
            await admin.peer.publish(topic, f'{{"id":"{caller.id}"}}')
            mortal.has_died()
        mortal.start_bridge()
        async with administrator(mortal.access) as admin:
            assert (await admin.get(caller.id))["status"] == "ACCEPTED"
            await ends_with_one_working_password(admin, caller, mortal)


async def test_an_accept_that_was_not_committed_never_happened(mortal: MortalSite) -> None:
    async with device(mortal.access, "accept-before-commit") as caller:
        async with administrator(mortal.access) as admin:
            await pending(admin, caller)
        mortal.start_to_die("before the commit")
        async with administrator(mortal.access) as admin:
            await admin.peer.publish("control/default/admin/request/accept", b'{"id":"accept-before-commit"}')
            mortal.has_died()
        mortal.start_bridge()
        async with administrator(mortal.access) as admin:
            assert (await admin.get(caller.id))["status"] == "PENDING_ACCEPTANCE"
            await admin.ok("accept", {"id": caller.id})
            await ends_with_one_working_password(admin, caller, mortal)


@pytest.mark.parametrize("point", ["between renewal and clearing", "between installation and delivery"])
async def test_registered_again_the_old_password_is_useless_however_the_bridge_died(
    mortal: MortalSite, point: str
) -> None:
    async with device(mortal.access, f"again {point}".replace(" ", "-")) as caller:
        async with administrator(mortal.access) as admin:
            await pending(admin, caller)
            await admin.ok("accept", {"id": caller.id})
            old = await ends_with_one_working_password(admin, caller, mortal)
            await admin.ok("delete", {"id": caller.id})
            await pending(admin, caller)
        mortal.start_to_die(point)
        async with administrator(mortal.access) as admin:
            await admin.peer.publish("control/default/admin/request/accept", f'{{"id":"{caller.id}"}}')
            mortal.has_died()
        mortal.start_bridge()
        async with administrator(mortal.access) as admin:
            new = await ends_with_one_working_password(admin, caller, mortal)
        assert new != old
        login = {"username": f"default/device_{caller.id}", "password": old, "clientId": caller.id}
        with pytest.raises(aiomqtt.MqttError):
            async with resident(mortal.access, login):
                pass


async def test_a_deleted_account_goes_however_the_bridge_died(mortal: MortalSite) -> None:
    async with device(mortal.access, "deleted-while-dying") as caller:
        async with administrator(mortal.access) as admin:
            await pending(admin, caller)
            await admin.ok("accept", {"id": caller.id})
            credentials = await caller.peer.next_json()
        mortal.start_to_die("before a life has ended")
        async with administrator(mortal.access) as admin:
            await admin.peer.publish("control/default/admin/request/delete", b'{"id":"deleted-while-dying"}')
            mortal.has_died()
        mortal.start_bridge()
        with pytest.raises(aiomqtt.MqttError):
            async with resident(mortal.access, credentials):
                pass


def test_every_point_is_tried() -> None:
    tried = {*ACCEPTING, "before the commit", "between commit and acknowledgement"}
    tried |= {"between renewal and clearing", "before a life has ended"}
    assert tried == set(POINTS)
