"""What makes a Mosquitto that runs already the operations broker: a plan first, which changes nothing, then its doing.

Its users and its ACL stay in force; what is added keeps them off the topics on which the bridge's people and devices
are known by who they are. A broker where that cannot be had is refused, in words.
"""

import json
import os
import pwd
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bridge import authority, broker_advice, configurations, dynsec_file, installation, mosquitto_acl, mosquitto_conf
from bridge.beside_files import Draft, Wishes, acl_rules, close_acl, load_plugin, tell_of_connections
from bridge.beside_fit import (
    OUR_SERVICES,
    BesideFault,
    accounts_file,
    chosen_administrators,
    chosen_listener,
    is_answered,
    password_users,
    read_text,
    refuse_unwritable,
    refuse_what_cannot_be_kept,
)
from bridge.children import Owner, barred_folder, choose_owner, hand_over
from bridge.clock import clock
from bridge.encryption import EVERYWHERE, refuse_clear
from bridge.facts import Facts, Tls
from bridge.folder import Folder, write_private
from bridge.installation import DEFAULT_BOOTSTRAP_PORT, Installation
from bridge.mosquitto_conf import Configuration, Listener
from bridge.rewriting import Edit, rewrite
from bridge.trust import TrustFault, tried
from bridge.wire import Topics

_EVERYWHERE: Final = EVERYWHERE | {None}


@dataclass(frozen=True, slots=True)
class Plan:
    """All that would be done. ``losses`` are what others lose, ``notes`` what is to be known, ``advice`` left alone."""

    wishes: Wishes
    configuration: Configuration
    facts: dict[str, Any] = field(repr=False)
    administrators: tuple[tuple[str, str], ...]
    owner: Owner
    edits: tuple[Edit, ...] = ()
    created: tuple[Path, ...] = ()
    merged: Path | None = None
    added_accounts: frozenset[str] = frozenset()
    is_merged: bool = False
    """Whether the broker's own accounts file is changed."""
    losses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    changed_facts: tuple[str, ...] = ()

    @property
    def accounts(self) -> Path:
        """The dynamic security file of the broker."""
        return self.merged or Folder(self.wishes.data).dynamic_security

    @property
    def changes(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.edits or self.created or self.is_merged or self.changed_facts)


def plan(wishes: Wishes) -> Plan:
    """Say what is to be done. Raises BesideFault, ConfigurationFault, AccountsFileFault, InstallationFault."""
    if not wishes.plugin.exists():
        raise BesideFault(f"the plugin {wishes.plugin} is not there: name it with --plugin")
    configuration = mosquitto_conf.read(wishes.configuration.absolute())
    folder = Folder(wishes.data)
    kept = installation.load(wishes.data).facts if folder.facts.exists() else None
    tls = wishes.tls or (Tls() if kept is None else kept.tls)
    listener = chosen_listener(
        configuration, wishes.port or _kept_port(configuration, kept, encrypted=tls.on), encrypted=tls.on
    )
    prefix = wishes.topic_prefix if wishes.topic_prefix is not None else ("" if kept is None else kept.topic_prefix)
    draft = Draft(wishes, configuration, mosquitto_acl.families(Topics.below(prefix).prefix))
    refuse_what_cannot_be_kept(configuration, listener, draft.families)
    owner = _owner(configuration, wishes.data)
    theirs = _their_accounts(draft)
    users = password_users(configuration)
    names = set(users) | {rule.user for rule in acl_rules(configuration) if rule.user is not None}
    content = {} if theirs is None else dynsec_file.read(theirs)
    known = dynsec_file.usernames(content)
    ours = dynsec_file.own_services(content)
    names |= known - ours - ({one.username for one in kept.administrators} if kept is not None and ours else set())
    administrators = chosen_administrators(
        names,
        wishes.administrator_prefix,
        None if kept is None else [(one.tenant, one.username) for one in kept.administrators],
    )
    close_acl(draft, users, is_theirs=theirs is not None)
    tell_of_connections(draft)
    load_plugin(draft, is_theirs=theirs is not None)
    added: frozenset[str] = frozenset()
    is_merged = False
    if theirs is not None:
        added, is_merged = _accounts_to_merge(draft, content, theirs, {name for _, name in administrators}, listener)
    for path in [edit.path for edit in draft.edits if edit.before is not None]:
        refuse_unwritable(path)
    if theirs is not None and is_merged:
        refuse_unwritable(theirs)
    facts = _facts(wishes, listener, kept)
    _refuse_same_port(facts, configuration)
    refuse_clear(installation.preview(kept, facts), ["bootstrap"])
    if tls.on:
        _refuse_untrusted(draft, listener, facts["host"], tls)
    return Plan(
        wishes,
        configuration,
        facts,
        administrators,
        owner,
        tuple(draft.edits),
        tuple(_created(folder, is_theirs=theirs is not None, is_encrypted=tls.on)),
        theirs,
        added,
        is_merged,
        tuple(draft.losses),
        tuple(draft.notes),
        tuple(one.words for one in broker_advice.differences(configuration, broker_advice.OPERATIONS)),
        ()
        if kept is None
        else tuple(
            f"{name}: {getattr(kept, name)} → {value}"
            for name, value in facts.items()
            if value is not None and value != getattr(kept, name)
        ),
    )


