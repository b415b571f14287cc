"""The doctor on files: owners, modes, the accounts file, what still lies about. Reads, never repairs."""

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge import brokers, dynsec_file, mosquitto_acl
from bridge.beside_fit import OUR_SERVICES, BesideFault, password_users, read_text
from bridge.children import barred_folder
from bridge.doctor.finding import Finding, Says, Subject

MANY_ACCOUNTS: Final = 3_000
"""Accounts from which on Mosquitto 2.0, which writes its whole file for each change, holds everybody up for long."""
_OTHERS: Final = 0o077
_WITHOUT_ENTERING: Final = 0o066


def modes(subject: Subject) -> Iterator[Finding]:
    """Nobody but its owner reads a file of the installation, and each belongs to whom it should."""
    says, folder = Says("owners and modes"), subject.folder
    if subject.files_group is not None:
        return  # who may reach what is looked at as before each start, which knows the group
    found = [*_outside(subject, says)]
    for part in (folder.bridge, folder.bootstrap, folder.operations):
        found += _inside(part, says) if part.exists() else []
    found += _broker_user(subject, says)
    yield from found or [says.ok("each file is its owner's alone")]


def _outside(subject: Subject, says: Says) -> Iterator[Finding]:
    folder = subject.folder
    yield from _loose(folder.path, says, _WITHOUT_ENTERING)
    yield from _loose(folder.for_devices, says)
    if subject.accounts_path.parent.absolute() != folder.operations.absolute():
        yield from _loose(subject.accounts_path, says)


def _inside(part: Path, says: Says) -> Iterator[Finding]:
    yield from _loose(part, says)
    try:
        paths = sorted(part.iterdir())
    except OSError as error:
        yield says.advice(f"{part} cannot be looked into: {error.strerror}", "run the doctor as root")
        return
    owner = part.stat().st_uid
    for path in paths:
        yield from _loose(path, says)
        if path.stat().st_uid != owner:
            yield says.problem(
                f"{path} belongs to {_name(path.stat().st_uid)}, its folder to {_name(owner)}",
                f"chown {_name(owner)} {path}",
            )


def _loose(path: Path, says: Says, forbidden: int = _OTHERS) -> Iterator[Finding]:
    if path.exists() and (mode := stat.S_IMODE(path.stat().st_mode)) & forbidden:
        yield says.problem(
            f"{path} has mode {mode:04o}: others on this machine can reach what is secret",
            f"chmod go-{'rw' if forbidden == _WITHOUT_ENTERING else 'rwx'} {path}",
        )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _broker_user(subject: Subject, says: Says) -> Iterator[Finding]:
    """Started by root, Mosquitto becomes another user, who must be able to rewrite the accounts file."""
    if os.geteuid() != 0 or subject.operations is None or not subject.accounts_path.exists():
        return
    user = subject.operations.user
    if user in {one.pw_name for one in pwd.getpwall()}:
        barred = barred_folder(subject.accounts_path, pwd.getpwnam(user))
        if user != "root" and barred is not None:
            yield says.problem(
                f"a broker that root starts runs as {user}, who cannot enter {barred}", f"chmod o+x {barred}"
            )
    owner = _name(subject.accounts_path.stat().st_uid)
    if owner == "root" and user != "root":
        yield says.problem(
            f"{subject.accounts_path} belongs to {owner}, but a broker that root starts runs as {user}",
            f"chown {user} {subject.accounts_path} {subject.accounts_path.parent}",
        )


def access_file(subject: Subject) -> Iterator[Finding]:
    """The first administrators' passwords lie in one file, which may be deleted."""
    says, path = Says("access.json"), subject.folder.access
    if not path.exists():
        yield says.ok("not there: the first administrators' passwords lie in no file")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        yield says.problem(
            f"it holds the first administrators' passwords and others may read it (mode {mode:04o})",
            f"chmod 600 {path}, and give these administrators new passwords",
        )
    else:
        yield says.ok("only its owner reads the first administrators' passwords")


