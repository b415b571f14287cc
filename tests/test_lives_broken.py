"""What a life notices: a bridge that is broken on purpose is found out by what finds nothing in the real one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bridge import control, rules
from bridge.accounts import Login
from bridge.decisions import Confirm, Decision
from bridge.registration import Registration
from bridge.transaction import Transaction
from tests.lives.house import FragileAccounts
from tests.test_lives import Lives, lives

__all__ = ["lives"]

Patch = Callable[[pytest.MonkeyPatch], None]
REAL = rules.decide


async def nothing(*arguments: Any, **named: Any) -> None:
    """Do nothing."""


def forgets_answers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(control.Control, "_remember", nothing)


def forgets_the_audit(patch: pytest.MonkeyPatch) -> None:
    real = Transaction.audit

    async def audit(self: Transaction, entries: Any) -> None:
        await real(self, entries[:1])

    patch.setattr(Transaction, "audit", audit)


def leaves_accounts_in_the_broker(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FragileAccounts, "remove", nothing)


def installs_other_passwords(patch: pytest.MonkeyPatch) -> None:
    real = FragileAccounts.install

    async def install(self: FragileAccounts, logins: list[Login]) -> None:
        await real(self, logins[:-1])

    patch.setattr(FragileAccounts, "install", install)


def confirms_what_is_not_installed(patch: pytest.MonkeyPatch) -> None:
    def decide(registration: Registration | None, command: Any, **how: Any) -> Decision:
        decision = REAL(registration, command, **how)
        if isinstance(command, Confirm) and registration is not None and registration.confirmed is None:
            assert decision.after is not None
            return Decision(replace(decision.after, confirmed=how["now"]))
        return decision

    patch.setattr("bridge.batch.decide", decide)


def tells_the_world_whose_token_it_was(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "same", lambda one, other: True)


BROKEN: list[Patch] = [
    forgets_answers,
    forgets_the_audit,
    leaves_accounts_in_the_broker,
    installs_other_passwords,
    confirms_what_is_not_installed,
    tells_the_world_whose_token_it_was,
]


@pytest.mark.long
@pytest.mark.parametrize("breaking", BROKEN)
def test_a_bridge_that_is_broken_is_found_out(
    breaking: Patch, lives: type[Lives], monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch)
    search = settings(max_examples=20, stateful_step_count=50, phases=[Phase.generate])
    with pytest.raises(Exception):  # noqa: B017, PT011 - of whatever kind
        run_state_machine_as_test(lives, settings=search)
