"""What an installation is made of: keys, logins and both brokers' files in one folder. Makes only what is lacking."""

import json
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from bridge import brokers
from bridge.accounts import Login, grants
from bridge.bootstrap_logins import over, valid
from bridge.clock import clock
from bridge.credentials import KeyRing, mark_of, new_secret
from bridge.facts import Facts, FirstAdministrator, ServiceLogin, Tls
from bridge.folder import Folder, write_private
from bridge.folder import InstallationFault as InstallationFault
from bridge.keys_file import new_keys, read_json
from bridge.keys_file import read_keys as read_keys
from bridge.mending import mended_accounts, mended_passwords, put_right
from bridge.names import DEFAULT, MANAGEMENT
from bridge.roles import OWNER
from bridge.wire import Topics

BOOTSTRAP_USER: Final = "devicebootstrap"
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 1883
DEFAULT_BOOTSTRAP_PORT: Final = 1884
FIRST_ADMINISTRATORS: Final = ((MANAGEMENT, "root"), (DEFAULT, "admin"))


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder with its keys and facts read."""

    folder: Folder
    keys: KeyRing
    facts: Facts
    mended: tuple[str, ...] = ()
    """What was wrong in the brokers' files and has just been put right, in sentences."""
    trusted: Path | None = None
    """Whose certificates the bridge trusts, where that is not the installation's own word."""
    by_loopback: bool = False
    """Whether the bridge itself reaches its brokers by loopback, under whatever name others do."""

    @property
    def topics(self) -> Topics:
        """All topics of the installation."""
        return Topics.below(self.facts.topic_prefix)

    @property
    def doors(self) -> dict[str, tuple[str, int]]:
        """Host and port at which the bridge itself reaches each broker."""
        facts, inside = self.facts, DEFAULT_HOST if self.by_loopback else None
        return {
            "operations": (inside or facts.host, facts.port),
            "bootstrap": (inside or facts.bootstrap_host, facts.bootstrap_port),
        }

    @property
    def authority(self) -> Path | None:
        """The file of whom the bridge's own clients trust; None where the brokers speak without TLS."""
        return self.trusted or (self.folder.authority if self.facts.tls.on else None)

    @property
    def database_url(self) -> str:
        """Where the registrations are kept unless told otherwise."""
        return f"sqlite+aiosqlite:///{self.folder.database.absolute()}"

    def access(self, *, administrators: bool, gone: Collection[str] = ()) -> dict[str, Any]:
        """Return the content of ``access.json``, or without administrators of ``bootstrap.json``.

        ``gone`` are first administrators that were deleted since, or made anew with another password.
        """
        facts = self.facts
        content: dict[str, Any] = {
            "host": facts.host,
            "port": facts.port,
            "bootstrapPort": facts.bootstrap_port,
            "topicPrefix": facts.topic_prefix,
            # A name alone: a device's maker copies both files into one folder.
            "tls": {"caFile": self.folder.authority.name} if facts.tls.on else None,
            "bootstrap": {"username": facts.bootstrap_username, "password": facts.bootstrap_password},
        }
        if administrators:
            content["administrators"] = [
                {
                    "tenant": one.tenant,
                    "username": one.username,
                    "password": self.keys.administrator_password(one.username, one.seed_bytes, one.key_id),
                }
                for one in facts.administrators
                if one.username not in gone
            ]
        return content

    @property
    def logins(self) -> dict[str, str]:
        """The bootstrap logins that are valid now, user names to passwords, the present one first."""
        facts = self.facts
        return {facts.bootstrap_username: facts.bootstrap_password, **valid(facts.earlier_logins, clock())}

    @property
    def logins_over(self) -> list[str]:
        """The user names of bootstrap logins whose time is over, and of which that is not known to be done."""
        return over(self.facts.earlier_logins, clock())

    def write_facts(self) -> None:
        """Write down what is decided. Raises OSError."""
        write_private(self.folder.facts, self.facts.model_dump_json(indent=2) + "\n")

    def note_login(self) -> list[Path]:
        """Put the present bootstrap login into ``access.json`` and ``bootstrap.json`` where they are; return them.

        Raises InstallationFault, OSError.
        """
        noted = [path for path in (self.folder.access, self.folder.for_devices) if path.exists()]
        for path in noted:
            content = self.access(administrators=False)["bootstrap"]
            write_private(path, json.dumps({**read_json(path), "bootstrap": content}, indent=2) + "\n")
        return noted

    def write_access(self, *, gone: Collection[str] = ()) -> None:
        """Write ``access.json``, without the administrators that are ``gone``, and ``bootstrap.json``."""
        for path, administrators in ((self.folder.access, True), (self.folder.for_devices, False)):
            content = self.access(administrators=administrators, gone=gone)
            write_private(path, json.dumps(content, indent=2) + "\n")


