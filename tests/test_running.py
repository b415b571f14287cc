"""Commands on a folder that others change at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bridge import authority, installation, locks, running
from bridge.clock import clock
from bridge.facts import Tls
from bridge.settings import Settings


def test_renewing_certificates_takes_no_bootstrap_login_back_that_was_rotated_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    made = installation.make(data, tls=Tls(on=True))
    authority.keep(made, clock())

    @contextmanager
    def rotated_while_we_waited(data: Path) -> Iterator[None]:
        replace(made, facts=made.facts.model_copy(update={"bootstrap_username": "devicebootstrap-2"})).write_facts()
        with locks.changed_alone(data):
            yield

    monkeypatch.setattr(running, "changed_alone", rotated_while_we_waited)
    running.run_renew(Settings(data=data, tls_name="broker.example.com"), next_authority=False, switch_authority=False)
    facts = installation.load(data).facts
    assert (facts.bootstrap_username, facts.tls.names) == ("devicebootstrap-2", ["broker.example.com"])
    assert not made.folder.access.exists(), "each night the passwords that somebody took away would be there again"
