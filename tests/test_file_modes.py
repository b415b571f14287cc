"""Who may reach the secret files: what is refused, what is closed, and what may be."""

import os
from pathlib import Path

import pytest

from bridge.file_modes import TABLE, Do, close, openings, refuse_open
from bridge.folder import InstallationFault
from bridge.installation import make

REFUSED = ("bridge/keys.json", "bridge/installation.json")
CLOSED = ("bridge/registrations.db", "bridge/registrations.db-wal", "access.json", "bootstrap.json")
OF_BROKERS = ("bootstrap-broker/passwords", "operations-broker/dynamic-security.json")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    make(folder).write_access()
    for name in ("registrations.db", "registrations.db-wal"):
        (folder / "bridge" / name).touch(0o600)
    return folder


def test_a_fresh_installation_is_closed(data: Path) -> None:
    assert list(openings(data)) == []
    assert close(data) == []


def test_a_folder_that_is_not_there_is_nothing_to_refuse(tmp_path: Path) -> None:
    assert close(tmp_path / "none") == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o660, 0o644, 0o666])
@pytest.mark.parametrize("name", REFUSED)
def test_what_decides_who_is_who_is_refused_with_file_mode_and_command(data: Path, name: str, mode: int) -> None:
    path = data / name
    path.chmod(mode)
    with pytest.raises(InstallationFault) as caught:
        close(data)
    for words in (str(path), f"{mode:04o}", f"chmod go-rwx {path}"):
        assert words in str(caught.value)
    assert path.stat().st_mode & 0o777 == mode, "it is not hidden that others may have read it"


@pytest.mark.parametrize("name", ["ca.key", "next-ca.key"])
def test_an_authoritys_key_that_others_could_read_is_refused_as_the_master_keys_are(data: Path, name: str) -> None:
    path = data / "bridge" / name
    path.touch(mode=0o600)
    assert close(data) == []
    path.chmod(0o644)
    with pytest.raises(InstallationFault, match=f"{name} has mode 0644"):
        close(data)
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
@pytest.mark.parametrize("name", CLOSED)
def test_what_the_bridge_writes_itself_is_closed_and_told(data: Path, name: str, mode: int) -> None:
    path = data / name
    path.chmod(mode)
    (said,) = close(data)
    assert str(path) in said
    assert "closed now" in said
    assert path.stat().st_mode & 0o777 == 0o600
    assert close(data) == []


@pytest.mark.parametrize("name", OF_BROKERS)
def test_files_of_the_brokers_may_be_read_by_a_group(data: Path, name: str) -> None:
    path = data / name
    path.chmod(0o640)
    assert close(data) == []
    path.chmod(0o664)
    (said,) = close(data)
    assert str(path) in said
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("name", "mode"), [(".", 0o777), (".", 0o720), (".", 0o1777), ("bridge", 0o711)])
def test_a_folder_that_others_may_write_or_enter_is_refused(data: Path, name: str, mode: int) -> None:
    (data / name).chmod(mode)
    with pytest.raises(InstallationFault, match=f"{mode & 0o7777:04o}"):
        refuse_open(data)


@pytest.mark.parametrize("mode", [0o711, 0o755, 0o750])
def test_the_data_folder_may_be_entered_and_looked_into(data: Path, mode: int) -> None:
    data.chmod(mode)
    assert close(data) == []


def test_a_folder_above_that_anybody_may_write_into_is_told(data: Path) -> None:
    above = data.parent
    above.chmod(0o777)
    (said,) = close(data)
    assert f"chmod o-w {above}" in said
    above.chmod(0o1777)
    assert close(data) == [], "in a sticky one nobody replaces what is another's"


def test_a_symbolic_link_counts_as_what_it_leads_to(data: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    keys = data / "bridge" / "keys.json"
    kept = keys.rename(elsewhere / "keys.json")
    keys.symlink_to(kept)
    assert close(data) == []
    kept.chmod(0o644)
    with pytest.raises(InstallationFault, match="0644"):
        close(data)
    kept.chmod(0o600)
    elsewhere.chmod(0o770)
    with pytest.raises(InstallationFault, match=rf"leads to .*chmod go-w {elsewhere}"):
        close(data)


def test_a_link_in_a_brokers_folder_is_told_and_not_followed(data: Path, tmp_path: Path) -> None:
    """The broker's user can put one there; as root we would close a file of the system's."""
    target = tmp_path / "passwd"
    target.write_text("")
    target.chmod(0o644)
    (data / "operations-broker" / "mine").symlink_to(target)
    (said,) = close(data)
    assert "operations-broker/mine has mode 0644" in said
    assert "closed now" not in said
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_link_that_leads_nowhere_is_passed_over(data: Path) -> None:
    keys = data / "bridge" / "keys.json"
    keys.unlink()
    keys.symlink_to(data / "nowhere")
    assert close(data) == []


def test_a_group_that_is_named_is_trusted_as_the_owner_is(data: Path) -> None:
    group = str(os.getgid())
    for path in (data / "bridge" / "keys.json", data / "bridge", data, data / "access.json"):
        path.chmod(path.stat().st_mode | 0o070)
    with pytest.raises(InstallationFault):
        close(data)
    assert close(data, group) == []
    assert (data / "bridge" / "keys.json").stat().st_mode & 0o070 == 0o070
    (data / "bridge" / "keys.json").chmod(0o664)
    with pytest.raises(InstallationFault, match="chmod o-rwx"):
        close(data, group)


def test_a_group_that_is_not_there_is_said(data: Path) -> None:
    with pytest.raises(InstallationFault, match="BOOTSTRAP_BRIDGE_FILES_GROUP"):
        close(data, "no-such-group")


def test_files_of_another_user_are_refused_unless_root_asks(data: Path) -> None:
    """Seen as another user sees them than the one to whom they belong."""
    if os.geteuid() == 0:  # what is root's, root could read anyway: it is no fault
        assert list(openings(data, me=4_711)) == []
        for path in (data, *data.rglob("*")):
            os.chown(path, 4_712, -1)
    found = {one.path for one in openings(data, me=4_711) if one.do is Do.REFUSE}
    assert found == {data, data / "bridge", *(data / name for name in REFUSED)}
    assert list(openings(data, me=0)) == []


def test_each_row_of_the_table_says_what_it_keeps() -> None:
    assert all(row.what and 0 < row.forbidden <= 0o077 for row in TABLE)
    patterns = [row.pattern for row in TABLE]
    assert len(set(patterns)) == len(patterns)