def _new_facts(keys: KeyRing, wishes: Mapping[str, Any], administrators: Iterable[tuple[str, str]]) -> Facts:
    def own(username: str) -> ServiceLogin:
        return ServiceLogin(username=username, password=new_secret(), client_id=secrets.token_hex(16))

    return Facts(
        version=1,
        topic_prefix=wishes.get("topic_prefix") or "",
        host=wishes.get("host") or DEFAULT_HOST,
        listen=wishes.get("listen"),
        port=wishes.get("port") or DEFAULT_PORT,
        bootstrap_host=wishes.get("bootstrap_host") or wishes.get("host") or DEFAULT_HOST,
        bootstrap_port=wishes.get("bootstrap_port") or DEFAULT_BOOTSTRAP_PORT,
        tls=wishes.get("tls") or Tls(),
        plain_on_the_network=wishes.get("plain_on_the_network") or False,
        bootstrap_username=BOOTSTRAP_USER,
        bootstrap_password=new_secret(),
        gate=own(brokers.BRIDGE_USER),
        control=own("bridge-control"),
        info=own("bridge-info"),
        accounts=own("bridge-accounts"),
        administrators=[
            FirstAdministrator(
                tenant=tenant, username=username, seed=secrets.token_bytes(16).hex(), key_id=keys.current
            )
            for tenant, username in administrators
        ],
    )


def preview(kept: Facts | None, wishes: Mapping[str, Any]) -> Facts:
    """Return what the facts would be with these wishes, of which None keeps what is there."""
    if kept is None:
        return _new_facts(KeyRing({}, ""), wishes, ())
    return kept.model_copy(update={name: wish for name, wish in wishes.items() if wish is not None})


def load(data: Path) -> Installation:
    """Read what ``init`` made. Raises InstallationFault."""
    folder = Folder(data)
    _refuse_half_restored(folder)
    if not folder.facts.exists() and not folder.keys.exists():
        raise InstallationFault(
            f"there is no installation in {data}: make one with bootstrap-bridge init --data {data}"
        )
    keys = read_keys(folder.keys)
    try:
        facts = Facts.model_validate_json(json.dumps(read_json(folder.facts)))
    except ValidationError as error:
        raise InstallationFault(f"{folder.facts} is damaged ({error.error_count()} faults): restore it") from error
    return Installation(folder, keys, facts)


def _refuse_half_restored(folder: Folder) -> None:
    if folder.restoring.exists():
        raise InstallationFault(
            f"a backup is being put back into {folder.path}, or that was cut short: run bootstrap-bridge restore "
            "again, which begins with what was there before"
        )


def refuse_beside(data: Path) -> None:
    """Refuse brokers of its own to an installation that stands beside somebody else's. Raises InstallationFault."""
    path = Folder(data).beside
    if path.exists():
        theirs = read_json(path).get("configuration", "another broker")
        raise InstallationFault(
            f"the installation in {data} stands beside the broker of {theirs}: bootstrap-bridge serve runs it, "
            f"bootstrap-bridge init --beside {theirs} looks after it"
        )