def gate_rights(subject: Subject) -> Iterator[Finding]:
    """The bootstrap broker's ACL is the one that `init` writes."""
    if subject.made is None or not subject.folder.bootstrap.exists():
        return
    says, path = Says("bootstrap broker rights"), subject.folder.bootstrap / "acl"
    try:
        same = read_text(path) == brokers.bootstrap_acl(subject.made.topics.prefix)
    except BesideFault as error:
        yield says.problem(str(error), "run bootstrap-bridge init again")
        return
    if same:
        yield says.ok("a caller may send its own call and hear its own answer")
    else:
        yield says.problem(f"{path} is not as init writes it", "run bootstrap-bridge init again, restart that broker")


def accounts(subject: Subject) -> Iterator[Finding]:
    """Dynamic security: closed defaults, the bridge's own logins, nobody else on the bridge's topics."""
    content = subject.accounts
    if content is None or subject.made is None:
        return
    says = Says("accounts")
    fault = dynsec_file.defaults_fault(content)
    if fault is not None:
        yield says.problem(f"{subject.accounts_path}: {fault.partition('. ')[0]}", fault.partition(". ")[2])
    missing = OUR_SERVICES - dynsec_file.usernames(content)
    if missing:
        yield says.problem(
            f"{subject.accounts_path} lacks the bridge's own logins {', '.join(sorted(missing))}",
            "is it another installation's? Run init again with the broker stopped, or restore it",
        )
    families = mosquitto_acl.families(subject.made.topics.prefix)
    found = dynsec_file.openings(content, families)
    for one in found:
        speaks = one.sends and one.holders
        make = says.problem if speaks else says.advice
        yield make(
            one.words,
            f"whoever has it could speak on {one.family} as somebody else: take it away"
            if speaks
            else f"it reaches {one.family}: take it away (mosquitto_ctrl dynsec removeRoleACL) or delete the role",
        )
    for aside in subject.folder.damaged:
        yield says.advice(
            f"{aside} was in the place of the broker's accounts, and had to be put right",
            "make again what you made there by hand, and delete it, with the .json.pw of Mosquitto 2.1 beside it",
        )
    if fault is None and not missing and not found:
        yield says.ok(
            f"{len(content.get('clients', []))} accounts, closed defaults, nobody else on the bridge's topics"
        )


def others_rules(subject: Subject) -> Iterator[Finding]:
    """Beside others' users: their ACL keeps them off the bridge's topics, no account of ours shadows them."""
    configuration = subject.operations
    if configuration is None or subject.made is None:
        return
    says = Says("others' rights")
    families = (*mosquitto_acl.families(subject.made.topics.prefix), mosquitto_acl.CONTROL)
    acl = configuration.file("acl_file")
    try:
        rules = [] if acl is None else mosquitto_acl.rules(read_text(acl))
        users = set(password_users(configuration))
    except BesideFault as error:
        yield says.problem(str(error), "the broker needs it too: restore it, or run the doctor as root")
        return
    opened = mosquitto_acl.openings(rules, families)
    for rule in opened:
        reach = ", ".join(mosquitto_acl.reached(rule, families))
        yield says.problem(
            f"{acl}:{rule.number}: `{rule.line}` lets {rule.whom} into {reach}",
            f"run bootstrap-bridge init --beside {configuration.path} again, which adds the denials",
        )
    shadowed = sorted(users & dynsec_file.usernames(subject.accounts or {}))
    if shadowed:
        yield says.problem(
            f"{', '.join(shadowed)}: in the password file and an account of the plugin, which is asked first",
            "the user of the password file cannot log in: give one of both another name",
        )
    if subject.is_beside and not opened and not shadowed:
        yield says.ok(f"none of the {len(users)} users of the password file reaches the bridge's topics")


def account_file_size(subject: Subject, version: tuple[int, ...] | None) -> Iterator[Finding]:
    """Mosquitto 2.0 writes the whole file for each change and serves nobody meanwhile."""
    if subject.accounts is None:
        return
    says = Says("accounts file")
    number = len(subject.accounts.get("clients", []))
    size = subject.accounts_path.stat().st_size
    found = f"{number} accounts, {size / 1e6:.1f} MB"
    if number > MANY_ACCOUNTS and (version is None or version < (2, 1)):
        yield says.advice(
            f"{found}: Mosquitto 2.0 writes all of it for each change and serves nobody meanwhile",
            "Mosquitto 2.1 writes once for a whole message: upgrade, or spread devices over several installations",
        )
    else:
        yield says.ok(found)
