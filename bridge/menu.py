"""The menu of the command line: which command stands where in the help, and an example or two of each.

It knows commands by name only. What they do stands with each of them.
"""

from collections.abc import Mapping
from typing import Any, Final

from typer.core import TyperGroup

PROGRAM: Final = "bootstrap-bridge"

BEGINNING: Final = (
    "Begin with:",
    f"$ {PROGRAM} up",
    "then, in another terminal:",
    f"$ {PROGRAM} register pump-7",
    f"$ {PROGRAM} list",
    f"$ {PROGRAM} accept pump-7",
)

PANELS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    # Panel to its commands in their order, each with its examples.
    "Running it": {
        "up": (
            "up",
            "up --data /srv/bridge --port 0 --bootstrap-port 0",
            "up --tls --host broker.example.com --listen 0.0.0.0",
        ),
        "init": ("init --data /var/lib/bootstrap-bridge --host 127.0.0.1 --port 1883",),
        "serve": ("serve --data /var/lib/bootstrap-bridge",),
        "console": ("console", "console --data /var/lib/bootstrap-bridge --console-port 8080"),
        "renew-certificates": ("renew-certificates --data /var/lib/bootstrap-bridge",),
        "rotate-key": (
            "rotate-key --data /var/lib/bootstrap-bridge",
            "rotate-key --list",
            "rotate-key --re-encrypt",
            "rotate-key --remove-unused",
        ),
        "rotate-bootstrap-password": (
            "rotate-bootstrap-password --overlap 30d",
            "rotate-bootstrap-password --username pumps-2027 --password-file firmware.txt",
            "rotate-bootstrap-password --end-overlap",
        ),
        "doctor": ("doctor --data /var/lib/bootstrap-bridge",),
        "backup": (
            "backup /mnt/backups/bridge-2026-11-26.backup --data /var/lib/bootstrap-bridge",
            "backup bridge.backup --without-keys",
            "backup bridge.keys --keys-only",
        ),
        "restore": (
            "restore bridge.backup --data /var/lib/bootstrap-bridge",
            "restore bridge.backup --keys bridge.keys",
        ),
        "version": ("version",),
    },
    "Registration": {
        "register": (
            "register pump-7 --name 'Pump at the well' --group 'Hall 2/North'",
            "register pump-8 --token-file label.txt --auto-accept",
        ),
        "list": ("list", "list --status pending_acceptance --search pump --sort=-lastSeen"),
        "get": ("get pump-7",),
        "accept": (
            "accept pump-7",
            "accept pump-7 --claim 3fa91c07 --token-file label.txt",
            "accept --file tokens.csv",
        ),
        "accept-all": ("accept-all",),
        "delete": ("delete pump-7", "delete - < ids.txt"),
    },
    "Bulk": {
        "template": ("template simple > devices.csv",),
        "bulk-validate": ("bulk-validate devices.csv",),
        "bulk-register": ("bulk-register devices.csv --failed failed.csv",),
    },
    "Devices and groups": {
        "list-devices": ("list-devices", "list-devices --group 'Hall 2' --search pump --sort name"),
        "get-device": ("get-device pump-7",),
        "update-device": (
            "update-device pump-7 --group 'Hall 2/South' --property site.floor:=3 --remove-property note",
        ),
        "delete-device": ("delete-device pump-7",),
        "list-groups": ("list-groups",),
        "create-group": ("create-group 'Hall 2/North'",),
        "delete-group": ("delete-group 'Hall 2/North'",),
        "list-unregistered": ("list-unregistered",),
    },
    "People and applications": {
        "list-administrators": ("list-administrators",),
        "create-administrator": (
            "create-administrator jo --role registrar > jo.password",
            "create-administrator kim --role viewer --ask-password",
        ),
        "delete-administrator": ("delete-administrator jo",),
        "list-applications": ("list-applications",),
        "create-application": (
            "create-application dashboard > dashboard.password",
            "create-application dosing --write 'devices/default/+/commands/#'",
        ),
        "delete-application": ("delete-application dashboard",),
        "list-tenants": ("list-tenants",),
        "create-tenant": ("create-tenant acme --name 'Acme Pumps'",),
    },
    "Options of the bridge": {
        "list-options": ("list-options",),
        "get-option": ("get-option security-token.policy",),
        "set-option": (
            "set-option security-token.policy REQUIRED",
            "set-option topics 'plant/{tenant}/{id}/#' 'lab/{tenant}/{id}/#'",
        ),
    },
    "Watching": {
        "watch": ("watch", "watch --json"),
        "stats": ("stats", "stats --since 2h"),
        "audit": ("audit --id pump-7", "audit --since 7d --limit 1000"),
    },
}

ORDER: Final = {name: place for place, name in enumerate(name for panel in PANELS.values() for name in panel)}


def panel_of(name: str) -> str | None:
    """Return the panel in which the command stands."""
    return next((panel for panel, commands in PANELS.items() if name in commands), None)


def examples_of(name: str) -> list[str]:
    """Return lines to type, as a shell takes them."""
    panel = panel_of(name)
    return [] if panel is None else [f"{PROGRAM} {words}" for words in PANELS[panel][name]]


class Menu(TyperGroup):
    """The command line as a whole, its commands in the order and panels of the table."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict(sorted(self.commands.items(), key=lambda item: ORDER.get(item[0], len(ORDER))))
        self.epilog = "\n".join(BEGINNING)
        for name, command in self.commands.items():
            command.rich_help_panel = panel_of(name)  # type: ignore[attr-defined]
            for option in command.params:
                shown = getattr(option, "help", None) or ""
                option.help = shown.replace("[default:", "\\[default:")  # type: ignore[attr-defined]  # else it is a style
            examples = examples_of(name)
            if examples:
                title = "Examples:" if len(examples) > 1 else "Example:"
                command.epilog = "\n".join([title, *(f"$ {example}" for example in examples)])
