"""list-options, get-option and set-option."""

from typing import Annotated, Any, Final

import typer

from bridge import display
from bridge.admin import Admin
from bridge.speaking import DONE, Speaker, Work, command, out


@command("list-options")
def list_options(
    speaking: Speaker,
) -> Work:
    """List the options with what they take."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "list-options", {})
        if not speaking.as_json:
            out.print(display.options_table(result["options"]))
        return DONE

    return work


_CATEGORY: Final = "device-registration"
Category = Annotated[str, typer.Option(help="The category of the option.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The option, as security-token.policy.")]


@command("get-option")
def get_option(
    speaking: Speaker,
    key: Key,
    category: Category = _CATEGORY,
) -> Work:
    """Show one option."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "get-option", {"category": category, "key": key})
        if not speaking.as_json:
            _show_option(result)
        return DONE

    return work


@command("set-option")
def set_option(
    speaking: Speaker,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")],
    category: Category = _CATEGORY,
) -> Work:
    """Set one option; it holds from the next event on."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "set-option", {"category": category, "key": key, "value": value})
        if not speaking.as_json:
            _show_option(result)
        return DONE

    return work


def _show_option(option: dict[str, Any]) -> None:
    stricter = "" if option["effective"] == option["value"] else f"; management's {option['effective']} holds"
    out.print(display.text(f"{option['key']} is {option['value']}{stricter}"))
