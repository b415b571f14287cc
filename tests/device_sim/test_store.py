"""Memories on disk."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.memory import Approach, Call, Credentials, Form, Memory
from device_sim.names import device_id_fault
from device_sim.sealing import new_private_key
from device_sim.store import StateError, StateStore

APPROACH = Approach("fresh-client-id-of-thirty-2-char", token="LABEL", private_key=new_private_key())
WAITING = Memory("pump-7", APPROACH)
OWNER = Memory(
    "pump-7", APPROACH, Credentials(tenant="t1", username="t1/device_pump-7", password="secret", client_id="pump-7")
)


def opened(directory: Path) -> StateStore:
    """Return a store whose directory is there."""
    store = StateStore(directory)
    with store.locked():
        return store


@pytest.mark.parametrize(
    "memory",
    [
        WAITING,
        OWNER,
        Memory("Wärmepumpe-7", Approach("Wärmepumpe-7", Call.PLAIN, Form.LINE)),
        replace(OWNER, device_id="ポンプ" * 85),
    ],
    ids=["waiting", "with credentials", "plain line", "long and not ASCII"],
)
def test_a_memory_comes_back_as_it_was(tmp_path: Path, memory: Memory) -> None:
    store = opened(tmp_path / "state")
    assert store.load(memory.device_id) is None
    store.save(memory)
    assert StateStore(tmp_path / "state").load(memory.device_id) == memory
    assert store.memories() == [memory]


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    store = opened(tmp_path / "new" / "state")
    store.save(OWNER)
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.path("pump-7").parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.path("pump-7").stat().st_mode) == 0o600


@given(st.text(min_size=1, max_size=255).filter(lambda text: device_id_fault(text) is None))
def test_every_device_id_has_a_file_name_that_every_file_system_takes(device_id: str) -> None:
    path = StateStore(Path("state")).path(device_id)
    assert path.parent == Path("state/devices")
    assert path.name.isascii()
    assert len(path.name) <= 80
    assert not path.name.startswith(".")


def test_ids_that_look_alike_have_files_of_their_own() -> None:
    store = StateStore(Path("state"))
    assert len({store.path(device_id) for device_id in ("a.b", "a_b", "a:b", "A_b", "x" * 40, "x" * 41)}) == 6


def test_a_write_that_fails_leaves_the_old_memory_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    store.save(WAITING)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("device_sim.store.os.fsync", full)
    with pytest.raises(StateError, match="No space left"):
        store.save(OWNER)
    assert store.load("pump-7") == WAITING
    assert len(list((tmp_path / "devices").iterdir())) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "version 2"),
        ({"clientId": "short"}, "client id"),
        ({"privateKey": "AAAA"}, "32 bytes"),
        ({"privateKey": "+"}, "base64url"),
        ({"deviceId": "a/b"}, "device id"),
        ({"call": "loud"}, "damaged"),
        ({"credentials": {"password": "secret"}}, "Field required"),
    ],
)
def test_a_damaged_file_is_named_with_its_reason_and_without_secrets(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    store = opened(tmp_path)
    store.save(OWNER)
    path = store.path("pump-7")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(StateError, match=reason) as caught:
        store.load("pump-7")
    assert str(path) in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_cut_off_in_the_middle_is_damaged(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.save(OWNER)
    store.path("pump-7").write_bytes(store.path("pump-7").read_bytes()[:50])
    with pytest.raises(StateError, match="begins anew"):
        store.memories()


def test_two_simulators_cannot_work_on_one_directory(tmp_path: Path) -> None:
    first, second = StateStore(tmp_path), StateStore(tmp_path)
    with first.locked(), pytest.raises(StateError, match="another device-sim"), second.locked():
        pass
    with second.locked():
        assert second.memories() == []


def test_a_directory_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used"), StateStore(tmp_path / "file").locked():
        pass
