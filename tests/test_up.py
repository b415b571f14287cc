"""What `up` does before it starts anything."""

import errno
import os
from pathlib import Path

import pytest

from bridge import authority, up
from bridge.certificates import DAY
from bridge.clock import clock
from bridge.facts import Tls
from bridge.installation import make


def test_a_full_disk_keeps_no_certificate_that_serves_still_from_being_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(tmp_path / "data", tls=Tls(on=True))

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(authority, "write_private", full)
        with pytest.raises(OSError, match="No space"):
            up.begin_certificates(made)
    authority.keep(made, clock() - 380 * DAY)
    before = {path: path.read_bytes() for path in made.folder.server_files.values()}
    with monkeypatch.context() as patched:
        patched.setattr(authority, "write_private", full)
        up.begin_certificates(made)
    assert {path: path.read_bytes() for path in before} == before
    up.begin_certificates(made)
    assert {path: path.read_bytes() for path in before}.items().isdisjoint(before.items())
