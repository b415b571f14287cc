"""The file of a backup: tar, gzip, written whole or not at all, and read without believing anything that it says.

Reading looks at one header of 512 bytes at a time: what tar knows beside plain files (links, long names, extensions
of any size) is refused, so that a hostile file takes neither memory nor a place outside the folder.
"""

import fcntl
import gzip
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from bridge.backups import BackupFault

STANDARD: Final = "-"
"""The name of a file that is standard input or output."""
BLOCK: Final = 1 << 20
_LEVEL: Final = 1
"""Of gzip's nine: a database of a million devices is written three times as fast as by the sixth, 15 % larger."""
_TAR: Final = tarfile.BLOCKSIZE
_PADDING: Final = 2 * BLOCK
"""Zeros that may come after the last file."""
_PLAIN: Final = (tarfile.REGTYPE, tarfile.AREGTYPE)


def is_standard(file: Path) -> bool:
    """Tell whether ``file`` stands for standard input or output."""
    return str(file) == STANDARD


@contextmanager
def draft(file: Path) -> Iterator[Path]:
    """Make a private folder beside ``file`` for what is not whole yet, and take it away again, whatever happens.

    Those of backups that were killed are taken away too. Raises OSError.
    """
    parent = Path(tempfile.gettempdir()) if is_standard(file) else file.absolute().parent
    prefix = f".{'stdout' if is_standard(file) else file.name}.draft-"
    for left in parent.glob(f"{prefix}*"):
        _take_away_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _take_away_if_left(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # somebody else's, or gone meanwhile
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return  # another backup is at work there
    finally:
        os.close(descriptor)


def refuse_existing(file: Path, *, force: bool) -> None:
    """Refuse to write over a file. Raises BackupFault."""
    if not is_standard(file) and not force and (file.exists() or file.is_symlink()):
        raise BackupFault(f"{file} is there already: choose another name, or replace it with --force")


def place(made: Path, file: Path, *, force: bool) -> None:
    """Give a whole file, made in a draft, its name, durably. Raises BackupFault if it is taken, OSError."""
    if force:
        made.replace(file)
    else:
        try:
            os.link(made, file)
        except FileExistsError:
            raise BackupFault(f"{file} has come meanwhile: choose another name, or replace it with --force") from None
        except OSError:  # a file system without links
            refuse_existing(file, force=False)
            made.replace(file)
    sync_folder(file.absolute().parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Writer:
    """Packs files, one after the other, into ``path``; None: standard output."""

    def __init__(self, path: Path | None, seconds: int) -> None:
        self._seconds = seconds
        self._own = path is not None
        self._file: BinaryIO = (
            sys.stdout.buffer
            if path is None
            else os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        )
        self._counted = _Counted(self._file)
        self._gzip = gzip.GzipFile("", "wb", _LEVEL, self._counted, mtime=seconds)
        self._tar = tarfile.open(mode="w|", fileobj=self._gzip, format=tarfile.GNU_FORMAT, bufsize=BLOCK)  # noqa: SIM115

    @property
    def written(self) -> int:
        """How many bytes have been written; of the whole file when it is closed."""
        return self._counted.written

    def add(self, name: str, size: int, content: BinaryIO) -> None:
        """Pack one file. Raises OSError."""
        header = tarfile.TarInfo(name)
        header.size, header.mtime, header.mode = size, self._seconds, 0o600
        self._tar.addfile(header, content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._counted.abandon()  # else both go on writing when they are taken away
            self._tar.close()
            self._gzip.close()
            if self._own:
                self._file.close()
            return
        self._tar.close()
        self._gzip.close()
        self._file.flush()
        if self._own:
            os.fsync(self._file.fileno())
            self._file.close()


class _Counted:
    """A file that counts what is written into it: of standard output nobody else knows."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._abandoned, self.written = file, False, 0

    def write(self, block: bytes) -> int:
        if not self._abandoned:
            self._file.write(block)
            self.written += len(block)
        return len(block)

    def flush(self) -> None:
        if not self._abandoned:
            self._file.flush()

    def abandon(self) -> None:
        """Take nothing more."""
        self._abandoned = True


class Reader:
    """Unpacks files in the order in which they lie there. Raises BackupFault for whatever is not as it should be."""

    def __init__(self, file: BinaryIO, called: str) -> None:
        self._gzip = gzip.GzipFile(fileobj=file, mode="rb")
        self._called = called

    def next(self, name: str, size: int | None = None, *, most: int = 0) -> int:
        """Go to the next file, which must be a plain one of this name and size, or of up to ``most`` bytes."""
        raw = self._read(_TAR)
        try:
            header = tarfile.TarInfo.frombuf(raw, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeError, ValueError):
            raise BackupFault(f"{self._called} is no backup of a bootstrap-bridge, or is damaged or cut off") from None
        if header.name != name or header.type not in _PLAIN:
            raise BackupFault(
                f"{self._called} holds {header.name[:100]!r} where {name} should be: it is no backup of a "
                "bootstrap-bridge, or is not to be trusted"
            )
        if header.size != size if size is not None else not 0 <= header.size <= most:
            raise BackupFault(f"{name} in {self._called} has another size than it should: it is not to be trusted")
        return header.size

    def content(self, size: int) -> Iterator[bytes]:
        """Yield the file to which ``next`` went, in blocks."""
        left = size
        while left:
            block = self._read(min(BLOCK, left))
            left -= len(block)
            yield block
        if size % _TAR:
            self._read(_TAR - size % _TAR)

    def end(self) -> None:
        """Refuse anything but padding after the last file, and a sum that is not that of all that was read."""
        padding = self._some(_PADDING + 1)
        if any(padding) or len(padding) > _PADDING:
            raise BackupFault(f"{self._called} holds more than its manifest says: it is not to be trusted")

    def _read(self, size: int) -> bytes:
        block = self._some(size)
        if len(block) < size:
            raise BackupFault(f"{self._called} is cut off: it is no whole backup")
        return block

    def _some(self, size: int) -> bytes:
        try:
            return self._gzip.read(size)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise BackupFault(f"{self._called} is no backup of a bootstrap-bridge, or is damaged or cut off") from None


def digest_of(path: Path, noted: Callable[[int], None] = lambda done: None) -> str:
    """Return the SHA-256 of a file. ``noted`` hears how many bytes have been read. Raises OSError."""
    found, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
            done += len(block)
            noted(done)
    return found.hexdigest()
