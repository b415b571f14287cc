"""The doctor on the brokers' configurations, compared with the templates and their reasons."""

from collections.abc import Iterator
from pathlib import Path

from bridge import broker_advice
from bridge.doctor.finding import Finding, Says, Subject
from bridge.mosquitto_conf import Configuration

_BAD_AT_THE_GATE = frozenset({"allow_anonymous", "persistence"})
"""Settings whose difference is no matter of taste at the bootstrap broker."""


def settings(subject: Subject) -> Iterator[Finding]:
    """Queue, packet and memory limits as the templates have them."""
    for name, configuration, template in (
        ("operations", subject.operations, broker_advice.OPERATIONS),
        ("bootstrap", subject.bootstrap, broker_advice.BOOTSTRAP),
    ):
        if configuration is None:
            continue
        says = Says(f"{name} broker settings")
        found = broker_advice.differences(configuration, template)
        for one in found:
            bad = name == "bootstrap" and one.word in _BAD_AT_THE_GATE
            make = says.problem if bad else says.advice
            yield make(
                f"{one.word} is {one.found or 'not set'}",
                f"{one.word} {one.wanted} in {configuration.path}: {one.reason}",
            )
        if name == "operations" and configuration.allows_anonymous:
            yield _anonymous(subject, configuration, says)
        elif configuration.allows_anonymous and not any(one.word == "allow_anonymous" for one in found):
            yield says.problem(
                "listener_allow_anonymous is true for a listener", f"take it away in {configuration.path}"
            )
        elif not found:
            yield says.ok(f"{configuration.path} is as it should be")


def _anonymous(subject: Subject, configuration: Configuration, says: Says) -> Finding:
    if subject.is_beside:
        return says.advice(
            "allow_anonymous is true: clients without a login get in, the ACL keeps them off the bridge's topics",
            "give each of them a login when you can",
        )
    return says.problem("allow_anonymous is true", f"allow_anonymous false in {configuration.path}")


def plugin(subject: Subject) -> Iterator[Finding]:
    """The operations broker loads the dynamic security plugin with the accounts that the bridge fills."""
    configuration = subject.operations
    if configuration is None:
        return
    says = Says("plugin")
    found = configuration.dynamic_security
    if configuration.value("per_listener_settings") == "true":
        yield says.problem(
            "per_listener_settings is true: users of other listeners come past the plugin",
            f"per_listener_settings false in {configuration.path}",
        )
    elif found is None:
        yield says.problem(f"{configuration.path} does not load the dynamic security plugin", "run init again")
    elif Path(found.options.get("config_file", "")).absolute() != subject.accounts_path.absolute():
        yield says.problem(
            f"{found.line.place}: the plugin reads {found.options.get('config_file', 'no file')}, the bridge's "
            f"accounts are in {subject.accounts_path}",
            "run init again",
        )
    else:
        yield says.ok("loaded, with the accounts that the bridge fills")


def encryption(subject: Subject) -> Iterator[Finding]:
    """Passwords do not travel in clear to where others can listen."""
    for name, configuration in (("operations", subject.operations), ("bootstrap", subject.bootstrap)):
        if configuration is None:
            continue
        says = Says("encryption")
        open_ = [one for one in configuration.listeners if not one.is_loopback and not one.is_encrypted]
        said = subject.made is not None and subject.made.facts.plain_on_the_network
        for one in open_:
            found = f"the {name} broker listens at {one.at} without TLS: passwords can be read on the way"
            if said:
                yield says.advice(f"{found}, as was wished (--plain-on-the-network)", "init --tls ends that")
            else:
                yield says.problem(found, "init --tls, or let it listen at 127.0.0.1 alone")
        if not open_ and all(one.is_encrypted for one in configuration.listeners):
            yield says.ok(f"the {name} broker speaks TLS alone")
        elif not open_:
            yield says.ok(f"the {name} broker is reached without TLS from this machine alone")
