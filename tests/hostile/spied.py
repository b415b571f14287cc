"""An installation with a spy on each broker: a client that may read everything, to see what went where."""

import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bridge.accounts import Login
from bridge.accounts.dynsec import file_client, file_role
from bridge.accounts.grants import Act, Grant
from bridge.brokers import password_lines
from bridge.folder import Folder
from tests.e2e.site import ApartSite
from tests.hostile.intruder import GRANTED_MOST, Heard, Intruder, intruding

SPY = "spy"
EVERYTHING = (b"#", b"$SYS/#", b"$CONTROL/#")
_ACTS = (Act.RECEIVE, Act.SUBSCRIBE_PATTERN)
ACCOUNTS = "$CONTROL/dynamic-security/v1"


class SpiedSite(ApartSite):
    """`init`, two logins that the bridge knows nothing of, then both brokers and `serve`."""

    password: str
    gate_lines: tuple[str, ...] = ()
    """What else the bootstrap broker is to allow."""

    def start(self) -> None:
        if not self.data.exists():
            self.password = secrets.token_hex(16)
            self.make()
            self._let_spies_in()
        super().start()

    def _let_spies_in(self) -> None:
        folder = Folder(self.data)
        grants = tuple(Grant(act, topic.decode()) for topic in EVERYTHING for act in _ACTS)
        grants += (Grant(Act.SEND, ACCOUNTS),)  # to break what holds, and see that the tests notice
        login = Login(SPY, self.password, "spy", grants)
        content = json.loads(folder.dynamic_security.read_text(encoding="utf-8"))
        content["clients"].append({**file_client(login), "textname": "an observer of the tests"})
        content["roles"].append(file_role(login))
        folder.dynamic_security.write_text(json.dumps(content), encoding="utf-8")
        with (folder.bootstrap / "passwords").open("a", encoding="utf-8") as passwords:
            passwords.write(password_lines({SPY: self.password}))
        lines = (*self.gate_lines, f"user {SPY}", "topic read #", "topic read $SYS/#")
        with (folder.bootstrap / "acl").open("a", encoding="utf-8") as acl:
            acl.write("".join(f"{line}\n" for line in lines))


@dataclass(frozen=True)
class Spies:
    """Both spies, at work."""

    gate: Intruder
    operations: Intruder

    async def until_all_is_heard(self) -> None:
        """Wait until both have what the brokers took before now."""
        for one in (self.gate, self.operations):
            await one.until_answered()

    @property
    def ended(self) -> bool:
        return self.gate.ended.is_set() or self.operations.ended.is_set()


@contextlib.asynccontextmanager
async def spying(site: SpiedSite) -> AsyncIterator[Spies]:
    """Read along on both brokers. What is retained there comes first."""
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for port in (site.access["bootstrapPort"], site.access["port"]):
            spy = await stack.enter_async_context(intruding(port, f"spy-{secrets.token_hex(4)}", SPY, site.password))
            assert spy.let_in, "the spy is let in"
            codes = await spy.subscribe(EVERYTHING, qos=0)
            assert max(codes) <= GRANTED_MOST, codes
            found.append(spy)
        yield Spies(*found)


async def retained(site: SpiedSite) -> list[Heard]:
    """Return all messages that either broker keeps."""
    async with spying(site) as spies:
        await spies.until_all_is_heard()
        return [one for spy in (spies.gate, spies.operations) for one in spy.heard if one.retain]
