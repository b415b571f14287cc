"""What changes in the files of a broker that the bridge comes to stand beside: drafted here, written by ``beside``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bridge import mosquitto_acl
from bridge.beside_fit import BesideFault, bridged, read_text
from bridge.facts import Tls
from bridge.folder import Folder
from bridge.mosquitto_conf import Configuration
from bridge.rewriting import Edit

BEGIN: Final = "# bootstrap-bridge: begin. Made by `bootstrap-bridge init --beside`."
END: Final = "# bootstrap-bridge: end"
INCLUDED: Final = "bootstrap-bridge.conf"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for; None leaves it to the configuration, then to what the installation has, then to defaults."""

    configuration: Path
    data: Path
    plugin: Path
    host: str | None = None
    listen: str | None = None
    port: int | None = None
    bootstrap_host: str | None = None
    bootstrap_port: int | None = None
    topic_prefix: str | None = None
    administrator_prefix: str | None = None
    tls: Tls | None = None
    plain_on_the_network: bool | None = None


@dataclass(slots=True)
class Draft:
    """What is found on the way to a plan."""

    wishes: Wishes
    configuration: Configuration
    families: tuple[str, ...]
    edits: list[Edit] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Folder:
        return Folder(self.wishes.data)

    @property
    def own_acl(self) -> Path:
        return (self.folder.operations / "acl").absolute()

    def edit(self, path: Path, before: str | None, after: str) -> None:
        if before != after:
            self.edits.append(Edit(path, before, after))


def acl_rules(configuration: Configuration) -> list[mosquitto_acl.Rule]:
    path = configuration.file("acl_file")
    return [] if path is None or not path.exists() else mosquitto_acl.rules(read_text(path))


def close_acl(draft: Draft, users: Sequence[str], *, is_theirs: bool) -> None:
    """Keep everybody who is there off our topics, and leave them all else."""
    configuration = draft.configuration
    path = configuration.file("acl_file")
    anonymous = configuration.allows_anonymous
    if path is None:
        if is_theirs:
            return  # all are accounts of the plugin already; without an ACL file nobody else may do anything
        if any(
            one.value(word) == "true"
            for one in configuration.listeners
            for word in ("use_identity_as_username", "use_subject_as_username")
        ):
            raise BesideFault(
                f"{configuration.path} has no acl_file, and names of users come from certificates, so that they cannot "
                "be listed here. Give the broker an acl_file with a `user` line for each first"
            )
        draft.edit(
            draft.own_acl,
            read_text(draft.own_acl) if draft.own_acl.exists() else None,
            mosquitto_acl.everything(users, anonymous=anonymous, filters=draft.families),
        )
        _tell_of_no_acl(draft, users)
        return
    text = read_text(path)
    found = mosquitto_acl.rules(text)
    _tell_of_rules(draft, path, found)
    draft.edit(path, text, mosquitto_acl.closed(text, draft.families))


def _tell_of_no_acl(draft: Draft, users: Sequence[str]) -> None:
    draft.losses.append(
        "this broker has no acl_file: today everybody may do everything. With the plugin Mosquitto would refuse "
        f"everybody everything, so that an ACL file is added that leaves {_listed(users)} all but the bridge's topics, "
        "and a user who is added later needs lines of his own there"
    )
    if draft.configuration.file("password_file") is None and draft.configuration.allows_anonymous:
        draft.losses.append(
            "this broker has no password_file: today any user name gets in with any password. With the plugin only "
            "clients that send no user name do; others need one in a password_file"
        )


def _listed(users: Sequence[str]) -> str:
    return f"the users {', '.join(users)}" if users else "clients without a user name"


def _tell_of_rules(draft: Draft, path: Path, found: Sequence[mosquitto_acl.Rule]) -> None:
    guarded = (*draft.families, mosquitto_acl.CONTROL)
    for rule in mosquitto_acl.openings(found, guarded):
        reach = mosquitto_acl.reached(rule, guarded)
        named = not rule.topic.startswith(("#", "+", "%"))
        draft.losses.append(
            f"{path}:{rule.number}: `{rule.line}` lets {rule.whom} into {', '.join(reach)}; the added lines end that"
            + (". It names these topics: if they are in use, put the bridge's below another --topic-prefix" * named)
        )
    draft.notes.extend(
        f"{path}:{rule.number}: `{rule.line}` counts for every client, so for each device that the bridge brings too"
        for rule in found
        if rule.is_pattern and rule.access != "deny"
    )


def tell_of_connections(draft: Draft) -> None:
    """Say which of our topics a connection to another broker carries out; one that brings them in was refused."""
    draft.notes.extend(
        f"{line.place}: the connection {connection.name} carries {topic} out: who reads it there reads the bridge's too"
        for connection in draft.configuration.connections
        for line in connection.topics
        for direction, topic in [bridged(line)]
        if direction == "out" and any(mosquitto_acl.overlap(topic, one) for one in draft.families)
    )


def load_plugin(draft: Draft, *, is_theirs: bool) -> None:
    """Add the lines that load the plugin, and our ACL file where there was none."""
    configuration = draft.configuration
    acl = configuration.file("acl_file")
    lines = []
    if not is_theirs:
        lines += [
            "# Accounts that the bridge makes; all others are looked for in password_file and acl_file as before.",
            f"plugin {draft.wishes.plugin}",
            f"plugin_opt_config_file {draft.folder.dynamic_security.absolute()}",
        ]
        if acl is None or acl.absolute() == draft.own_acl:
            lines.append(f"acl_file {draft.own_acl}")
    block = [BEGIN, *lines, END] if lines else []
    for path in configuration.files:
        text = read_text(path)
        if BEGIN in text.splitlines():
            draft.edit(path, text, _replaced(text, block))
            return
    if not block or configuration.dynamic_security is not None:
        return
    if configuration.include_dirs:
        draft.edit(configuration.include_dirs[0].absolute() / INCLUDED, None, "\n".join(block) + "\n")
        return
    text = read_text(configuration.path)
    draft.edit(
        configuration.path, text, text + ("" if text.endswith("\n") or not text else "\n") + "\n".join(block) + "\n"
    )


def _replaced(text: str, block: Sequence[str]) -> str:
    lines = text.splitlines()
    begin = lines.index(BEGIN)
    end = lines.index(END, begin) if END in lines[begin:] else begin
    return "\n".join([*lines[:begin], *block, *lines[end + 1 :]]) + "\n"