def make_folder(data: Path) -> None:
    """Make the data folder if it is not there. Raises InstallationFault."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InstallationFault(f"the folder {data} cannot be made: {error.strerror}") from error
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        raise InstallationFault(f"the folder {data} cannot be written: check its owner, or choose another with --data")


def make(
    data: Path,
    *,
    administrators: Iterable[tuple[str, str]] = FIRST_ADMINISTRATORS,
    permit: Callable[[Facts], None] = lambda facts: None,
    **wishes: Any,
) -> Installation:
    """Make what ``data`` lacks of an installation and return it; wishes that differ from what it has are kept.

    ``administrators`` are tenants and user names of the first ones, where there is no installation yet. ``permit``
    raises where the facts may not be so; nothing of them is kept then.

    ``wishes`` are fields of ``Facts``: host, port, listen, bootstrap_host, bootstrap_port, topic_prefix, tls,
    plain_on_the_network; None keeps what is there. Broker files that exist are left alone, but for the
    configurations. Raises InstallationFault.
    """
    folder = Folder(data)
    make_folder(data)
    _refuse_half_restored(folder)
    try:
        for part in (folder.bridge, folder.operations, folder.bootstrap):
            part.mkdir(mode=0o700, exist_ok=True)
        if not folder.facts.exists():
            permit(preview(None, wishes))
        if not folder.keys.exists():
            new_keys(folder)
        keys = read_keys(folder.keys)
        if not folder.facts.exists():
            write_private(folder.facts, _new_facts(keys, wishes, administrators).model_dump_json(indent=2) + "\n")
        found = load(data)
        facts = preview(found.facts, wishes)
        if facts.topic_prefix != found.facts.topic_prefix and folder.dynamic_security.exists():
            raise InstallationFault(
                f"{data} was made with the topic prefix {found.facts.topic_prefix!r}, which its accounts are bound to"
            )
        permit(facts)
        if facts != found.facts:
            Installation(folder, keys, facts).write_facts()
        if missing := {one.key_id for one in facts.administrators} - set(keys.masters):
            raise InstallationFault(
                f"passwords come from the master key {', '.join(sorted(missing))}, which {folder.keys} does not hold: "
                "restore that file from a backup"
            )
        made = Installation(folder, keys, facts)
        made = replace(made, mended=(*write_gate_files(made), *write_accounts_file(made)))
        made = forget_logins(made)
    except PermissionError as error:
        raise InstallationFault(f"{error.filename} cannot be written: {error.strerror}; check its owner") from error
    except OSError as error:
        raise InstallationFault(f"the folder {data} cannot be used: {error}") from error
    return made


def write_gate_files(made: Installation) -> list[str]:
    """Write the bootstrap broker's files that are lacking, put right the bridge's part in others, and say what was.

    Only while that broker stands still. Raises OSError.
    """
    write_private(made.folder.bootstrap / "acl", brokers.bootstrap_acl(made.topics.prefix))
    return write_passwords(made)


def write_passwords(made: Installation) -> list[str]:
    """Write the bootstrap broker's logins if they are lacking, put right the bridge's part in them, and say what was.

    Bootstrap logins whose time is over are taken out. That broker may run: it reads them when it is reloaded. Raises
    OSError.
    """
    facts, path = made.facts, made.folder.passwords
    users = {**made.logins, facts.gate.username: facts.gate.password}
    if not path.exists():
        write_private(path, brokers.password_lines(users))
        return []
    raw = path.read_bytes()
    kept = brokers.without_users(raw, made.logins_over)
    if facts.earlier_logins and brokers.users_of(kept).isdisjoint([facts.bootstrap_username]):
        # It was rotated, which is no fault of the file.
        kept += brokers.password_lines({facts.bootstrap_username: facts.bootstrap_password}).encode()
    if kept != raw:
        write_private(path, kept)
    return put_right(path, lambda raw: mended_passwords(raw, users))


def forget_logins(made: Installation) -> Installation:
    """Forget bootstrap logins that are over, once the broker's file has them no more. Raises OSError."""
    gone = made.logins_over
    if not gone:
        return made
    left = [one for one in made.facts.earlier_logins if one.username not in gone]
    settled = replace(made, facts=made.facts.model_copy(update={"earlier_logins": left}))
    settled.write_facts()
    return settled


def write_accounts_file(made: Installation) -> list[str]:
    """Do the same for the operations broker's accounts. Raises OSError."""
    folder, facts, topics = made.folder, made.facts, made.topics
    own = own_logins(facts, topics)
    administrators = [
        Login(
            one.username,
            made.keys.administrator_password(one.username, one.seed_bytes, one.key_id),
            mark_of(one.seed_bytes),
            grants.for_administrator(topics, one.tenant, one.username, OWNER),
        )
        for one in facts.administrators
    ]
    path = folder.dynamic_security
    if path.exists():
        return put_right(path, lambda raw: mended_accounts(raw, own, administrators))
    write_private(path, brokers.dynamic_security(own, administrators))
    lost = f"{path} was lost. It is made anew; the accounts in it come back from the database"
    return [lost] if folder.database.exists() else []


def own_logins(facts: Facts, topics: Topics) -> list[Login]:
    """Return the bridge's own accounts on the operations broker."""
    return [
        _service(facts.control, grants.for_bridge_control(topics)),
        _service(facts.info, grants.for_bridge_info(topics)),
        _service(facts.accounts, grants.for_bridge_accounts()),
    ]


def _service(login: ServiceLogin, granted: tuple[grants.Grant, ...]) -> Login:
    return Login(login.username, login.password, "service", granted, login.client_id)
