"""The doctor on what is looked at before each start too, and on the bootstrap logins. Reads, never repairs."""

from collections.abc import Iterator

from bridge import brokers, file_modes
from bridge.clock import clock
from bridge.doctor.finding import Finding, Says, Subject
from bridge.folder import InstallationFault


def start(subject: Subject) -> Iterator[Finding]:
    """`up` and `serve` would start as far as owners, modes, links and the folders above go."""
    says = Says("who can reach secrets")
    bridge = subject.folder.bridge if subject.folder.bridge.exists() else subject.folder.path
    try:
        found = list(file_modes.openings(subject.folder.path, me=bridge.stat().st_uid, group=subject.files_group))
    except InstallationFault as error:
        yield says.problem(str(error), "name a group that is there")
        return
    for one in found:
        make = says.advice if one.do is file_modes.Do.WARN else says.problem
        refused = ": the bridge does not start so" if one.do is file_modes.Do.REFUSE else ""
        yield make(f"{one.found}{refused}", one.command)
    if not found:
        yield says.ok("nothing keeps `up` or `serve` from starting, and nobody else can swap files")


def bootstrap_logins(subject: Subject) -> Iterator[Finding]:
    """Who knows the bootstrap broker's logins: one, or two for a time, and nobody else."""
    made = subject.made
    if made is None or not made.folder.passwords.exists():
        return
    says, facts = Says("bootstrap login"), made.facts
    known = {facts.bootstrap_username, facts.gate.username, *(one.username for one in facts.earlier_logins)}
    fine = True
    for one in facts.earlier_logins:
        fine = False
        if one.end > clock():
            yield says.advice(
                f"{one.username} and {facts.bootstrap_username} are valid until {one.until}",
                "bootstrap-bridge rotate-bootstrap-password --end-overlap ends the first sooner",
            )
        else:
            yield says.problem(
                f"{one.username} should have ended at {one.until}, and the bridge could not end it",
                "bootstrap-bridge rotate-bootstrap-password --end-overlap, as root; then reload the bootstrap broker",
            )
    others = sorted(brokers.users_of(made.folder.passwords.read_bytes()) - known - {""})
    if others:
        fine = False
        yield says.advice(
            f"{', '.join(others)} can call too: not the bridge's, or a login that was ended and came back",
            f"take the lines out of {made.folder.passwords} unless they are yours, and reload that broker",
        )
    if fine:
        yield says.ok(f"{facts.bootstrap_username} alone")
