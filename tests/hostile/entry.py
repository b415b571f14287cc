"""Attacks by name: client ids and user names that mean something to somebody, and logins where they do not belong."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.hostile import Attack, Login
from tests.hostile.reach import WORDS, Broker

BOOTSTRAP, DEVICE, VIEWER, OWNER = Login.BOOTSTRAP, Login.DEVICE, Login.VIEWER, Login.OWNER
APPLICATION, TENANT, NONE = Login.APPLICATION, Login.TENANT, Login.NONE
GATE, OPERATIONS = Broker.GATE, Broker.OPERATIONS


class Door(StrEnum):
    """What comes of an attempt to log in, in the words of the page."""

    SHUT = "It is not let in."
    NO_MORE = "It is let in, hears nothing and reaches nobody, and throws nobody out."


class Manner(StrEnum):
    """How the connection is made and used."""

    AWAKE = "as others do"
    ASLEEP = "leaves its session behind while others work, and comes back for it"
    OLD = "in MQTT 3.1"
    BRIDGE = "as a Mosquitto that is a bridge to another broker, with its own version of the protocol"


class Word(StrEnum):
    """Which password is given."""

    OWN = "its own password"
    WRONG = "a wrong password"
    EMPTY = "an empty password"
    ABSENT = "no password"


@dataclass(frozen=True, slots=True)
class Entry(Attack):
    """A row by name. ``client_id`` and ``username`` are templates as topics are.

    ``<login>`` is the right user name, ``<ME>`` the same as ``<me>`` in capitals.

    A user name of None is left out of the packet.
    """

    at: Broker
    client_id: bytes
    username: bytes | None
    password: Word
    door: Door
    manner: Manner = Manner.AWAKE


CLIENT_IDS, USER_NAMES, ELSEWHERE = "Client ids", "User names", "Logins that belong elsewhere"
MANNERS = "Versions of the protocol, and sessions"
_OF_SERVICES: Final = (
    *("bridge", "bridge-control", "bridge-info", "bridge-accounts"),
    *("bootstrap-bridge", "devicebootstrap", "root", "admin"),
)
_SPECIAL: Final[tuple[tuple[str, str, bytes], ...]] = (
    ("hash", "`#`", b"#"),
    ("plus", "`+`", b"+"),
    ("levels", "`+/+`", b"+/+"),
    ("slash", "`/`", b"/"),
    ("path-up", "`../<caller>`", b"../<caller>"),
    ("all-of-caller", "`<caller>/#`", b"<caller>/#"),
    ("answer-of-caller", "`<caller>/response`", b"<caller>/response"),
    ("whole-answer", "`bootstrap/<caller>/response`", b"bootstrap/<caller>/response"),
    ("request", "`request`", b"request"),
    ("share", "`$share`", b"$share"),
    ("share-of-all", "`$share/g/#`", b"$share/g/#"),
    ("sys", "`$SYS`", b"$SYS"),
    ("control", "`$CONTROL/dynamic-security/v1`", b"$CONTROL/dynamic-security/v1"),
    ("percent-c", "`%c`", b"%c"),
    ("percent-u", "`%u`", b"%u"),
    ("bootstrap", "`bootstrap`", b"bootstrap"),
    ("star", "`*`", b"*"),
    ("space-behind", "`<caller>` and a space", b"<caller> "),
    ("upper-case", "`ACME-CALLER`, where `<caller>` is the same in small letters", b"ACME-CALLER"),
    ("look-alike", "a name that looks like `<caller>`, with a Cyrillic a", "\u0430cme-caller".encode()),
    ("full-width", "a name of wide letters that a normal form would make `<caller>`", "\uff41cme-caller".encode()),
    ("decomposed", "é as two characters", "cafe\u0301".encode()),
    ("right-to-left", "a mark that turns the line round", "\u202eacme-caller".encode()),
    ("invisible", "`<caller>` and a space without width", "acme-caller\u200b".encode()),
    ("byte-order", "a byte order mark and `<caller>`", "\ufeffacme-caller".encode()),
    ("quotes", "quotes and braces, as if it were put into JSON or SQL", b"'\"}];--"),
    ("very-long", "10,000 characters", b"x" * 10_000),
    *((f"service-{name}", f"`{name}`, a name of a service", name.encode())
      for name in _OF_SERVICES),
)  # fmt: skip
"""Client ids that are taken as any other name."""
_ILL_FORMED: Final[tuple[tuple[str, str, bytes], ...]] = (
    ("newline", "`<caller>` and a line feed with a line for a log", b"<caller>\nready"),
    ("escape", "an order for terminals", b"\x1b[2J<caller>"),
    ("delete", "the character DEL", b"\x7f"),
    ("nul", "`<caller>`, NUL and more", b"<caller>\0more"),
    ("half-utf8", "bytes that are no UTF-8", b"\xff\xfe<caller>"),
    ("overlong-utf8", "a slash written in too many bytes of UTF-8", b"acme\xc0\xaf<caller>"),
    ("surrogate", "half a surrogate pair", b"\xed\xa0\x80"),
)
_NAMES_OF_OTHERS: Final[tuple[tuple[str, str, bytes], ...]] = (
    ("neighbour", "`<neighbour>`", b"<neighbour>"),
    ("upper-case", "its own in capitals", b"<ME>"),
    ("longer", "its own and one more character", b"<me>x"),
    ("login", "its user name", b"<login>"),
    ("empty", "an empty one", b""),
    ("hash", "`#`", b"#"),
    ("service", "`bridge-info`", b"bridge-info"),
)
_USERS: Final[tuple[tuple[str, str, bytes], ...]] = (
    ("id-alone", "its id alone", b"<me>"),
    ("without-tenant", "`device_<me>`", b"device_<me>"),
    ("elsewhere", "`<elsewhere>/device_<me>`", b"<elsewhere>/device_<me>"),
    ("management", "`management/device_<me>`", b"management/device_<me>"),
    ("neighbour", "`<tenant>/device_<neighbour>`", b"<tenant>/device_<neighbour>"),
    ("colleague", "`<colleague>`", b"<colleague>"),
    ("root", "`root`", b"root"),
    ("service", "`bridge-control`", b"bridge-control"),
    ("shared", "`devicebootstrap`", b"devicebootstrap"),
    ("upper-case", "its own with the tenant in capitals", b"ACME/device_<me>"),
    ("space-behind", "its own and a space", b"<login> "),
    ("two-slashes", "`<tenant>//device_<me>`", b"<tenant>//device_<me>"),
    ("dot", "`<tenant>/./device_<me>`", b"<tenant>/./device_<me>"),
    ("path-up", "`<elsewhere>/../<tenant>/device_<me>`", b"<elsewhere>/../<tenant>/device_<me>"),
    ("plus", "`+/device_<me>`", b"+/device_<me>"),
    ("hash", "`#`", b"#"),
    ("percent-u", "`%u`", b"%u"),
    ("percent-c", "`<tenant>/device_%c`", b"<tenant>/device_%c"),
    ("share", "`$share/g/<login>`", b"$share/g/<login>"),
    ("look-alike", "its own with a Cyrillic a", "\u0430cme/device_<me>".encode()),
    ("invisible", "its own and a space without width", "<login>\u200b".encode()),
    ("newline", "its own and a line feed", b"<login>\n"),
    ("nul", "its own, NUL and more", b"<login>\0x"),
    ("half-utf8", "its own and a byte that is no UTF-8", b"<login>\xff"),
    ("empty", "an empty one", b""),
    ("very-long", "its own after 10,000 letters", b"x" * 10_000 + b"<login>"),
)


def _entry(
    who: Login,
    family: str,
    slug: str,
    said: str,
    door: Door,
    at: Broker,
    client_id: bytes = b"<client id>",
    username: bytes | None = b"<login>",
    password: Word = Word.OWN,
    manner: Manner = Manner.AWAKE,
) -> Entry:
    does = f"Logs in at the {at} {said}."
    return Entry(f"{WORDS[who]}-{slug}", who, family, does, door.value, at, client_id, username, password, door, manner)


def _client_ids(
    who: Login, at: Broker, door: Door, names: Iterable[tuple[str, str, bytes]], prefix: str
) -> tuple[Entry, ...]:
    return tuple(
        _entry(who, CLIENT_IDS, f"{prefix}-{slug}", f"with the client id {said}", door, at, client_id)
        for slug, said, client_id in names
    )


ATTACKS: Final[tuple[Entry, ...]] = (
    *_client_ids(BOOTSTRAP, GATE, Door.NO_MORE, _SPECIAL, "is"),
    *_client_ids(BOOTSTRAP, GATE, Door.SHUT, _ILL_FORMED, "is"),
    *_client_ids(BOOTSTRAP, GATE, Door.SHUT, [("empty", "of no length", b"")], "is"),
    *_client_ids(VIEWER, OPERATIONS, Door.NO_MORE, [*_SPECIAL, ("empty", "of no length", b"")], "is"),
    *_client_ids(VIEWER, OPERATIONS, Door.SHUT, _ILL_FORMED, "is"),
    *_client_ids(DEVICE, OPERATIONS, Door.SHUT, _NAMES_OF_OTHERS, "is"),
    *(_entry(DEVICE, USER_NAMES, f"called-{slug}", f"with its password and the user name {said}", Door.SHUT,
             OPERATIONS, username=name) for slug, said, name in _USERS),
    *(_entry(BOOTSTRAP, USER_NAMES, f"called-{slug}", f"with the shared password and the user name {said}", Door.SHUT,
             GATE, username=name)
      for slug, said, name in (("bridge", "`bridge`", b"bridge"), ("nobody", "`nobody`", b"nobody"),
                               ("upper-case", "in capitals", b"DEVICEBOOTSTRAP"),
                               ("colon", "`devicebootstrap:` and more", b"devicebootstrap:$7$"),
                               ("newline", "`devicebootstrap` and a line feed", b"devicebootstrap\n"),
                               ("nul", "`devicebootstrap`, NUL and more", b"devicebootstrap\0x"),
                               ("empty", "of no length", b""), ("absent", "left out", None))),
    *(_entry(who, USER_NAMES, "wrong-password", "with a wrong password", Door.SHUT, OPERATIONS, password=Word.WRONG)
      for who in (DEVICE, VIEWER, OWNER, APPLICATION, TENANT)),
    _entry(BOOTSTRAP, ELSEWHERE, "at-operations", "with the shared login", Door.SHUT, OPERATIONS),
    _entry(BOOTSTRAP, ELSEWHERE, "at-operations-as-bridge", "with the shared login and the client id of a service",
           Door.SHUT, OPERATIONS, b"bridge-control"),
    *(_entry(who, ELSEWHERE, "at-gate", "with its own login", Door.SHUT, GATE)
      for who in (DEVICE, VIEWER, Login.REGISTRAR, OWNER, APPLICATION, TENANT)),
    *(_entry(NONE, ELSEWHERE, f"at-{slug}-anonymous", "without user name and password", Door.SHUT, at,
             username=None, password=Word.ABSENT) for slug, at in (("gate", GATE), ("operations", OPERATIONS))),
    *(_entry(NONE, ELSEWHERE, f"at-{slug}-as-{name}-{how}", f"as `{name}` with {word.value}", Door.SHUT,
             at, username=name.encode(), password=word)
      for slug, at, names in (("gate", GATE, ("devicebootstrap", "bridge")),
                              ("operations", OPERATIONS, ("root", "admin", "bridge-control", "bridge-accounts")))
      for name in names
      for how, word in (("wrong", Word.WRONG), ("empty", Word.EMPTY), ("absent", Word.ABSENT))),
    *(_entry(who, MANNERS, slug, manner.value, Door.NO_MORE, at, name, manner=manner)
      for who, at in ((BOOTSTRAP, GATE), (VIEWER, OPERATIONS))
      for slug, name, manner in (("as-another-broker", b"bridged", Manner.BRIDGE), ("in-mqtt-31", b"old", Manner.OLD))),
    *(_entry(who, MANNERS, "sleeps", f"and {Manner.ASLEEP.value}", Door.NO_MORE, at, b"asleep-<client id>",
             manner=Manner.ASLEEP)
      for who, at in ((BOOTSTRAP, GATE), *((one, OPERATIONS) for one in (VIEWER, OWNER, APPLICATION, TENANT)))),
)  # fmt: skip