def _refuse_untrusted(draft: Draft, listener: Listener, host: str, tls: Tls) -> None:
    """Refuse a listener whose certificate the bridge and its devices would not take. Raises BesideFault."""
    certificate, key = Path(listener.value("certfile")), Path(listener.value("keyfile"))
    trusted = Path(str(tls.beside or tls.authority))
    try:
        fault = tried(certificate, key, trusted, host)
    except (TrustFault, OSError) as error:
        draft.notes.append(f"{certificate} was not compared with {host} and {trusted}: {error}")
        return
    if fault is not None:
        raise BesideFault(
            f"{certificate} of the listener {listener.at} cannot be used for {host}: {fault}. Name the host that it is "
            "for with --host, and its authority with --tls-ca"
        )


def _kept_port(configuration: Configuration, kept: Facts | None, *, encrypted: bool) -> int | None:
    fit = [one for one in configuration.listeners if (one.is_encrypted_mqtt if encrypted else one.is_plain_mqtt)]
    listening = {one.port for one in fit}
    return kept.port if kept is not None and kept.port in listening else None


def _owner(configuration: Configuration, data: Path) -> Owner:
    """Decide to whom the plugin's file must belong. Raises BesideFault."""
    if os.geteuid() != 0 or configuration.user == "root":
        return Owner(None)
    for name in (configuration.user, "nobody"):  # Mosquitto itself falls back to nobody
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        barred = barred_folder(data, entry)
        if barred is not None:
            raise BesideFault(
                f"the broker runs as the user {name}, who cannot reach {data} (see {barred}): choose --data in a "
                "folder that others may enter, as /var/lib/bootstrap-bridge"
            )
        return Owner(name)
    raise BesideFault(f"there is no user {configuration.user}, as whom the broker should run")


def _their_accounts(draft: Draft) -> Path | None:
    """Return the dynamic security file that the broker has already, if it is not of our making. Raises BesideFault."""
    plugin = draft.configuration.dynamic_security
    if plugin is None:
        return None
    path = accounts_file(plugin)
    if path is None:
        raise BesideFault(f"{plugin.line.place}: the plugin has no plugin_opt_config_file below it: name one")
    if path.absolute() == draft.folder.dynamic_security.absolute():
        return None
    other = path.absolute().parent.parent
    if path.absolute() == Folder(other).dynamic_security and Folder(other).facts.exists():
        raise BesideFault(
            f"{plugin.line.place}: this broker has the bridge of the folder {other} already: name that one with --data"
        )
    if not path.exists():
        raise BesideFault(f"{plugin.line.place}: its file {path} is not there: make it with mosquitto_ctrl dynsec init")
    return path


def _accounts_to_merge(
    draft: Draft, content: dict[str, Any], path: Path, administrators: set[str], listener: Listener
) -> tuple[frozenset[str], bool]:
    """Decide which of our accounts go into the file that is there, and whether it is changed. Raises BesideFault."""
    fault = dynsec_file.defaults_fault(content)
    if fault is not None:
        raise BesideFault(f"{path}: {fault}")
    own = dynsec_file.own_services(content)
    missing = OUR_SERVICES - own
    if missing and not own:
        missing |= administrators  # made once: later the bridge itself adds and removes them
    opened = dynsec_file.openings(content, draft.families)
    draft.losses += [f"{path}: {one.words}; a denial of {one.family} is added to it" for one in opened]
    draft.notes.append(
        f"{path}: its defaults stay as they are: "
        + ", ".join(f"{act} {'allow' if value else 'deny'}" for act, value in dynsec_file.defaults(content).items())
    )
    if not missing and not opened:
        return frozenset(), False
    host = "127.0.0.1" if listener.address in _EVERYWHERE else str(listener.address)
    if is_answered(host, listener.port):
        raise BesideFault(
            f"the broker has the dynamic security plugin already and keeps {path} in memory while it runs: a change "
            "would be overwritten. Stop it (systemctl stop mosquitto), run this again, and start it"
        )
    return missing, True


