"""list-options, get-option and set-option."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from bridge import display, display_people
from bridge.admin import Admin
from bridge.commands import completing
from bridge.commands.asking import every_page
from bridge.options import CATEGORY, DEVICES, OPTIONS, TOKEN_POLICY, TOPICS
from bridge.speaking import DONE, Speaker, Usage, Work, command, out

_MAY_DIFFER: Final = (TOKEN_POLICY, TOPICS)
"""Options of which management's value has a say too."""


def _category_of(key: str, given: str | None) -> str:
    if given is not None:
        return given
    return OPTIONS[key].category if key in OPTIONS else CATEGORY


def _value_of(category: str, key: str, values: Sequence[str]) -> Any:
    """Return what was typed as the option takes it: topics are a list, given as JSON or one by one."""
    is_list = (category, key) == (DEVICES, TOPICS)
    if is_list and len(values) == 1 and values[0].lstrip().startswith("["):
        try:
            return json.loads(values[0])
        except ValueError as error:
            raise Usage(f"this is no JSON list: {error}") from None
    if is_list:
        return list(values)
    if len(values) > 1:
        raise Usage(f"{key} takes one value, these are {len(values)}")
    return values[0]


@command("list-options")
def list_options(
    speaking: Speaker,
) -> Work:
    """List the options with their values and what they take."""

    async def work(connection: Admin) -> int:
        found = await every_page(speaking, connection, "list-options", "options")
        if speaking.as_json:
            return DONE
        shown = [await _with_effective(connection, option) for option in found]
        out.print(display_people.options_table(shown, connection.tenant, out.width))
        return DONE

    return work


async def _with_effective(connection: Admin, option: dict[str, Any]) -> dict[str, Any]:
    if option["key"] not in _MAY_DIFFER or "effective" in option:
        return option
    asked = {"category": option["category"], "key": option["key"]}
    return {**option, "effective": (await connection.request("get-option", asked))["effective"]}


Category = Annotated[
    str | None,
    typer.Option(
        help="The category of the option; found by itself for those that `list-options` shows.",
        autocompletion=lambda: [CATEGORY, DEVICES],
    ),
]
Key = Annotated[
    str,
    typer.Argument(metavar="KEY", help="The option, as security-token.policy.", autocompletion=completing.option_keys),
]


@command("get-option")
def get_option(
    speaking: Speaker,
    key: Key,
    category: Category = None,
) -> Work:
    """Show one option."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "get-option", {"category": _category_of(key, category), "key": key})
        if not speaking.as_json:
            _show_option(result, connection.tenant)
        return DONE

    return work


@command("set-option")
def set_option(
    speaking: Speaker,
    key: Key,
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="VALUE",
            help="The new value; for topics several, or a JSON list, '[]' being none.",
            autocompletion=completing.option_values,
        ),
    ],
    category: Category = None,
) -> Work:
    """Set one option; it holds from the next event on."""
    where = _category_of(key, category)
    payload = {"category": where, "key": key, "value": _value_of(where, key, values)}

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "set-option", payload)
        if not speaking.as_json:
            _show_option(result, connection.tenant)
        return DONE

    return work


def _show_option(option: dict[str, Any], tenant: str) -> None:
    value, effective = display_people.value_text(option["value"]), display_people.in_effect(option, tenant)
    unit = getattr(OPTIONS.get(option["key"]), "unit", None)
    shown = f"{value} {unit}" if unit and isinstance(option["value"], int) else value
    others = f"; with what management has set, {effective} holds" if effective else ""
    out.print(display.text(f"{option['key']} is {shown}{others}"))
