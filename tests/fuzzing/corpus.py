"""Inputs that are kept, one in a file whose name says what it is, and how new ones are made of them."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

CORPORA = Path(__file__).parent.parent / "corpora"
MOST = 40_000
"""Bytes of an input that was made; more tells nothing new, and takes long."""
BITS = [
    *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\u0000", b"\\ud800", b"null", b"true", b"1e999", b"NaN"),
    *(b"\n", b"\r", b"\r\n", b"\t", b";", b'""', b'"\n', b'";"', b" ", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\x80"),
    *(b"/", b"#", b"+", b"{id}", b"{tenant}", b"$", b"..", b".", b"\xc3\xa9", b"e\xcc\x81", b"\xed\xa0\x80"),
    *(b"\xf0\x9f\x98\x80", b"\xe2\x80\xa8", b"ID", b"sep=;\n", b"CREDENTIALS", b"-1", b"9" * 30, b"a" * 256),
]


@cache
def kept(room: str) -> dict[str, bytes]:
    """Return the inputs of ``room`` by their names."""
    return {path.name: path.read_bytes() for path in sorted((CORPORA / room).iterdir())}


def keep(room: str, data: bytes) -> Path:
    """Keep an input that broke a promise; it is tried first from now on. Give it a name that says what it is."""
    path = CORPORA / room / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


@st.composite
def made(draw: st.DrawFn, room: str) -> bytes:
    """Make an input of those that are kept: parts left out, doubled, repeated, moved, put in, taken from another."""
    seeds = st.sampled_from(list(kept(room).values()))
    data = draw(seeds)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + draw(st.sampled_from([1, 8, 64, 4_096])))))
        part = data[start:end]
        match draw(st.sampled_from(["leave out", "repeat", "put in", "instead", "splice", "bytes", "move"])):
            case "leave out":
                part = b""
            case "repeat":
                part *= draw(st.sampled_from([2, 3, 17, 300]))
            case "put in":
                part += draw(st.sampled_from(BITS))
            case "instead":
                part = draw(st.sampled_from(BITS))
            case "splice":
                part = draw(seeds)[start:]
            case "bytes":
                part = draw(st.binary(max_size=8))
            case _:
                data, part = data[:start] + data[end:], part
                start = end = draw(st.integers(0, len(data)))
        data = (data[:start] + part + data[end:])[:MOST]
    return data


def tried(room: str, target: Callable[[bytes], None], data: bytes) -> None:
    """Try one input, and keep it if it breaks a promise."""
    try:
        target(data)
    except Exception as error:
        error.add_note(f"kept as {keep(room, data)}")
        raise
