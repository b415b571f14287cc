"""Labels for devices: a QR code that opens the filled-in form, with the device's id and name as text. Pure.

What is on a label is for everybody who sees it, so nothing secret is ever put there.
"""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from itertools import zip_longest
from typing import Final

import segno
from segno.encoder import DataOverflowError

from bridge.console.links import Prefill, link_of
from bridge.console.texts import text

MOST: Final = 200
"""Labels on one page: a code takes some 10 ms, one as large as can be 30."""
MAX_LINK: Final = 300
"""Characters of a link that is still read from a label of 3 cm; beyond, it names the id alone."""
LONG: Final = 60
"""Characters of an id that is printed smaller."""
QUIET_ZONE: Final = 4
"""Modules of white round a code (ISO/IEC 18004)."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label; ``code`` is an SVG element, or None where the id is too long for any code."""

    device: Prefill
    link: str
    code: str | None


def devices_in(query: Iterable[tuple[str, str]]) -> list[Prefill]:
    """Return the devices that an address names: ``id`` once for each, ``name``, ``type``, ``group`` in their order."""
    values: dict[str, list[str]] = {"id": [], "name": [], "type": [], "group": []}
    for key, value in query:
        if key in values:
            values[key].append(value.strip())
    number = len(values["id"])
    rows = zip_longest(*(column[:number] for column in values.values()), fillvalue="")
    return _distinct(Prefill(*row) for row in rows)


def devices_of(lines: str) -> list[Prefill]:
    """Return the devices of a text, one a line: the id, and after white space the name."""
    rows = (line.strip().split(None, 1) for line in re.split(r"[\r\n]", lines))
    return _distinct(Prefill(row[0], *row[1:]) for row in rows if row)


def _distinct(devices: Iterable[Prefill]) -> list[Prefill]:
    return list({device.id: device for device in devices if device.id}.values())


def label_of(base: str, device: Prefill) -> Label:
    """Make the label of ``device`` with the address ``base`` of the console."""
    link = link_of(base, device)
    if len(link) > MAX_LINK:
        link = link_of(base, replace(device, name="", type="", group=""))
    try:
        code = segno.make(link, error="m", micro=False)
    except DataOverflowError:
        return Label(device, link, None)
    svg = code.svg_inline(border=QUIET_ZONE, light="#fff", omitsize=True, svgclass=None, lineclass=None)
    return Label(device, link, svg)


def _shown(label: Label) -> str:
    device = label.device
    name = f'<p class="name"><bdi>{html.escape(device.name)}</bdi></p>' if device.name else ""
    described = html.escape(text("label.code", id=device.id), quote=True)
    code = (
        f'<div class="code" role="img" aria-label="{described}">{label.code}</div>'
        if label.code
        else f'<p class="code none">{html.escape(text("label.too_long"))}</p>'
    )
    return (
        f'<li class="label" data-id="{html.escape(device.id, quote=True)}">{code}<div class="words">{name}'
        f'<p class="id{" long" if len(device.id) > LONG else ""}"><bdi>{html.escape(device.id)}</bdi></p></div></li>'
    )


def sheet(labels: Sequence[Label], base: str, faults: Sequence[str]) -> str:
    """Return the page with ``labels`` to print, the form for further ones, and what could not be done."""
    template = resources.files("bridge.console").joinpath("static/label.html").read_text(encoding="utf-8")
    names = ("title", "intro", "print", "size", "small", "medium", "large", "devices", "hint", "submit", "back")
    values = {name: html.escape(text(f"label.{name}"), quote=True) for name in names}
    values |= {
        "brand": html.escape(text("shell.title")),
        "address": html.escape(text("label.address", address=base)),
        "labels": "".join(_shown(label) for label in labels),
        "faults": "".join(f"<li>{html.escape(fault)}</li>" for fault in faults),
        "lines": html.escape("\n".join(_line(label.device) for label in labels)),
        "open": "" if labels else "open",
        "empty": "" if labels else "hidden",
    }
    return _filled(template, values)


def _line(device: Prefill) -> str:
    return f"{device.id} {device.name}".strip()


def _filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], template)
