"""A Mosquitto configuration as the broker reads it: files in their order, listeners, global settings. Writes nothing.

Read as Mosquitto does (measured on 2.0.11; what 2.1 added is after its manual): words are parted by blanks, ``#``
begins a comment at the start of a line, an included file begins outside any listener, and a later value of a setting
replaces an earlier one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
DYNAMIC_SECURITY: Final = "mosquitto_dynamic_security"
DEFAULT_PORT: Final = 1883
_MAX_DEPTH: Final = 10
_PLUGINS: Final = frozenset({"plugin", "auth_plugin", "global_plugin"})
_LISTENER_WORDS: Final = frozenset(
    {
        *("accept_protocol_versions", "listener_allow_anonymous", "listener_auto_id_prefix", "max_topic_alias_broker"),
        *("bind_interface", "http_dir", "max_connections", "max_qos", "max_topic_alias", "mount_point", "protocol"),
        *("socket_domain", "use_username_as_clientid", "websockets_log_level", "websockets_headers_size"),
        *("cafile", "capath", "certfile", "ciphers", "ciphers_tls1.3", "crlfile", "dhparamfile", "keyfile"),
        *("require_certificate", "tls_engine", "tls_engine_kpass_sha1", "tls_keyform", "tls_version"),
        *("use_identity_as_username", "use_subject_as_username", "psk_hint"),
    }
)
"""Settings that belong to the listener above them, whatever ``per_listener_settings`` says."""
_CONNECTION_WORDS: Final = frozenset(
    {
        *("address", "addresses", "cleansession", "clientid", "idle_timeout", "keepalive_interval", "notifications"),
        *("notification_topic", "notifications_local_only", "password", "restart_timeout", "round_robin"),
        *("start_type", "threshold", "try_private", "username"),
    }
)
_CONNECTION_PREFIXES: Final = ("bridge_", "remote_", "local_")


class ConfigurationFault(Exception):
    """A configuration cannot be read; the sentence says which file and why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One setting and where it stands."""

    path: Path
    number: int
    word: str
    value: str = field(repr=False)

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.path}:{self.number}"


@dataclass(frozen=True, slots=True)
class Listener:
    """One listener with its own settings; ``address`` None is every address, ``port`` 0 a Unix socket."""

    port: int
    address: str | None
    settings: dict[str, Line] = field(default_factory=dict)

    def value(self, word: str, otherwise: str = "") -> str:
        """Return a setting of this listener."""
        return self.settings[word].value if word in self.settings else otherwise

    @property
    def is_encrypted(self) -> bool:
        """Whether clients speak TLS here."""
        return "certfile" in self.settings or "psk_hint" in self.settings

    @property
    def is_plain_mqtt(self) -> bool:
        """Whether a client reaches it by MQTT over TCP without TLS."""
        return self.port != 0 and not self.is_encrypted and self.value("protocol", "mqtt") == "mqtt"

    @property
    def is_encrypted_mqtt(self) -> bool:
        """Whether a client reaches it by MQTT over TLS, and by no password that both share."""
        return "certfile" in self.settings and self.port != 0 and self.value("protocol", "mqtt") == "mqtt"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.port == 0 or self.address in LOOPBACK or self.value("bind_interface") == "lo"

    @property
    def at(self) -> str:
        """Where it listens, for people."""
        return f"{self.address or '*'}:{self.port}" if self.port else f"socket {self.address}"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin with its options, in one of their spellings."""

    line: Line
    options: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_dynamic_security(self) -> bool:
        """Whether it is Mosquitto's own plugin for accounts."""
        return Path(self.line.value).name.startswith(DYNAMIC_SECURITY)


