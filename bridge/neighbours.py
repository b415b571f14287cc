"""Whose names a broker knows that ran before the bridge came: its own users, whom no account of ours may shadow.

The plugin is asked before the password file, so an administrator of the same name would lock the user out.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import structlog

from bridge import dynsec_file, mosquitto_conf
from bridge.accounts.dynsec import TEXTNAME
from bridge.beside_fit import BesideFault, password_users
from bridge.dynsec_file import AccountsFileFault
from bridge.folder import Folder
from bridge.mosquitto_conf import ConfigurationFault

log = structlog.get_logger("neighbours")


class Neighbours:
    """The users of the broker that the installation stands beside, if it does. Its files are read each time anew."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._known: dict[str, frozenset[str]] = {}

    def names(self) -> frozenset[str]:
        """Return the names that are taken. What cannot be read is logged, and what was known of it before holds."""
        path = self._folder.beside
        if not path.exists():
            return frozenset()
        for part, users in (("configuration", _users_with_passwords), ("dynamicSecurity", _users_of_the_plugin)):
            try:
                self._known[part] = frozenset(users(Path(json.loads(path.read_text(encoding="utf-8"))[part])))
            except (OSError, ValueError, KeyError, ConfigurationFault, BesideFault, AccountsFileFault) as error:
                log.warning("the users of the broker cannot be read", reason=str(error))
        return frozenset().union(*self._known.values())


def _users_with_passwords(configuration: Path) -> Iterable[str]:
    return password_users(mosquitto_conf.read(configuration))


def _users_of_the_plugin(accounts: Path) -> Iterable[str]:
    clients = dynsec_file.read(accounts).get("clients", [])
    return [str(client.get("username")) for client in clients if client.get("textname") != TEXTNAME]
