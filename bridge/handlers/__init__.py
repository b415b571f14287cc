"""What each administrator command does, in one transaction. Who may is settled before, the answer is sent after."""

from collections.abc import Mapping
from typing import Final

from bridge.handlers.desk import Handler
from bridge.handlers.reading import get, list_registrations, stats
from bridge.handlers.registrations import accept, delete, register
from bridge.handlers.tenant_options import get_option, list_options, set_option

HANDLERS: Final[Mapping[str, Handler]] = {
    "register": register,
    "accept": accept,
    "delete": delete,
    "list": list_registrations,
    "get": get,
    "get-option": get_option,
    "set-option": set_option,
    "list-options": list_options,
    "stats": stats,
}
