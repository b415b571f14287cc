"""Attacks by behaviour on the bootstrap broker: what somebody can do who has the shared login of all devices."""

from typing import Final

from tests.hostile import Attack, Login

LEFT: Final = "Messages left behind"
WILLS: Final = "Last wills"
SESSIONS: Final = "Sessions taken and left"
PROPERTIES: Final = "Properties of a message"
REPLAYS: Final = "Replays"
RACES: Final = "Races of claims"
GUESSES: Final = "Guessing tokens"
FLOODS: Final = "Floods"
PROBES: Final = "Probing for device ids"
ANYBODY: Final = Login.BOOTSTRAP

ATTACKS: Final[tuple[Attack, ...]] = (
    Attack(
        "retained-answer",
        ANYBODY,
        LEFT,
        "Publishes forged credentials, retained, on the answer topics of a plain and of a private caller.",
        "It reaches nobody and is not kept: on these topics only the bridge publishes.",
    ),
    Attack(
        "retained-call",
        ANYBODY,
        LEFT,
        "Leaves a retained call in another device's name, so that it might come again and again.",
        "It is one call of a stranger, and the bridge clears it.",
    ),
    Attack(
        "will-elsewhere",
        ANYBODY,
        WILLS,
        "Leaves last wills, some retained, at other callers' topics, at a control topic and at the bridge's state.",
        "They reach nobody: a will goes only where its owner may publish.",
    ),
    Attack(
        "delayed-will-elsewhere",
        ANYBODY,
        WILLS,
        "Leaves MQTT 5 wills at other callers' topics that shall come seconds after it has gone.",
        "They reach nobody either.",
    ),
    Attack(
        "will-as-call",
        ANYBODY,
        WILLS,
        "Lets a delayed will be a call in another device's name, on a topic of its own, when it is long gone.",
        "It is one call of a stranger: a claim to choose from, which the administrator sees as any other.",
    ),
    Attack(
        "plain-call-taken",
        ANYBODY,
        SESSIONS,
        "Takes the client id of a device that makes a plain call without a key, and listens in its place.",
        "It throws the device out and reads the credentials: nothing protects a plain call without a key. The device "
        "gets the same ones when it calls again; who sees two log in deletes the device and registers it again.",
    ),
    Attack(
        "plain-call-taken-sealed",
        ANYBODY,
        SESSIONS,
        "Does the same to a plain call that carried a key.",
        "It throws the device out and gets an answer that only the device can open, even for calls of its own.",
    ),
    Attack(
        "takeover-war-plain",
        ANYBODY,
        SESSIONS,
        "Takes the client id of a plain call again and again, whenever the device comes back.",
        "The device gets no answer while the war lasts, and nobody else notices; then it calls again and is served.",
    ),
    Attack(
        "takeover-war-private",
        ANYBODY,
        SESSIONS,
        "Makes the same war on a device that calls privately, with its device id, the bridge's names and guesses.",
        "The device is not thrown out and gets its credentials; the attacker hears none of it.",
    ),
    Attack(
        "service-client-ids",
        ANYBODY,
        SESSIONS,
        "Connects with client ids that the bridge and its services might have.",
        "Nobody is thrown out: the bridge's client ids are 128 random bits.",
    ),
    Attack(
        "session-left-at-gate",
        ANYBODY,
        SESSIONS,
        "Leaves a session behind under the device id, subscribed to all answers, and comes back for what has waited.",
        "Nothing of a private call has waited; of other devices neither.",
    ),
    Attack(
        "response-topic-of-call",
        ANYBODY,
        PROPERTIES,
        "Names another device's answer topic, or a control topic, as the response topic of its call.",
        "It is ignored: the answer comes where the call's own topic says, and nowhere else.",
    ),
    Attack(
        "correlation-of-call",
        ANYBODY,
        PROPERTIES,
        "Sends correlation data of 65 bytes up to 16 KiB, to be sent back as often as it likes.",
        "What is longer than 64 bytes is not echoed; the call is answered without.",
    ),
    Attack(
        "topic-alias-at-gate",
        ANYBODY,
        PROPERTIES,
        "Publishes by topic alias, to reach a topic that was never checked.",
        "The broker ends its connection: there are no aliases.",
    ),
    Attack(
        "call-after-confirmation",
        ANYBODY,
        REPLAYS,
        "Has recorded a whole call, client id, token and all, and repeats it when the device is confirmed.",
        "It gets the answer that everybody gets, an event tells of it, and the device's login stays as it is.",
    ),
    Attack(
        "call-of-former-life",
        ANYBODY,
        REPLAYS,
        "Repeats the recorded call after the device was deleted and registered again.",
        "It is a claim like any stranger's; accepted is the one that the administrator names.",
    ),
    Attack(
        "calls-out-of-order",
        ANYBODY,
        REPLAYS,
        "Repeats a device's recorded calls in another order, many times and marked as duplicates.",
        "Equal calls are one claim, whatever their order; nothing fails and nothing is told.",
    ),
    Attack(
        "two-callers",
        ANYBODY,
        RACES,
        "Calls in a device's name while the device itself calls, both without a token.",
        "Nobody is accepted until the administrator names a claim, and only that caller is served.",
    ),
    Attack(
        "stranger-beside-token",
        ANYBODY,
        RACES,
        "Calls first, without the token or with another, in the name of a device that shows its token.",
        "The token decides: the device is served and the stranger is not.",
    ),
    Attack(
        "token-heard",
        ANYBODY,
        RACES,
        "Has heard the token of a device and shows it too.",
        "The administrator is asked to choose, between those who showed this token only.",
    ),
    Attack(
        "junk-claims",
        ANYBODY,
        RACES,
        "Fills all four places for claims before the device calls.",
        "Nobody is accepted by mistake; a token that the administrator gives afterwards makes room for who shows it.",
    ),
    Attack(
        "junk-claims-against-token",
        ANYBODY,
        RACES,
        "Fills the places of a registration that was made with a token.",
        "Its calls only count: the places are for those who show the token.",
    ),
    Attack(
        "claim-while-accepting",
        ANYBODY,
        RACES,
        "Calls at the very moment at which the administrator accepts.",
        "Either the first caller is accepted or the administrator is asked to choose; the stranger is never served.",
    ),
    Attack(
        "token-by-calling",
        ANYBODY,
        GUESSES,
        "Tries tokens by calling, with and without a form.",
        "No answer tells a right guess from a wrong one, none counts as an attempt, and nothing is blocked.",
    ),
    Attack(
        "short-token-by-calling",
        ANYBODY,
        GUESSES,
        "Tries tokens against a registration that accepts by itself, whose token is short.",
        "After so many guesses as attempts are allowed it accepts by itself no more, and a person decides.",
    ),
    Attack(
        "long-token-by-calling",
        ANYBODY,
        GUESSES,
        "Tries tokens against such a registration whose token has 16 characters or more, to suspend it.",
        "It is not suspended, and the device is let in when it comes.",
    ),
    Attack(
        "token-by-accepting",
        Login.REGISTRAR,
        GUESSES,
        "Tries tokens by accepting, by claim, in lists and by saying the same request twice.",
        "Each guess is counted, a repeat once; the last attempt blocks the registration, for the right one too.",
    ),
    Attack(
        "accept-without-token",
        Login.REGISTRAR,
        GUESSES,
        "Accepts a device that shows a token without giving it: alone, by claim, with an empty one, with all others.",
        "The token is asked for, and that is no attempt.",
    ),
    Attack(
        "claim-bomb",
        Login.REGISTRAR,
        GUESSES,
        "Accepts with a claim, an id and a token of 2 MB, so that they stand in the audit and no answer holds them.",
        "Each is refused; what is kept of it is short, and the audit is answered.",
    ),
    Attack(
        "password-by-file",
        Login.REGISTRAR,
        GUESSES,
        "Tries out, by lines of full files, which password an owner has given a device that the registrar once made.",
        "The right one is refused like the others. Only what came by his own file may he send again.",
    ),
    Attack(
        "call-without-token",
        ANYBODY,
        GUESSES,
        "Calls without a token in the names of devices, where the policy REQUIRED blocks whoever shows none.",
        "It blocks registrations that were made without a token and that no caller has shown one for: a person deletes "
        "and makes them again. Not those with a token, and none with `token-missing.action` IGNORE.",
    ),
    Attack(
        "call-flood",
        ANYBODY,
        FLOODS,
        "Sends a thousand calls in a device's name at once.",
        "Others are served meanwhile, no attempt has failed, and no claim was pushed out.",
    ),
    Attack(
        "crowd",
        ANYBODY,
        FLOODS,
        "Calls from two hundred connections at once, in the names of twenty devices.",
        "Each caller gets its own answers, in their order, and none of another's.",
    ),
    Attack(
        "id-flood",
        ANYBODY,
        FLOODS,
        "Calls in the names of hundreds of devices that nobody knows, from one connection.",
        "What is kept of them is bounded, the list of unregistered callers answers, and others are served.",
    ),
    Attack(
        "gate-filled",
        ANYBODY,
        FLOODS,
        "Leaves sessions with long subscriptions behind until the bootstrap broker has no memory left, and goes.",
        "Nobody is let in, until `up` finds the broker full and starts it anew, within half a minute; who waits there "
        "then connects and calls again. A broker that runs by itself forgets in an hour, unless it is restarted. "
        "Who is registered notices nothing.",
    ),
    Attack(
        "probe-by-content",
        ANYBODY,
        PROBES,
        "Compares the answers for ids that nobody registered, that wait, are pending, blocked, deleted, confirmed, "
        "or another tenant's.",
        "They are the same, byte by byte, with the same properties; under load `retryAfter` differs, for all alike.",
    ),
    Attack(
        "probe-by-errors",
        ANYBODY,
        PROBES,
        "Compares the answers to calls that are malformed, for ids of all these kinds.",
        "They are the same: what is malformed is told before anything is looked up.",
    ),
    Attack(
        "probe-by-acknowledgement",
        ANYBODY,
        PROBES,
        "Compares the broker's reason codes for calls and for forged answers, for known and unknown ids.",
        "They are the same: the broker's rules know of topics, and of no device.",
    ),
    Attack(
        "probe-by-time",
        ANYBODY,
        PROBES,
        "Measures how long the answers take for ids of all these kinds, and how long the call after each takes.",
        "No kind can be told from an unknown id: every call costs one row and one commit, after which it is answered.",
    ),
)
