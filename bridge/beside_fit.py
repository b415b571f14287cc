"""Whether the bridge can stand beside a broker as it is, and where: listener, names, settings. Changes nothing."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bridge import mosquitto_acl
from bridge.brokers import BRIDGE_USER
from bridge.installation import BOOTSTRAP_USER, FIRST_ADMINISTRATORS
from bridge.mosquitto_conf import Configuration, Line, Listener, Plugin
from bridge.names import SERVICE_NAMES, administrator_fault

OUR_SERVICES: Final = SERVICE_NAMES - {BRIDGE_USER, BOOTSTRAP_USER}
"""The bridge's own user names on the operations broker."""
_HARMLESS_PLUGINS: Final = ("mosquitto_message_timestamp", "mosquitto_payload_modification", "mosquitto_persist")


class BesideFault(Exception):
    """The bridge cannot stand beside this broker as it is; the sentence says why and what to do."""


def chosen_listener(configuration: Configuration, port: int | None, *, encrypted: bool = False) -> Listener:
    """Choose where the bridge and its devices log in. Raises BesideFault, which lists what there is."""
    fit = [one for one in configuration.listeners if (one.is_encrypted_mqtt if encrypted else one.is_plain_mqtt)]
    if port:
        fit = [one for one in fit if one.port == port]
    there = ", ".join(
        one.at
        + ("" if one.is_plain_mqtt else " (TLS)" if one.is_encrypted else f" ({one.value('protocol', 'socket')})")
        for one in configuration.listeners
    )
    if not fit:
        where = f" on port {port}" if port else ""
        raise BesideFault(
            f"{configuration.path} has no listener for MQTT with TLS{where}; it has {there}. Leave out "
            "--tls-ca, or name another with --port"
            if encrypted
            else f"{configuration.path} has no listener for MQTT without TLS{where}; it has {there}. Name the "
            "authority of its certificate with --tls-ca; or add one for this machine alone, `listener 1883 127.0.0.1`; "
            "or name another with --port"
        )
    if len({one.port for one in fit}) > 1:
        raise BesideFault(f"{configuration.path} has several listeners, {there}: choose the bridge's with --port")
    return fit[0]


def refuse_what_cannot_be_kept(configuration: Configuration, listener: Listener, families: Sequence[str]) -> None:
    """Refuse settings under which the bridge cannot work, or its topics cannot be kept. Raises BesideFault."""
    for word, wrong, why in _IMPOSSIBLE:
        if configuration.value(word) and wrong in {None, configuration.value(word)}:
            raise BesideFault(f"{configuration.settings[word].place}: {word} {configuration.value(word)}: {why}")
    for word, allowed, why in _IMPOSSIBLE_LISTENER:
        if listener.value(word) not in {"", *allowed}:
            raise BesideFault(f"{listener.settings[word].place}: {word} {listener.value(word)}: {why}")
    versions = listener.value("accept_protocol_versions", "5").replace(",", " ").split()  # since Mosquitto 2.1
    if "5" not in versions:
        raise BesideFault(
            f"{listener.settings['accept_protocol_versions'].place}: it takes MQTT {', '.join(versions)} only, "
            "the bridge speaks 5. Add it, or give the bridge another listener, by --port"
        )
    for plugin in configuration.plugins:
        if not plugin.is_dynamic_security and not Path(plugin.line.value).name.startswith(_HARMLESS_PLUGINS):
            raise BesideFault(
                f"{plugin.line.place}: the plugin {plugin.line.value} decides who may do what, and whether it keeps "
                f"others off {', '.join(families)} cannot be seen from here. Let the bridge have an operations broker "
                "of its own (`bootstrap-bridge init`), joined to this one by a Mosquitto bridge for devices/# alone"
            )
    for connection in configuration.connections:
        for line in connection.topics:
            direction, topic = bridged(line)
            if direction in {"in", "both"} and any(mosquitto_acl.overlap(topic, one) for one in families):
                raise BesideFault(
                    f"{line.place}: the connection {connection.name} brings in {topic} unchecked: whoever publishes "
                    f"on the other broker could speak as an administrator on {families[0]}. Narrow this line first"
                )


