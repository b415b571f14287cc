"""A manifest is taken as it is written, by this version or an older one, and refused in words otherwise."""

import json
from typing import Any

import pytest

from bridge.backups import BackupFault, contents, manifest
from bridge.backups.manifest import Manifest, Member


def content(**changes: Any) -> bytes:
    made = Manifest(
        format=1,
        program="0.1.0",
        at="2026-01-01T00:00:00.000Z",
        database="sqlite",
        schema_version="0002",
        counts={"devices": 1},
        key="k1",
        needed=["k1"],
        checks={"k1": "00"},
        digests="00",
        keys_inside=True,
        members=[Member(name="bridge/keys.json", size=1, sha256="0" * 64)],
    )
    value = json.loads(made.written())
    value.update(changes)
    return json.dumps(value).encode()


def member(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "size": 1, "sha256": "0" * 64, "sealed": False, **changes}


def test_what_was_written_is_read() -> None:
    found = manifest.read(content())
    assert (found.total, found.members[0].name) == (1, "bridge/keys.json")
    assert manifest.read(found.written()) == found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2, "program": "3.0"}, "format 2, made by bootstrap-bridge 3.0; this version knows 1"),
        ({"format": "1"}, "not as it should be: format"),
        ({"surprise": 1}, "not as it should be: surprise"),
        ({"members": [member("bridge/keys.json", size=-1)]}, "not as it should be"),
        ({"members": [member("bridge/keys.json", sha256="x" * 64)]}, "not as it should be"),
        ({"members": [member("bridge/keys.json")] * 2}, "a file twice"),
        ({"members": [member("bridge/keys.json")] * 1_001}, "not as it should be: members"),
        ({"key": "k2"}, "contradicts itself"),
        ({"needed": ["k1", "k2"]}, "contradicts itself"),
    ],
)
def test_another_one_is_refused_with_its_reason(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BackupFault) as refused:
        manifest.read(content(**changes))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "bridge/../../x",
        "bridge/sub/x",
        "bridge/.ssh",
        "bridge/..",
        "bridge/",
        "bridge",
        "access.json",
        "other/x",
        "bridge/registrations.db-wal",
        "bridge/lock",
        "bridge/registrations.db.lock",
        "operations-broker/mosquitto.db",
        "bridge/a\nb",
        "bridge/" + "x" * 81,
        "restore-under-way.json",
        "",
    ],
)
def test_a_name_that_no_backup_has_is_refused(name: str) -> None:
    assert not contents.is_packed(name)
    with pytest.raises(BackupFault, match=r"no file of an installation: it is not to be trusted"):
        manifest.read(content(members=[member(name)]))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, b'{"format":true}'])
def test_what_is_no_manifest_is_refused(raw: bytes) -> None:
    with pytest.raises(BackupFault, match="manifest"):
        manifest.read(raw)


@pytest.mark.parametrize("name", ["bridge/registrations.db", "bridge/ca.key", "ca.pem", "operations-broker/server.pem"])
def test_what_belongs_to_an_installation_is_packed(name: str) -> None:
    assert contents.is_packed(name)
