"""Disks that fill up, become read-only or die: real ones, of a size that a test can afford."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

NEEDS_ROOT = (
    "this test mounts a small disk, for which it has to be root: run it as root, or where user namespaces are allowed "
    "as `unshare --map-root-user --mount make e2e`"
)


def mount(*words: str) -> None:
    """Mount as root, or fail with what to do: a fault that was not tried is no fault survived."""
    if os.geteuid() != 0:
        pytest.fail(NEEDS_ROOT)
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"mount {' '.join(words)}: {done.stderr.strip()}; {NEEDS_ROOT}")


class Disk:
    """A disk in memory, mounted at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    @property
    def free(self) -> int:
        """Bytes that can still be written."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Fill it up, to the last block but ``leave`` bytes."""
        with self._ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while self.free > leave:
                file.write(bytes(min(65_536, max(4096, self.free - leave))))

    def empty(self) -> None:
        """Give back what ``fill`` took."""
        self._ballast.unlink()

    @contextlib.contextmanager
    def kept_full(self) -> Iterator[None]:
        """Fill it up, and take what others give back for as long as the block lasts, as a log does that grows."""
        ended = threading.Event()

        def fill() -> None:
            while not ended.is_set():
                self.fill()

        thread = threading.Thread(target=fill)
        self.fill()
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.empty()

    def read_only(self, *, on: bool) -> None:
        """Take it away from all who would write; nobody may have it open for writing."""
        mount("-o", f"remount,{'ro' if on else 'rw'}", str(self.path))


@contextlib.contextmanager
def disk(path: Path, size: str) -> Iterator[Disk]:
    """Mount a disk in memory of ``size`` (as tmpfs takes it) for a while."""
    path.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={size},mode=0711", "tmpfs", str(path))
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