def _facts(wishes: Wishes, listener: Listener, kept: Facts | None) -> dict[str, Any]:
    host = wishes.host or ("127.0.0.1" if listener.address in _EVERYWHERE else listener.address)
    if kept is not None and wishes.host is None:
        host = kept.host
    return {
        "host": host,
        "port": listener.port,
        "listen": wishes.listen,
        "bootstrap_host": wishes.bootstrap_host or (host if kept is None else None),
        "bootstrap_port": wishes.bootstrap_port or (DEFAULT_BOOTSTRAP_PORT if kept is None else kept.bootstrap_port),
        "topic_prefix": wishes.topic_prefix,
        "tls": wishes.tls,
        "plain_on_the_network": wishes.plain_on_the_network,
    }


def _refuse_same_port(facts: dict[str, Any], configuration: Configuration) -> None:
    for listener in configuration.listeners:
        if listener.port == facts["bootstrap_port"]:
            raise BesideFault(
                f"the broker listens at {listener.at}, where the bootstrap broker should: choose --bootstrap-port"
            )


def _created(folder: Folder, *, is_theirs: bool, is_encrypted: bool) -> Iterator[Path]:
    wanted = [folder.keys, folder.facts, folder.beside]
    wanted += [folder.bootstrap / name for name in ("mosquitto.conf", "passwords", "acl")]
    if is_encrypted:
        wanted += [folder.authority, folder.server_files["bootstrap"]]
    if not is_theirs:
        wanted.append(folder.dynamic_security)
    if not folder.facts.exists():
        wanted += [folder.access, folder.for_devices]
    return (path for path in wanted if not path.exists())


def carry_out(planned: Plan) -> tuple[Installation, list[Path]]:
    """Do what was planned; return the installation and the backups that were made.

    The broker's configuration comes last, so that it never names a file that is not there. Raises InstallationFault,
    BesideFault.
    """
    wishes = planned.wishes
    for edit in planned.edits:
        if (read_text(edit.path) if edit.path.exists() else None) != edit.before:
            raise BesideFault(f"{edit.path} has changed since it was shown, nothing was done: run this again")
    made = installation.make(wishes.data, administrators=planned.administrators, **planned.facts)
    _owner(planned.configuration, wishes.data)  # folders made just now may be closed to others
    folder = made.folder
    write_private(folder.beside, json.dumps(_remembered(planned), indent=2) + "\n")
    bootstrap_owner = choose_owner(wishes.data)
    authority.keep(made, clock())
    configurations.write_bootstrap_configuration(made, extra=bootstrap_owner.lines)
    backups: list[Path] = []
    own = [edit for edit in planned.edits if edit.path.parent == folder.operations.absolute() and edit.before is None]
    for edit in own:
        write_private(edit.path, edit.after)
    hand_over(bootstrap_owner, wishes.data, (folder.bootstrap,))
    hand_over(planned.owner, wishes.data, (folder.operations,))
    try:
        if planned.merged is not None:
            backups += _merge(planned, made)
        for edit in planned.edits:
            if edit not in own:
                backups += rewrite(edit.path, edit.after, like=planned.configuration.path)
    except OSError as error:
        raise BesideFault(f"{error.filename} cannot be written: {error.strerror}; try as root") from error
    made.write_access()
    return made, backups


def _remembered(planned: Plan) -> dict[str, str]:
    return {"configuration": str(planned.configuration.path), "dynamicSecurity": str(planned.accounts.absolute())}


def _merge(planned: Plan, made: Installation) -> Iterable[Path]:
    path = planned.merged
    assert path is not None
    ours = dynsec_file.read(made.folder.dynamic_security)
    made.folder.dynamic_security.unlink()  # it was made to be merged; the broker reads its own
    if not planned.is_merged:
        return []
    families = mosquitto_acl.families(made.topics.prefix)
    content = dynsec_file.merged(dynsec_file.read(path), ours, families, planned.added_accounts)
    return rewrite(path, dynsec_file.text(content), like=path)
