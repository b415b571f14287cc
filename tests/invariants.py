"""What must be true of an installation at rest, however it came there. Each invariant is a function over a snapshot.

A function yields a sentence for each violation. Pure: what an installation looks like is collected elsewhere
(tests/e2e/inspecting.py), so that any test, on real brokers or not, can ask the same of it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from bridge.accounts.dynsec import role_name
from bridge.names import device_username
from bridge.records import ADMINISTRATOR, APPLICATION, DEVICE, Account
from bridge.registration import MAX_CLAIMS, Device, Registration, Status
from tests.promises import PROMISES
from tests.snapshot import Snapshot

WAITING, PENDING, ACCEPTED, BLOCKED = Status
Invariant = Callable[[Snapshot], Iterator[str]]


def violations_of(snapshot: Snapshot) -> list[str]:
    """Return every violation of every invariant, with the name of the invariant first."""
    return [f"{name}: {sentence}" for name, invariant in INVARIANTS.items() for sentence in invariant(snapshot)]


# The rows among themselves.


def a_status_and_what_it_rests_on_agree(snapshot: Snapshot) -> Iterator[str]:
    """Whoever is pending has a claim, whoever is accepted has a seed, whoever is blocked has a reason."""
    for one in snapshot.registrations.values():
        if fault := _status_fault(one):
            yield f"{one.id} is {one.status} and {fault}"


def _status_fault(one: Registration) -> str | None:
    if one.status is ACCEPTED:
        if one.accepted is None or one.seed is None or one.key_id is None:
            return "has no time, seed or key of an acceptance"
        if one.accepted_claim is None and one.confirmed is None:
            return "neither a claim was accepted nor a file provided it"
        if one.accepted_claim is not None and one.claim(one.accepted_claim) is None:
            return "the accepted claim is not among those kept"
        if one.installed is None and (one.delivered is not None or (one.accepted_claim and one.confirmed is not None)):
            return "was delivered or confirmed, but never installed"
        return None
    if one.accepted_claim or one.seed or one.accepted or one.installed or one.delivered or one.confirmed:
        return "has what only an acceptance brings"
    if one.status is WAITING and one.claims:
        return "has claims"
    if one.status is PENDING and not one.claims:
        return "has no claim"
    return "has no reason" if one.status is BLOCKED and one.reason is None else None


def a_claim_is_kept_once(snapshot: Snapshot) -> Iterator[str]:
    """A call that came twice, because nobody had acknowledged it, is one claim."""
    for one in snapshot.registrations.values():
        shown = {(c.kind, c.client_id, c.token, c.public_key, c.form) for c in one.claims}
        names = {claim.fingerprint for claim in one.claims}
        if not len(shown) == len(names) == len(one.claims) <= MAX_CLAIMS:
            yield f"{one.id} has {len(one.claims)} claims, {len(shown)} of them distinct, under {len(names)} names"


def the_counts_are_those_of_the_rows(snapshot: Snapshot) -> Iterator[str]:
    """How many registrations there are of each status is counted along, and must not drift."""
    there = Counter((one.tenant, one.status) for one in snapshot.registrations.values())
    for tenant, status in sorted({*there, *snapshot.counts}):
        counted = snapshot.counts.get((tenant, status), 0)
        if counted != there[tenant, status]:
            yield f"{tenant} has {there[tenant, status]} registrations {status}, counted are {counted}"


def an_id_has_one_tenant(snapshot: Snapshot) -> Iterator[str]:
    """Registration, device and account of an id are of the same tenant, which there is."""
    tenants: dict[str, set[str]] = defaultdict(set)
    for record in _records(snapshot):
        tenants[record.id].add(record.tenant)
    for account in _accounts_of_devices(snapshot):
        tenants[account.subject].add(account.tenant)
    for device_id, found in tenants.items():
        if len(found) > 1 or not found <= snapshot.tenants:
            yield f"{device_id} is of {', '.join(sorted(found))}"


def a_group_that_is_named_exists(snapshot: Snapshot) -> Iterator[str]:
    """Groups are made when first named, in the same commit."""
    for record in _records(snapshot):
        if record.group is not None and (record.tenant, record.group) not in snapshot.groups:
            yield f"{record.id} stands in {record.group}, which {record.tenant} does not have"


def an_accepted_device_has_an_account(snapshot: Snapshot) -> Iterator[str]:
    """What was accepted is wanted in the broker, with the password that the acceptance drew."""
    for one in snapshot.registrations.values():
        if one.status is not ACCEPTED:
            continue
        account = snapshot.accounts.get(device_username(one.tenant, one.id))
        if account is None or not account.wanted:
            yield f"{one.id} is accepted and no account is wanted for it"
        elif (account.seed, account.key_id) != (one.seed, one.key_id):
            yield f"{one.id} was accepted with another password than its account has"


def a_device_has_an_account(snapshot: Snapshot) -> Iterator[str]:
    """Whatever stands in the inventory can log in."""
    for device in snapshot.devices.values():
        account = snapshot.accounts.get(device_username(device.tenant, device.id))
        if account is None or not account.wanted:
            yield f"{device.id} is a device and no account is wanted for it"


def an_account_belongs_to_somebody(snapshot: Snapshot) -> Iterator[str]:
    """A wanted account is that of a device, of an accepted registration, of an administrator or an application."""
    for account in snapshot.accounts.values():
        if not account.wanted:
            continue
        if account.tenant not in snapshot.tenants:
            yield f"{account.username} is of {account.tenant}, which is no tenant"
        if account.kind == DEVICE:
            reg = snapshot.registrations.get(account.subject)
            is_accepted = reg is not None and reg.status is ACCEPTED
            if account.username != device_username(account.tenant, account.subject):
                yield f"{account.username} is said to be of {account.subject}"
            if account.subject not in snapshot.devices and not is_accepted:
                yield f"{account.username} belongs to no device and no accepted registration"
        elif account.kind not in {ADMINISTRATOR, APPLICATION} or (account.kind == ADMINISTRATOR and not account.role):
            yield f"{account.username} is of nobody: {account.kind}, role {account.role}"


def what_is_installed_is_noted_everywhere(snapshot: Snapshot) -> Iterator[str]:
    """The account, the registration and the inventory say the same of whether a device can log in."""
    for one in snapshot.registrations.values():
        account = snapshot.accounts.get(device_username(one.tenant, one.id))
        if one.status is not ACCEPTED or account is None or account.seed != one.seed:
            continue
        said = {"account": account.installed, "registration": one.installed, "inventory": snapshot.devices.get(one.id)}
        missing = sorted(name for name, there in said.items() if there is None)
        if missing:
            yield f"{one.id} is accepted and not installed says the {' and the '.join(missing)}"


def nothing_is_left_to_do(snapshot: Snapshot) -> Iterator[str]:
    """At rest no account is to be made, changed or taken away."""
    for account in snapshot.accounts.values():
        if not account.wanted:
            yield f"{account.username} is still to be taken away"
        elif account.installed is None:
            yield f"{account.username} is still to be made"
        elif account.revisit:
            yield f"{account.username} is still to be looked at"


def every_password_can_be_had_again(snapshot: Snapshot) -> Iterator[str]:
    """What the rows keep is enough to make an account anew."""
    for username, account in snapshot.accounts.items():
        if account.wanted and snapshot.passwords.get(username) is None:
            yield f"the password of {username} can neither be derived nor decrypted"


# The rows and the broker.


def every_account_is_in_the_broker(snapshot: Snapshot) -> Iterator[str]:
    """The broker has each wanted account as the rows say: password, client id, grants, not locked."""
    for username, wanted in snapshot.wanted.items():
        there = snapshot.broker.get(username)
        if there is None:
            yield f"{username} is lacking in the broker"
        elif there != wanted:
            yield f"{username} is in the broker as {there}, not as {wanted}"


def the_broker_has_no_account_without_a_row(snapshot: Snapshot) -> Iterator[str]:
    """Nobody logs in with an account that the bridge made and no row knows; nor is a role of such a one left."""
    for username, account in snapshot.broker.items():
        if account.ours and username not in snapshot.wanted:
            yield f"{username} is in the broker and in no row"
    names = {role_name(username) for username in snapshot.wanted}
    for role in snapshot.broker_roles:
        if role.startswith(role_name("")) and role not in names and role not in snapshot.others_roles:
            yield f"the role {role} is in the broker and in no row"


def nothing_foreign_is_touched(snapshot: Snapshot) -> Iterator[str]:
    """Accounts and roles that somebody else made, and the bridge's own services, are as they were."""
    for username, account in snapshot.others.items():
        if snapshot.broker.get(username) != account:
            yield f"{username} was {account} and is {snapshot.broker.get(username)}"
    for role, granted in snapshot.others_roles.items():
        if snapshot.broker_roles.get(role) != granted:
            yield f"the role {role} grants something else now"
    for username, account in snapshot.broker.items():
        if not account.ours and username not in snapshot.others:
            yield f"{username} is there and nobody knows who made it"


