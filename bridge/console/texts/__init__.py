"""All words that the page shows, in one file a language. Knows no page.

A text is named by section and name, ``registrations.title``; what stands in braces in it is filled in. A name that is
not there is a fault of the program, so it is raised and not shown.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

LANGUAGE: Final = "en"


class NoText(Exception):
    """A text that the file of the language does not have."""


@cache
def _all(language: str) -> Mapping[str, Mapping[str, str]]:
    file = resources.files(__package__).joinpath(f"{language}.toml")
    sections: dict[str, dict[str, str]] = tomllib.loads(file.read_text(encoding="utf-8"))
    return sections


def section(name: str) -> Mapping[str, str]:
    """Return all texts of a section, for a component of the page that fills in itself. Raises NoText."""
    try:
        return _all(LANGUAGE)[name]
    except KeyError:
        raise NoText(name) from None


def text(name: str, /, **values: Any) -> str:
    """Return the text ``section.name`` with ``values`` filled in. Raises NoText."""
    part, _, key = name.partition(".")
    try:
        words = section(part)[key]
    except KeyError:
        raise NoText(name) from None
    return words.format(**values) if values else words


def counted(name: str, number: int, /, **values: Any) -> str:
    """Return ``name_one`` or ``name_other`` with ``number`` filled in, thousands apart. Raises NoText."""
    return text(f"{name}_{'one' if number == 1 else 'other'}", number=f"{number:,}", **values)
