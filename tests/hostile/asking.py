"""Attacks by behaviour with an administrator's login: a viewer's first of all, one taken away, another tenant's."""

from typing import Final

from tests.hostile import Attack, Login
from tests.hostile.calling import FLOODS, LEFT, PROPERTIES, REPLAYS, SESSIONS, WILLS

REVOKED: Final = "Administrators taken away"
CHANGING: Final = "Changing something with a viewer's login"
SQUATTING: Final = "Between tenants"

ATTACKS: Final[tuple[Attack, ...]] = (
    Attack(
        "viewer-commands",
        Login.VIEWER,
        CHANGING,
        "Sends every command that its role has not, well formed, with every QoS, retained and not.",
        "The broker refuses each, and nothing has changed; what its role has is answered.",
    ),
    Attack(
        "viewer-wills",
        Login.VIEWER,
        WILLS,
        "Lets wills, at once and delayed, be commands that its role has not, in its own name and the owner's.",
        "They reach nobody; one that is a command of its role is answered.",
    ),
    Attack(
        "viewer-takes-client-id",
        Login.VIEWER,
        SESSIONS,
        "Connects under the client id of a device, whose id it can see.",
        "It throws the device out, which comes back; it reads and writes nothing of it. This cannot be prevented: "
        "Mosquitto binds client ids to accounts, not accounts to client ids.",
    ),
    Attack(
        "viewer-prepares-session",
        Login.VIEWER,
        SESSIONS,
        "Leaves a session under a device's client id that is subscribed to events, for the device to find.",
        "The device hears what its own login may hear, and nothing more.",
    ),
    Attack(
        "viewer-names-of-services",
        Login.VIEWER,
        SESSIONS,
        "Connects under client ids that the bridge's own accounts might have.",
        "Nobody is thrown out: those are 128 random bits.",
    ),
    Attack(
        "viewer-floods",
        Login.VIEWER,
        FLOODS,
        "Sends hundreds of requests at once.",
        "Others have every second turn; its own are answered in their order.",
    ),
    Attack(
        "viewer-bombs",
        Login.VIEWER,
        FLOODS,
        "Sends questions of 2 MB that hold a wrong thing hundreds of thousands of times.",
        "They are refused before they are read, and others are served.",
    ),
    Attack(
        "response-topic-of-request",
        Login.VIEWER,
        PROPERTIES,
        "Names another administrator's answer topic, or a device's, as the response topic of its request.",
        "It is ignored: the answer comes on its own.",
    ),
    Attack(
        "correlation-of-request",
        Login.VIEWER,
        PROPERTIES,
        "Sends correlation data of 65 bytes up to half a megabyte.",
        "What is longer than 64 bytes is not echoed; the request is answered without.",
    ),
    Attack(
        "retained-request",
        Login.REGISTRAR,
        LEFT,
        "Retains commands, to be done again at each start of the bridge.",
        "They are discarded, now and after a restart.",
    ),
    Attack(
        "request-replayed",
        Login.REGISTRAR,
        REPLAYS,
        "Sends a recorded request again, as it was, after what it did has been undone.",
        "It gets the first answer, and nothing is done; after ten minutes it is a request like any other of this role.",
    ),
    Attack(
        "request-replayed-in-next-life",
        Login.REGISTRAR,
        REPLAYS,
        "Sends the accept of a device's former life again, as it was, and with the claim of that life.",
        "The new registration waits on: the first gets the old answer, the second is `NOT_FOUND`.",
    ),
    Attack(
        "request-replayed-by-another",
        Login.REGISTRAR,
        REPLAYS,
        "Sends another administrator's recorded request, with its `requestId`, in its own name.",
        "It is a request of its own, checked by its own role; the other's answer is not given out.",
    ),
    Attack(
        "request-id-reused",
        Login.REGISTRAR,
        REPLAYS,
        "Uses a `requestId` again for something else.",
        "It is refused as malformed, and nothing is done.",
    ),
    Attack(
        "revoked-in-flight",
        Login.REGISTRAR,
        REVOKED,
        "Is deleted while hundreds of its requests are under way, and in the middle of its session.",
        "It is thrown out; what was not decided before the deletion is not done.",
    ),
    Attack(
        "revoked-name-given-again",
        Login.REGISTRAR,
        REVOKED,
        "Is deleted with hundreds of requests under way, and the name is given to an owner in the same moment.",
        "Its session is closed before the new one is heard: none of its requests is done by the new role.",
    ),
    Attack(
        "revoked-session",
        Login.OWNER,
        REVOKED,
        "Leaves a session subscribed to events, is deleted, made again, and comes back through another login.",
        "The old password is refused, and the session tells the other login only what that one may hear.",
    ),
    Attack(
        "revoked-memory",
        Login.OWNER,
        REVOKED,
        "Was told the password of an application; who has the name next sends the same request with its `requestId`.",
        "The answers to the former holder are forgotten: nothing of them is told again.",
    ),
    Attack(
        "revoked-will",
        Login.REGISTRAR,
        REVOKED,
        "Leaves wills that are commands: one in a session that is open when it is deleted, one delayed.",
        "Neither is published: the first goes with the session, for the second there is no account any more.",
    ),
    Attack(
        "revoked-will-lower-role",
        Login.OWNER,
        REVOKED,
        "Leaves a delayed will that makes an owner, is deleted, and is made again as a viewer.",
        "It is not published: a viewer may not send it.",
    ),
    Attack(
        "revoked-will-same-role",
        Login.OWNER,
        REVOKED,
        "Leaves a delayed will that makes an owner, is deleted, and the same name is made an owner again.",
        "It is done in the new one's name: the broker knows a will by the user name alone, for up to two weeks. So a "
        "name that was taken from somebody is not given again, or the operations broker is restarted in between, "
        "which forgets all wills.",
    ),
    Attack(
        "tenant-takes-ids",
        Login.TENANT,
        SQUATTING,
        "Registers the ids of another tenant's devices before that one does.",
        "Who registers first has the id: the other is told that it is taken, not by whom, and `management`, who sees "
        "both, deletes it. The device itself is not accepted by mistake: it is served for the tenant that accepts it.",
    ),
    Attack(
        "tenant-answers-claims",
        Login.TENANT,
        SQUATTING,
        "Accepts, deletes, looks at and names claims of another tenant's registrations.",
        "Every one is `NOT_FOUND`, and nothing has changed.",
    ),
)
