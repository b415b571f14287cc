"""What each administrator command does, in one transaction. Who may is settled before, the answer is sent after."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.handlers.bulk import BulkRegister, bulk_validate, template
from bridge.handlers.desk import Handler, Sweep
from bridge.handlers.devices import delete_device, get_device, list_devices, update_device
from bridge.handlers.groups import create_group, delete_group, list_groups
from bridge.handlers.history import audit, list_unregistered
from bridge.handlers.people import (
    create_administrator,
    create_application,
    delete_administrator,
    delete_application,
    list_administrators,
    list_applications,
)
from bridge.handlers.reading import get, list_registrations, stats
from bridge.handlers.registrations import AcceptAll, accept, delete, register
from bridge.handlers.tenant_options import get_option, list_options, set_option
from bridge.handlers.tenants import create_tenant, list_tenants

HANDLERS: Final[Mapping[str, Handler]] = {
    "register": register,
    "accept": accept,
    "delete": delete,
    "list": list_registrations,
    "get": get,
    "bulk-validate": bulk_validate,
    "template": template,
    "get-option": get_option,
    "set-option": set_option,
    "list-options": list_options,
    "list-groups": list_groups,
    "create-group": create_group,
    "delete-group": delete_group,
    "list-devices": list_devices,
    "get-device": get_device,
    "update-device": update_device,
    "delete-device": delete_device,
    "list-unregistered": list_unregistered,
    "audit": audit,
    "stats": stats,
    "list-tenants": list_tenants,
    "create-tenant": create_tenant,
    "create-administrator": create_administrator,
    "delete-administrator": delete_administrator,
    "list-administrators": list_administrators,
    "create-application": create_application,
    "delete-application": delete_application,
    "list-applications": list_applications,
}

SWEEPS: Final[Mapping[str, Callable[[dict[str, Any]], Sweep]]] = {
    "accept-all": AcceptAll.of,
    "bulk-register": lambda value: BulkRegister(),
}
