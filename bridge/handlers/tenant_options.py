"""get-option, set-option and list-options."""

from typing import Any

from bridge import options
from bridge.handlers.desk import Desk, Result
from bridge.names import MANAGEMENT
from bridge.options import OPTIONS, TOPICS, InvalidOption, OptionValue, neighbour_fault
from bridge.records import APPLICATION, DEVICE
from bridge.registration import Code
from bridge.requests import BadRequest, Option, OptionSetting, Page, parse


def _checked_option(category: str, key: str) -> str:
    option = OPTIONS.get(key)
    if option is None or option.category != category:
        known = ", ".join(f"{one.category}/{name}" for name, one in OPTIONS.items())
        raise BadRequest(Code.INVALID_OPTION, f"there is no option {category}/{key}; there are {known}")
    return key


def _option_object(desk: Desk, key: str) -> dict[str, Any]:
    values = desk.rulebook.values
    return {
        "category": OPTIONS[key].category,
        "key": key,
        "value": options.own_value(values, desk.tenant, key),
        "effective": options.effective_value(values, desk.tenant, key),
    }


async def get_option(desk: Desk, value: dict[str, Any]) -> Result:
    """Return one option of the tenant."""
    request = parse(Option, value)
    return _option_object(desk, _checked_option(request.category, request.key))


def _new_value(desk: Desk, key: str, given: object) -> OptionValue:
    try:
        new = OPTIONS[key].parse(given)
    except InvalidOption as error:
        raise BadRequest(Code.INVALID_OPTION, f"{key} {error}") from None
    if isinstance(new, list) and (fault := neighbour_fault(desk.rulebook.values, desk.tenant, new)):
        raise BadRequest(Code.INVALID_OPTION, fault)
    return new


async def set_option(desk: Desk, value: dict[str, Any]) -> Result:
    """Set one option of the tenant; it holds from the next event on, topics also for devices that there are."""
    request = parse(OptionSetting, value)
    key = _checked_option(request.category, request.key)
    if key in options.INSTALLATION_WIDE and desk.tenant != MANAGEMENT:
        raise BadRequest(Code.NOT_PERMITTED, f"{key} holds for the whole installation: only management sets it")
    new = _new_value(desk, key, request.value)
    was = options.own_value(desk.rulebook.values, desk.tenant, key)
    await desk.transaction.set_option(desk.tenant, key, new)
    desk.changes_rulebook = True
    if key == TOPICS and new != was:
        for kind in (DEVICE, APPLICATION):
            await desk.transaction.revisit_accounts(kind, desk.scope)
        desk.batch.account_work.leaving = True
    desk.note(None, "ok", {"key": key, "value": new, "was": was})
    values = {**desk.rulebook.values, (desk.tenant, key): new}
    effective = options.effective_value(values, desk.tenant, key)
    return {"category": OPTIONS[key].category, "key": key, "value": new, "effective": effective}


async def list_options(desk: Desk, value: dict[str, Any]) -> Result:
    """Return all options with what they take. There are few; a page is never full."""
    parse(Page, value)
    return {
        "options": [
            {
                "category": option.category,
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
