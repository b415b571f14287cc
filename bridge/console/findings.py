"""What one pass over a bulk file found: its counts, which lines failed and why, and their records to be corrected.

Lines and records are on disk, in files without a name that end with the process: a million lines may fail, records hold
credentials, and nobody else may look.
"""

import io
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, Any, Final

from bridge.sending import Failure, Tally

STEP: Final = 50
"""Failed lines whose places are not noted each by itself."""
_CHUNK: Final = 262_144


class Findings:
    """The findings of one pass, to be closed. ``encoding`` is the file's own, as who corrects the records knows it."""

    def __init__(self, encoding: str) -> None:
        self.tally = Tally()
        self.number = 0
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._places: list[int] = []
        self._size = 0
        self._kept = tempfile.TemporaryFile()  # noqa: SIM115
        self._records = io.TextIOWrapper(self._kept, encoding, newline="", write_through=True)

    @property
    def records(self) -> IO[str]:
        """Where the records of failed lines are written."""
        return self._records

    def add(self, failures: Sequence[Failure]) -> None:
        """Keep these failed lines."""
        for one in failures:
            if self.number % STEP == 0:
                self._places.append(self._size)
            shown = [one["line"], one.get("deviceId"), one["code"], one["failureReason"]]
            text = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
            self._lines.write(text)
            self._size += len(text)
            self.number += 1

    def page(self, first: int) -> list[dict[str, Any]]:
        """Return the ``STEP`` failed lines from the ``first``, a multiple of it, on."""
        place = first // STEP
        if not 0 <= place < len(self._places):
            return []
        self._lines.seek(self._places[place])
        found = [json.loads(self._lines.readline()) for _ in range(min(STEP, self.number - place * STEP))]
        self._lines.seek(self._size)
        names = ("line", "id", "code", "reason")
        return [dict(zip(names, one, strict=True)) for one in found]

    def download(self) -> Iterator[bytes]:
        """Return the records' file in pieces; it stays readable for who has it, also after it is closed here."""
        self._records.flush()
        return _pieces(os.dup(self._kept.fileno()))

    def close(self) -> None:
        """Give the disk back."""
        for file in (self._lines, self._records):
            with suppress(OSError):  # a full disk fails what is still to be written, and nobody needs it any more
                file.close()


def _pieces(number: int) -> Iterator[bytes]:
    with os.fdopen(number, "rb", buffering=0) as file:
        place = 0
        while piece := os.pread(file.fileno(), _CHUNK, place):
            place += len(piece)
            yield piece
