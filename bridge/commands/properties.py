"""Properties of devices as they are given on the command line: KEY=VALUE, KEY:=JSON, and files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands.asking import text_of
from bridge.speaking import Usage

Property = Annotated[
    list[str] | None,
    typer.Option(
        "--property",
        metavar="KEY=VALUE",
        help="A property, as site.floor=3; with := its value is JSON, as site.floor:=3. Dots nest. May be repeated.",
    ),
]
Properties = Annotated[
    Path | None, typer.Option(help="A file with properties, a JSON object; - reads it from standard input.")
]
Removed = Annotated[
    list[str] | None,
    typer.Option("--remove-property", metavar="KEY", help="A property to remove. Dots nest. May be repeated."),
]


def properties_given(given: Sequence[str], file: Path | None, removed: Sequence[str] = ()) -> dict[str, Any]:
    """Return the properties of a command line as one object; those of --property go over those of the file.

    ``removed`` become null, which removes them (RFC 7396). Raises Usage.
    """
    properties = {} if file is None else _object_in(file)
    for one in given:
        key, equals, value = one.partition("=")
        is_json = key.endswith(":")
        key = key.removesuffix(":")
        if not equals or not key:
            raise Usage(f"--property takes KEY=VALUE, or KEY:=JSON; this is neither: {one}")
        _put(properties, key, _parsed(key, value) if is_json else value)
    for key in removed:
        _put(properties, key, None)
    return properties


def _parsed(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Usage(f"--property {key}:= takes JSON; what follows is none: {error}") from None


def _object_in(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(text_of(file))
    except ValueError as error:
        raise Usage(f"{file} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Usage(f'{file} has to hold a JSON object, as {{"site": {{"floor": 3}}}}')
    return value


def _put(properties: dict[str, Any], key: str, value: Any) -> None:
    *outer, last = key.split(".")
    if not all((*outer, last)):
        raise Usage(f"the property {key!r} has an empty part: dots stand between the names of nested objects")
    here = properties
    for name in outer:
        inner = here.setdefault(name, {})
        if not isinstance(inner, Mapping):
            raise Usage(f"the property {key} cannot stand below {name}, which has a value of its own")
        here = here[name]
    here[last] = value
