"""What a broker's configuration should say for the bridge, compared with the templates, whose comments are the reasons.

It only compares. Whether a difference is advice or a fault is for those who ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bridge.brokers import template
from bridge.mosquitto_conf import Configuration

Rule = Literal["at least", "at most", "same", "set"]
_RULES: Final[Mapping[str, Mapping[str, tuple[Rule, str]]]] = {
    # A setting, how it is compared with the template's value, and what Mosquitto takes where it is not written.
    "mosquitto.conf": {
        "max_packet_size": ("at least", "0"),
        "message_size_limit": ("at least", "0"),
        "max_queued_messages": ("at least", "1000"),
        "max_queued_bytes": ("at least", "0"),
        "max_inflight_messages": ("at least", "20"),
        "set_tcp_nodelay": ("same", "false"),
        "persistence": ("same", "false"),
        "persistent_client_expiration": ("set", ""),
    },
    "mosquitto-bootstrap.conf": {
        "allow_anonymous": ("same", "false"),
        "allow_zero_length_clientid": ("same", "true"),
        "persistence": ("same", "false"),
        "max_packet_size": ("at most", "0"),
        "max_queued_messages": ("at least", "1000"),
        "max_inflight_messages": ("at least", "20"),
        "memory_limit": ("set", ""),
        "max_connections": ("set", ""),
        "set_tcp_nodelay": ("same", "false"),
        "persistent_client_expiration": ("set", ""),
        "queue_qos0_messages": ("same", "false"),
    },
}
OPERATIONS: Final = "mosquitto.conf"
BOOTSTRAP: Final = "mosquitto-bootstrap.conf"
_SAME_AS: Final = {"message_size_limit": "max_packet_size"}


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is not as the template has it."""

    word: str
    found: str | None
    wanted: str
    reason: str

    @property
    def words(self) -> str:
        """The difference, for people."""
        why = self.reason.partition(". ")[0]
        return f"{self.word} is {self.found or 'not set'}, {self.word} {self.wanted} is better: {why}"


def reasons(name: str) -> dict[str, tuple[str, str]]:
    """Return each setting of a template with its value and the comment above it, as one line."""
    found: dict[str, tuple[str, str]] = {}
    comment: list[str] = []
    fresh = True
    for line in template(name).splitlines():
        if line.startswith("#"):
            comment = [] if fresh else comment
            comment.append(line.lstrip("# "))
            fresh = False
        elif line.strip():
            word, _, value = line.partition(" ")
            found.setdefault(word, (value, " ".join(comment)))
            fresh = True
        else:
            fresh = True
    return found


def differences(configuration: Configuration, name: str) -> list[Difference]:
    """Compare a configuration with the template ``name``."""
    known = reasons(name)
    found: list[Difference] = []
    for word, (rule, taken) in _RULES[name].items():
        wanted, reason = known[_SAME_AS.get(word, word)]
        written = configuration.value(word)
        if not written:
            written = next((one.value(word) for one in configuration.listeners if one.value(word)), "")
        if not _fits(rule, written or taken, wanted):
            found.append(Difference(word, written or (f"{taken} by default" if taken else None), wanted, reason))
    return found


def _fits(rule: Rule, value: str, wanted: str) -> bool:
    if rule == "same":
        return value == wanted
    if rule == "set":
        return bool(value)
    if not (value.isascii() and value.isdigit()):
        return False
    number = int(value)
    if rule == "at most":
        return 0 < number <= int(wanted)
    return number == 0 or number >= int(wanted)  # 0 is without limit
