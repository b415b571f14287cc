"""Writes the two ``mosquitto.conf`` of an installation from their templates."""

from dataclasses import dataclass
from pathlib import Path

from bridge import brokers
from bridge.folder import write_private
from bridge.installation import Installation


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """The two configurations as written."""

    operations: Path
    bootstrap: Path


def write_configurations(
    made: Installation, plugin: Path, *, max_connections: int = 20_000, extra: tuple[str, ...] = ()
) -> BrokerFiles:
    """Write both ``mosquitto.conf`` from the templates, with this installation's ports and paths."""
    folder, facts = made.folder, made.facts
    operations = folder.operations / "mosquitto.conf"
    write_private(
        operations,
        brokers.rendered(
            brokers.template("mosquitto.conf"),
            {
                "listener": f"{facts.port} {facts.listen or facts.host}",
                "plugin": str(plugin),
                "plugin_opt_config_file": str(folder.dynamic_security.absolute()),
                "persistence_location": f"{folder.operations.absolute()}/",
                **_encryption(made, "operations"),
            },
            extra,
        ),
    )
    bootstrap = write_bootstrap_configuration(made, max_connections=max_connections, extra=extra)
    return BrokerFiles(operations, bootstrap)


def write_bootstrap_configuration(
    made: Installation, *, max_connections: int = 20_000, extra: tuple[str, ...] = ()
) -> Path:
    """Write the bootstrap broker's ``mosquitto.conf`` alone, and return where it is."""
    folder, facts = made.folder, made.facts
    bootstrap = folder.bootstrap / "mosquitto.conf"
    write_private(
        bootstrap,
        brokers.rendered(
            brokers.template("mosquitto-bootstrap.conf"),
            {
                "listener": f"{facts.bootstrap_port} {facts.listen or facts.bootstrap_host}",
                "password_file": str((folder.bootstrap / "passwords").absolute()),
                "acl_file": str((folder.bootstrap / "acl").absolute()),
                "max_connections": str(max_connections),
                **_encryption(made, "bootstrap"),
            },
            extra,
        ),
    )
    return bootstrap


def _encryption(made: Installation, broker: str) -> dict[str, str]:
    if not made.facts.tls.on:
        return {}
    server = str(made.folder.server_files[broker].absolute())
    return {"certfile": server, "keyfile": server, "tls_version": "tlsv1.2"}
