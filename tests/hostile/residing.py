"""Attacks by behaviour on the operations broker: what somebody can do who has a device's or an application's login."""

from typing import Final

from tests.hostile import Attack, Login
from tests.hostile.calling import LEFT, PROPERTIES, SESSIONS, WILLS

WORDS: Final = "What a device says of itself"

ATTACKS: Final[tuple[Attack, ...]] = (
    Attack(
        "retained-info",
        Login.DEVICE,
        LEFT,
        "Retains its `info`, so that it might confirm the next life of the id, or speak again at each start.",
        "It is heard once, when it is sent; the next life is not confirmed by it.",
    ),
    Attack(
        "retained-in-own-tree",
        Login.DEVICE,
        LEFT,
        "Retains a command below its own topics, for whoever has the id after it was deleted and registered again.",
        "It stays and is heard: what is retained there belongs to the id, as what applications retained does. An "
        "application that may write there takes it away by retaining nothing.",
    ),
    Attack(
        "device-will-elsewhere",
        Login.DEVICE,
        WILLS,
        "Leaves wills, at once and delayed, at another device's `info`, a control topic and the bridge's state.",
        "They reach nobody; one below its own topics does, as it is meant to.",
    ),
    Attack(
        "device-will-next-life",
        Login.DEVICE,
        WILLS,
        "Leaves a delayed will at its `info`, which is due after it was deleted and registered again.",
        "It confirms nothing of the new life and says nothing of it: what the broker kept of the old one is cleared.",
    ),
    Attack(
        "application-will",
        Login.APPLICATION,
        WILLS,
        "Publishes a device's `info`: plainly, retained, and by wills at once and delayed.",
        "No way lets it speak for a device; a will where it may write arrives.",
    ),
    Attack(
        "device-takes-client-id",
        Login.DEVICE,
        SESSIONS,
        "Connects under another device's client id, or an administrator's name, to throw it out.",
        "The broker refuses it: a device's account is bound to its client id.",
    ),
    Attack(
        "device-session-next-life",
        Login.DEVICE,
        SESSIONS,
        "Leaves a session with subscriptions behind, for the life after the next registration of its id.",
        "It is cleared before the new password leaves: neither subscriptions nor messages are inherited.",
    ),
    Attack(
        "application-takes-client-id",
        Login.APPLICATION,
        SESSIONS,
        "Connects under a device's client id and takes over its session, with what waits in it.",
        "It throws the device out, and what waited is lost; it hears none of it, since it was not granted it. This "
        "cannot be prevented: Mosquitto binds client ids to accounts, not accounts to client ids.",
    ),
    Attack(
        "application-prepares-session",
        Login.APPLICATION,
        SESSIONS,
        "Leaves a session under a device's client id that is subscribed to all devices, for the device to find.",
        "The device hears what its own login may hear, and nothing more.",
    ),
    Attack(
        "device-shared-subscription",
        Login.DEVICE,
        SESSIONS,
        "Joins a shared subscription to another device's topics, to take away every second message.",
        "The broker refuses it, and the other device hears all of its messages.",
    ),
    Attack(
        "topic-alias-of-device",
        Login.DEVICE,
        PROPERTIES,
        "Publishes by topic alias, to reach a topic that was never checked.",
        "The broker ends its connection: there are no aliases.",
    ),
    Attack(
        "info-names-another",
        Login.DEVICE,
        WORDS,
        "Says in its `info` that it is another device, of another tenant, group and owner.",
        "These members are ignored.",
    ),
    Attack(
        "info-bombs",
        Login.DEVICE,
        WORDS,
        "Sends as `info` what is no JSON, is nested thousands deep, has huge numbers, or is a megabyte long.",
        "The entry stays as it is, and others are heard.",
    ),
    Attack(
        "info-merged-too-large",
        Login.DEVICE,
        WORDS,
        "Lets its properties grow by many small merges, each of them permitted.",
        "A merge that would make them larger than 8 KiB is left out; later ones that fit are taken.",
    ),
    Attack(
        "info-flood",
        Login.DEVICE,
        WORDS,
        "Sends thousands of words of itself at once.",
        "Others are confirmed meanwhile; the last word counts.",
    ),
    Attack(
        "info-of-former-life",
        Login.DEVICE,
        WORDS,
        "Sends hundreds of words while it is deleted, registered again and accepted.",
        "None of them confirms the new life: all that the old one said is heard to its end first.",
    ),
)
