"""The file of a backup is read without believing it: what is not exactly as it was written is refused, early."""

import gc
import gzip
import io
import sys
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.backups import BackupFault
from bridge.backups.archive import Reader, Writer, draft, place

Alter = Callable[[tarfile.TarInfo], None]


def packed(*files: tuple[str, bytes], alter: Alter = lambda header: None) -> bytes:
    """Pack as somebody else does, who may do as he likes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            alter(header)
            archive.addfile(header, io.BytesIO(content))
    return raw.getvalue()


def reader(raw: bytes) -> Reader:
    return Reader(io.BytesIO(raw), "one.backup")


def test_what_was_packed_is_unpacked_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "one"
    contents = {"a": b"", "b": b"x" * 512, "c": b"y" * 3_000_001}
    with Writer(path, 0) as writer:
        for name, content in contents.items():
            writer.add(name, len(content), io.BytesIO(content))
    assert path.stat().st_mode & 0o777 == 0o600
    found = reader(path.read_bytes())
    for name, content in contents.items():
        assert found.next(name, len(content)) == len(content)
        assert b"".join(found.content(len(content))) == content
    found.end()


def test_what_is_broken_off_writes_nothing_more_and_says_nothing_of_it(tmp_path: Path) -> None:
    """tarfile writes its last block when it is collected: what cannot be raised there is shown to people."""
    path = tmp_path / "one"
    unraisable: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda found: unraisable.append(found.exc_value)

    def broken_off() -> None:
        with Writer(path, 0) as writer:
            writer.add("a", 2, io.BytesIO(b"aa"))
            raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            broken_off()
        size = path.stat().st_size
        gc.collect()
    finally:
        sys.unraisablehook = before
    assert unraisable == []
    assert path.stat().st_size == size


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_plain_files_are_taken(kind: bytes) -> None:
    def alter(header: tarfile.TarInfo) -> None:
        header.type, header.linkname, header.size = kind, "/etc/shadow", 0

    with pytest.raises(BackupFault, match="not to be trusted"):
        reader(packed(("bridge/keys.json", b""), alter=alter)).next("bridge/keys.json", 0)


@pytest.mark.parametrize("name", ["../keys.json", "/etc/passwd", "bridge/other.json", "bridge/keys.json/", "x" * 200])
def test_another_name_than_the_expected_is_refused(name: str) -> None:
    with pytest.raises(BackupFault, match=r"where bridge/keys\.json should be"):
        reader(packed((name, b"x"))).next("bridge/keys.json", 1)


def test_an_extension_of_any_size_is_refused_before_it_is_read() -> None:
    """tar's own readers take such a header into memory, however large: here it costs a block."""
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb") as file:
        header = tarfile.TarInfo("pax")
        header.type, header.size = tarfile.XHDTYPE, 2_000_000_000
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(200):
            file.write(bytes(1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(BackupFault, match="not to be trusted"):
            reader(bomb.getvalue()).next("manifest.json", most=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_another_size_than_the_expected_is_refused() -> None:
    with pytest.raises(BackupFault, match="another size"):
        reader(packed(("a", b"four"))).next("a", 3)
    with pytest.raises(BackupFault, match="another size"):
        reader(packed(("a", b"four"))).next("a", most=3)


def taken(raw: bytes) -> bytes:
    """Unpack the one file of CONTENT, to the end."""
    found = reader(raw)
    found.next("a", len(CONTENT))
    content = b"".join(found.content(len(CONTENT)))
    found.end()
    return content


CONTENT = bytes(range(256)) * 40


def test_a_file_that_is_cut_off_is_refused_wherever_that_is() -> None:
    whole = packed(("a", CONTENT))
    assert taken(whole) == CONTENT
    for length in range(len(whole)):
        with pytest.raises(BackupFault, match=r"cut off|no backup"):
            taken(whole[:length])


def test_a_file_that_is_damaged_is_refused_or_unharmed() -> None:
    """Harmless are some bits of gzip's header alone, as the time in it."""
    whole = packed(("a", CONTENT))
    unharmed = []
    for number in range(len(whole)):
        raw = bytearray(whole)
        raw[number] ^= 0x55
        try:
            assert taken(bytes(raw)) == CONTENT
        except BackupFault:
            continue
        unharmed.append(number)
    assert set(unharmed) <= set(range(3, 10))


@pytest.mark.parametrize(
    "raw",
    [b"", b"no gzip", gzip.compress(b""), gzip.compress(b"x" * 5_000), bytes(10_000)],
    ids=["empty", "no gzip", "nothing packed", "no tar", "zeros"],  # packed bytes hold the time
)
def test_what_is_no_backup_at_all_is_refused(raw: bytes) -> None:
    with pytest.raises(BackupFault, match=r"no backup|cut off"):
        reader(raw).next("manifest.json", most=1_000)


def test_more_than_the_manifest_says_is_refused() -> None:
    found = reader(packed(("a", b"x"), ("b", b"x")))
    found.next("a", 1)
    assert b"".join(found.content(1)) == b"x"
    with pytest.raises(BackupFault, match="more than its manifest says"):
        found.end()


def test_a_draft_is_private_and_goes_whatever_happens(tmp_path: Path) -> None:
    def break_off() -> None:
        with draft(tmp_path / "one") as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_the_draft_of_another_that_is_at_work_stays(tmp_path: Path) -> None:
    with draft(tmp_path / "one") as first:
        with draft(tmp_path / "one") as second:
            assert first != second
        assert first.exists()


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    made, file = tmp_path / "made", tmp_path / "one"
    made.write_text("new")
    file.write_text("old")
    with pytest.raises(BackupFault, match="has come meanwhile"):
        place(made, file, force=False)
    assert file.read_text() == "old"
    place(made, file, force=True)
    assert file.read_text() == "new"
