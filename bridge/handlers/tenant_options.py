"""get-option, set-option and list-options."""

from typing import Any

from bridge import options
from bridge.handlers.desk import Desk, Result
from bridge.names import MANAGEMENT
from bridge.options import CATEGORY, OPTIONS, InvalidOption
from bridge.registration import Code
from bridge.requests import BadRequest, Option, OptionSetting, Request, parse


def _checked_option(category: str, key: str) -> str:
    if category != CATEGORY or key not in OPTIONS:
        known = ", ".join(OPTIONS)
        raise BadRequest(Code.INVALID_OPTION, f"there is no option {category}/{key}; {CATEGORY} has {known}")
    return key


def _option_object(desk: Desk, key: str) -> dict[str, Any]:
    values = desk.rulebook.values
    return {
        "category": CATEGORY,
        "key": key,
        "value": options.own_value(values, desk.tenant, key),
        "effective": options.effective_value(values, desk.tenant, key),
    }


async def get_option(desk: Desk, value: dict[str, Any]) -> Result:
    """Return one option of the tenant."""
    request = parse(Option, value)
    return _option_object(desk, _checked_option(request.category, request.key))


async def set_option(desk: Desk, value: dict[str, Any]) -> Result:
    """Set one option of the tenant; it holds from the next event on."""
    request = parse(OptionSetting, value)
    key = _checked_option(request.category, request.key)
    if key in options.INSTALLATION_WIDE and desk.tenant != MANAGEMENT:
        raise BadRequest(Code.NOT_PERMITTED, f"{key} holds for the whole installation: only management sets it")
    try:
        new = OPTIONS[key].parse(request.value)
    except InvalidOption as error:
        raise BadRequest(Code.INVALID_OPTION, f"{key} {error}") from None
    was = options.own_value(desk.rulebook.values, desk.tenant, key)
    await desk.transaction.set_option(desk.tenant, key, new)
    desk.option_set = True
    desk.note(None, "ok", key=key, value=new, was=was)
    values = {**desk.rulebook.values, (desk.tenant, key): new}
    effective = options.effective_value(values, desk.tenant, key)
    return {"category": CATEGORY, "key": key, "value": new, "effective": effective}


async def list_options(desk: Desk, value: dict[str, Any]) -> Result:
    """Return all options with what they take."""
    parse(Request, value)
    return {
        "options": [
            {
                "category": CATEGORY,
                "key": key,
                "value": options.own_value(desk.rulebook.values, desk.tenant, key),
                "type": option.type,
                "unit": option.unit,
                "default": option.default,
                "range": option.range,
            }
            for key, option in OPTIONS.items()
        ]
    }