# Who can log in.


def a_wanted_account_logs_in(snapshot: Snapshot) -> Iterator[str]:
    """The password that the rows come to lets its owner in."""
    for one in snapshot.attempts:
        wanted = snapshot.wanted.get(one.username)
        is_owner = wanted is not None and one.client_id == wanted.client_id
        if is_owner and one.password == snapshot.passwords.get(one.username) and not one.worked:
            yield f"{one.username} cannot log in with the password that its row comes to"


def no_other_login_works(snapshot: Snapshot) -> Iterator[str]:
    """An earlier password, an account that was taken away, a client id of another: none of them lets anybody in."""
    for one in snapshot.attempts:
        wanted = snapshot.wanted.get(one.username)
        if not one.worked or one.username in snapshot.others:
            continue
        if wanted is None:
            yield f"{one.username} logs in and is wanted by no row"
        elif one.password != snapshot.passwords.get(one.username):
            yield f"{one.username} logs in with a password that is not its own any more"
        elif wanted.client_id is not None and one.client_id != wanted.client_id:
            yield f"{one.username} logs in under the client id {one.client_id}"


def no_password_opens_two_accounts(snapshot: Snapshot) -> Iterator[str]:
    """Passwords that the bridge made are each account's own; what people choose is theirs to decide."""
    owners: dict[str, list[str]] = defaultdict(list)
    for username, account in snapshot.accounts.items():
        password = snapshot.passwords.get(username)
        if password is not None and account.wanted and account.secret is None:
            owners[password].append(username)
    for usernames in owners.values():
        if len(usernames) > 1:
            yield f"{' and '.join(sorted(usernames))} have the same password"


def _records(snapshot: Snapshot) -> list[Registration | Device]:
    return [*snapshot.registrations.values(), *snapshot.devices.values()]


def _accounts_of_devices(snapshot: Snapshot) -> list[Account]:
    return [account for account in snapshot.accounts.values() if account.kind == DEVICE and account.wanted]


INVARIANTS: Final[dict[str, Invariant]] = {
    invariant.__name__: invariant
    for invariant in (
        a_status_and_what_it_rests_on_agree,
        a_claim_is_kept_once,
        the_counts_are_those_of_the_rows,
        an_id_has_one_tenant,
        a_group_that_is_named_exists,
        an_accepted_device_has_an_account,
        a_device_has_an_account,
        an_account_belongs_to_somebody,
        what_is_installed_is_noted_everywhere,
        nothing_is_left_to_do,
        every_password_can_be_had_again,
        every_account_is_in_the_broker,
        the_broker_has_no_account_without_a_row,
        nothing_foreign_is_touched,
        a_wanted_account_logs_in,
        no_other_login_works,
        no_password_opens_two_accounts,
        *PROMISES,
    )
}
"""All invariants by their names."""
