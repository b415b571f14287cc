"""Invariants about what devices hold and administrators were told: what was said is so, and was done once.

They look at the ledger that a test kept (tests/snapshot.py) beside the rows. Pure, as all invariants.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from bridge.names import device_username
from bridge.records import ADMINISTRATOR, DEVICE
from bridge.registration import Status
from tests.snapshot import Asked, Snapshot

OF_PEOPLE: Final = frozenset({"create-administrator", "delete-administrator"})
ONCE_FOR_EACH: Final = frozenset({"register", "accept", "delete", "delete-device"})
"""Commands that leave one entry in the audit for each device that they were done for."""
FILE: Final = "bulk-register"
REMEMBERED: Final = 540_000
"""Milliseconds for which an answer is kept at the least: ten minutes from the commit, which was before it was heard."""


def a_device_logs_in_with_what_it_was_given(snapshot: Snapshot) -> Iterator[str]:
    """Whoever is in the inventory and was given credentials for its present account holds the ones that work."""
    for username, held in {one.username: one for one in snapshot.held}.items():
        account = snapshot.accounts.get(username)
        if account is None or not account.wanted or account.secret is not None:
            continue  # gone, or with a password that somebody chose since
        reg = snapshot.registrations.get(account.subject)
        is_to_come = reg is not None and (reg.status is Status.ACCEPTED and reg.confirmed is None)
        if not is_to_come and held.password != snapshot.passwords.get(username):
            yield f"{username} was given a password that is not the account's"


def one_life_has_one_password(snapshot: Snapshot) -> Iterator[str]:
    """Every answer of one registration carries the same password, and another one than the life before."""
    lives: dict[tuple[str, int], set[str]] = defaultdict(set)
    owners: dict[tuple[str, str], set[int]] = defaultdict(set)
    for one in snapshot.held:
        lives[one.username, one.life].add(one.password)
        owners[one.username, one.password].add(one.life)
    for (username, life), passwords in lives.items():
        if len(passwords) > 1:
            yield f"{username} was given {len(passwords)} passwords in its life {life}"
    for (username, _), shared in owners.items():
        if len(shared) > 1:
            yield f"{username} has the same password in its lives {sorted(shared)}"


def _last_word(snapshot: Snapshot, *, of_people: bool) -> dict[str, Asked]:
    """Return the last request that was done for each device, or each person, unless one without an answer came after.

    Such a one may have been done or not.
    """
    last: dict[str, Asked] = {}
    for one in snapshot.asked:
        if (one.command in OF_PEOPLE) == of_people:
            last |= dict.fromkeys(one.done, one)
            for subject in one.subjects if one.answer is None else ():
                last.pop(subject, None)
    return last


def what_was_told_of_a_device_is_so(snapshot: Snapshot) -> Iterator[str]:
    """An administrator who was told that something was done finds it done."""
    owners = {account.subject for account in snapshot.accounts.values() if account.kind == DEVICE and account.wanted}
    for device_id, last in _last_word(snapshot, of_people=False).items():
        reg, device = snapshot.registrations.get(device_id), snapshot.devices.get(device_id)
        has_account = device_id in owners
        match last.command:
            case "register" if reg is None and device is None:
                yield f"{device_id} was registered and is lost"
            case "accept" if device is None and (reg is None or reg.status is not Status.ACCEPTED):
                yield f"{device_id} was accepted and is not"
            case "delete" if reg is not None:
                yield f"the registration of {device_id} was deleted and is there"
            case "delete-device" if reg is not None or device is not None or has_account:
                yield f"the device {device_id} was deleted and something of it is there"
            case "bulk-register" if reg is None and device is None:
                yield f"{device_id} came with a file and is lost"


def what_was_told_of_a_person_is_so(snapshot: Snapshot) -> Iterator[str]:
    """An administrator who was made is one, with the password that was told; one who was deleted is none."""
    for name, last in _last_word(snapshot, of_people=True).items():
        account = snapshot.accounts.get(name)
        is_one = account is not None and account.wanted and account.kind == ADMINISTRATOR
        if is_one != (last.command == "create-administrator"):
            yield f"{last.command} {name} was told, and {name} is {'one' if is_one else 'none'}"
        if is_one and last.answer is not None:
            password = last.answer["result"].get("password", snapshot.passwords.get(name))
            if password != snapshot.passwords.get(name):
                yield f"{name} was told a password that is not the account's"


def a_provided_password_is_that_of_the_account(snapshot: Snapshot) -> Iterator[str]:
    """A device of a full bulk file has the password that stood in the last file that was done."""
    provided = {
        subject: (one, one.passwords[subject])
        for one in snapshot.asked
        for subject in one.done
        if subject in one.passwords
    }
    last = _last_word(snapshot, of_people=False)
    for device_id, (file, password) in provided.items():
        if last.get(device_id) is file and password != snapshot.passwords.get(device_username(file.tenant, device_id)):
            yield f"{device_id} has another password than its file says"


def nothing_is_done_twice(snapshot: Snapshot) -> Iterator[str]:
    """A request that was repeated until it was answered stands in the audit once for each device it was done for."""
    written = Counter(
        (entry.actor, entry.action, entry.device_id or "")
        for entry in snapshot.audit
        if entry.action in ONCE_FOR_EACH and entry.outcome == "ok"
    )
    told = Counter((one.actor, one.command, subject) for one in snapshot.asked for subject in one.done)
    open_ = Counter(
        (one.actor, one.command, subject) for one in snapshot.asked if not one.answer for subject in one.subjects
    )
    for key in {*told, *open_}:
        if key[1] in ONCE_FOR_EACH and not told[key] <= written[key] <= told[key] + open_[key]:
            yield f"{' '.join(key)}: told {told[key]} times, written {written[key]} times"


def a_file_is_counted_as_it_was_told(snapshot: Snapshot) -> Iterator[str]:
    """Each file that was answered has one finished entry in the audit, with the numbers of the answer."""
    told = Counter(
        (one.actor, _numbers(one.answer["result"]))
        for one in snapshot.asked
        if one.command == FILE and one.answer is not None and one.answer["ok"]
    )
    unheard = Counter(one.actor for one in snapshot.asked if one.command == FILE and one.answer is None)
    written = Counter(
        (entry.actor, _numbers(entry.details))
        for entry in snapshot.audit
        if entry.action == FILE and entry.details.get("complete")
    )
    for key, number in told.items():
        if not number <= written[key] <= number + unheard[key[0]]:
            yield f"a file of {key[0]} with the numbers {key[1]} was told {number} times, written {written[key]} times"


def _numbers(members: object) -> str:
    assert isinstance(members, dict)
    return json.dumps({name: value for name, value in sorted(members.items()) if name.startswith("numberOf")})


def an_answer_is_remembered_as_it_was_told(snapshot: Snapshot) -> Iterator[str]:
    """Who repeats a request gets the answer that he got; a password that was made is derived anew for it."""
    kept = {(one.tenant, one.administrator, one.key): json.loads(one.answer) for one in snapshot.answers}
    for one in snapshot.asked:
        if one.answer is None or one.key is None:
            continue
        tenant, _, administrator = one.actor.partition("/")
        answer = kept.get((tenant, administrator, one.key))
        if answer is None:
            if snapshot.now - one.heard < REMEMBERED:
                yield f"the answer to {one.command} {one.key} of {one.actor} is forgotten"
        elif _shown(answer) != _shown(one.answer):
            yield f"the answer to {one.command} {one.key} of {one.actor} would be another one now"


def _shown(answer: object) -> str:
    assert isinstance(answer, dict)
    result = {name: value for name, value in (answer.get("result") or {}).items() if name != "password"}
    return json.dumps({**answer, "result": result}, sort_keys=True)


PROMISES: Final = (
    a_device_logs_in_with_what_it_was_given,
    one_life_has_one_password,
    what_was_told_of_a_device_is_so,
    what_was_told_of_a_person_is_so,
    a_provided_password_is_that_of_the_account,
    nothing_is_done_twice,
    a_file_is_counted_as_it_was_told,
    an_answer_is_remembered_as_it_was_told,
)