_IMPOSSIBLE: Final[tuple[tuple[str, str | None, str], ...]] = (
    (
        "per_listener_settings",
        "true",
        (
            "the dynamic security plugin would belong to one listener, and users of the others would come past it "
            "to the bridge's topics. Set it to false, with one password_file and one acl_file for all listeners; or "
            "let the bridge have an operations broker of its own: `bootstrap-bridge init`"
        ),
    ),
    ("clientid_prefixes", None, "a device logs in with its device id as client id. Take this line away"),
    ("retain_available", "false", "the state of the bridge is a retained message. Take this line away"),
)
_IMPOSSIBLE_LISTENER: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    ("mount_point", (), "the bridge could not reach the broker's accounts. Give it a listener without, by --port"),
    (
        "use_username_as_clientid",
        ("false",),
        (
            "a device's client id is its id, its user name another. Give the bridge and devices a listener without, by "
            "--port"
        ),
    ),
    (
        "require_certificate",
        ("false",),
        "the bridge and its devices have passwords and no certificates. Give them a listener without it, by --port",
    ),
    ("max_qos", ("1", "2"), "requests and answers travel with QoS 1. Give the bridge another listener, by --port"),
)


def bridged(line: Line) -> tuple[str, str]:
    """Return the direction of a connection's topic line, and the topic as this broker has it."""
    pattern, direction, _, prefix = (*line.value.split(" "), "", "", "")[:4]
    prefix = "" if prefix == '""' else prefix
    return direction or "out", prefix + ("" if pattern == '""' else pattern)


def accounts_file(plugin: Plugin) -> Path | None:
    """Return the file of a dynamic security plugin."""
    return Path(plugin.options["config_file"]) if "config_file" in plugin.options else None


def password_users(configuration: Configuration) -> list[str]:
    """Return the user names of the password file. Raises BesideFault."""
    path = configuration.file("password_file")
    if path is None:
        return []
    lines = read_text(path).splitlines()
    return [line.partition(":")[0] for line in lines if ":" in line and not line.startswith("#")]


def read_text(path: Path) -> str:
    """Read a file of the broker's. Raises BesideFault."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BesideFault(f"{path} cannot be read: {error.strerror}; try as root") from error
    except UnicodeDecodeError as error:
        raise BesideFault(f"{path} is not UTF-8 text") from error


def chosen_administrators(
    names: set[str], wished: str | None, kept: Sequence[tuple[str, str]] | None
) -> tuple[tuple[str, str], ...]:
    """Choose names for the first administrators that nobody has: the plugin is asked first and would shadow him."""
    taken = sorted(names & OUR_SERVICES)
    if taken:
        raise BesideFault(
            f"the broker has a user {', '.join(taken)}, which is a name of the bridge's own logins: the plugin is "
            "asked first, and that user could not log in any more. Give it another name first"
        )
    if kept is not None:
        shadowed = sorted(name for _, name in kept if name in names)
        if shadowed:
            raise BesideFault(
                f"the administrator {', '.join(shadowed)} of this installation is also a user of the broker, who could "
                "not log in any more: give that user another name, or make a new installation with another --data"
            )
        return tuple(kept)
    for prefix in ("", "bridge-", *(f"bridge{number}-" for number in range(2, 100))) if wished is None else (wished,):
        chosen = tuple((tenant, prefix + name) for tenant, name in FIRST_ADMINISTRATORS)
        for _, name in chosen:
            fault = administrator_fault(name)
            if fault is not None:
                raise BesideFault(f"--administrator-prefix: {fault}")
        if not any(name in names for _, name in chosen):
            return chosen
    raise BesideFault(f"--administrator-prefix {wished}: the broker has such users already: choose another")


def refuse_unwritable(path: Path) -> None:
    """Refuse, before anything is done, a file that could not be replaced with its owner kept. Raises BesideFault."""
    real = path.resolve()
    if not os.access(real.parent, os.W_OK) or os.geteuid() not in {0, real.stat().st_uid}:
        raise BesideFault(f"{path} cannot be changed by this user: run this as root, or as its owner")


def is_answered(host: str, port: int) -> bool:
    """Tell whether somebody listens there."""
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False