@dataclass(frozen=True, slots=True)
class BridgeConnection:
    """A connection that the broker itself makes to another broker; nothing that it brings in is checked by an ACL."""

    name: str
    topics: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that a Mosquitto was told, without what it takes by default."""

    path: Path
    files: tuple[Path, ...]
    settings: dict[str, Line]
    listeners: tuple[Listener, ...]
    plugins: tuple[Plugin, ...]
    connections: tuple[BridgeConnection, ...]
    include_dirs: tuple[Path, ...]
    is_local_only: bool
    """Whether no listener was named: Mosquitto 2 then lets clients in without a login unless told otherwise."""

    def value(self, word: str, otherwise: str = "") -> str:
        """Return a global setting."""
        return self.settings[word].value if word in self.settings else otherwise

    def number(self, word: str, otherwise: int) -> int:
        """Return a global setting that is a number; ``otherwise`` where it is none."""
        value = self.value(word)
        return int(value) if value.isascii() and value.isdigit() else otherwise

    def file(self, word: str) -> Path | None:
        """Return a file that a global setting names."""
        return Path(self.value(word)) if self.value(word) else None

    @property
    def allows_anonymous(self) -> bool:
        """Whether a client without a user name gets in somewhere; by default only where no listener was named.

        Since Mosquitto 2.1 a listener may say otherwise than all.
        """
        for_all = self.value("allow_anonymous", str(self.is_local_only).lower())
        return any(one.value("listener_allow_anonymous", for_all) == "true" for one in self.listeners)

    @property
    def dynamic_security(self) -> Plugin | None:
        """The plugin for accounts, if it is loaded."""
        return next((one for one in self.plugins if one.is_dynamic_security), None)

    @property
    def user(self) -> str:
        """As whom the broker runs when root starts it."""
        return self.value("user", "mosquitto")


def read(path: Path) -> Configuration:
    """Read ``path`` and all that it includes. Raises ConfigurationFault."""
    reader = _Reader(path)
    reader.read_file(path, 0)
    return reader.configuration()


def lines_of(text: str, path: Path) -> Iterator[Line]:
    """Yield the settings in ``text``."""
    for number, raw in enumerate(text.splitlines(), 1):
        stripped = raw.strip()
        if stripped and not stripped.startswith("#"):
            word, _, value = stripped.partition(" ")
            yield Line(path, number, word, value.strip())


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: list[Path] = []
        self._settings: dict[str, Line] = {}
        self._default = Listener(DEFAULT_PORT, None)
        self._listeners: list[Listener] = []
        self._plugins: list[Plugin] = []
        self._connections: list[BridgeConnection] = []
        self._include_dirs: list[Path] = []

    def read_file(self, path: Path, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise ConfigurationFault(f"{path} includes itself")
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationFault(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigurationFault(f"{path} is not UTF-8 text") from error
        self._files.append(path)
        listener = self._default
        connection: BridgeConnection | None = None
        for line in lines_of(text, path):
            match line.word:
                case "listener":
                    listener, connection = self._listener(line), None
                case "connection":
                    connection = BridgeConnection(line.value)
                    self._connections.append(connection)
                case "topic" if connection is not None:
                    connection.topics.append(line)
                case "include_dir":
                    self._include(line, depth)
                case word if word in _PLUGINS:
                    self._plugins.append(Plugin(line))
                case word if word.startswith(("plugin_opt_", "auth_opt_")) and self._plugins:
                    self._plugins[-1].options[word.partition("_opt_")[2]] = line.value
                case "port":
                    self._default = listener = self._replaced(self._number(line), self._default.address, line)
                case "bind_address":
                    self._default = listener = self._replaced(self._default.port, line.value, line)
                case word if word in _LISTENER_WORDS:
                    listener.settings[word] = line
                case word if word in _CONNECTION_WORDS or word.startswith(_CONNECTION_PREFIXES):
                    continue  # how the broker logs in elsewhere
                case word:
                    self._settings[word] = line

    def _replaced(self, port: int, address: str | None, line: Line) -> Listener:
        return Listener(port, address, {**self._default.settings, line.word: line})

    def _number(self, line: Line) -> int:
        word = line.value.split(" ")[0]
        if not (word.isascii() and word.isdigit() and int(word) <= 65_535):
            raise ConfigurationFault(f"{line.place}: {word!r} is no port")
        return int(word)

    def _listener(self, line: Line) -> Listener:
        port = self._number(line)
        rest = line.value.split(" ")[1:]
        made = Listener(port, rest[-1] if rest else None)
        self._settings[line.word] = line
        self._listeners.append(made)
        return made

    def _include(self, line: Line, depth: int) -> None:
        folder = Path(line.value)
        if not folder.is_dir():
            raise ConfigurationFault(f"{line.place}: the folder {folder} is not there")
        self._include_dirs.append(folder)
        for path in sorted(folder.glob("*.conf"), key=lambda one: one.name):
            self.read_file(path, depth + 1)

    def configuration(self) -> Configuration:
        listeners: Sequence[Listener] = self._listeners
        named = self._default.settings  # any of them makes Mosquitto open the listener that needs no `listener` line
        local_only = not listeners and not named.keys() & {"port", "bind_address"}
        if not listeners or named:
            address = self._default.address if named else "127.0.0.1"
            listeners = [Listener(self._default.port, address, named), *listeners]
        return Configuration(
            self._path,
            tuple(self._files),
            self._settings,
            tuple(listeners),
            tuple(self._plugins),
            tuple(self._connections),
            tuple(self._include_dirs),
            local_only,
        )
