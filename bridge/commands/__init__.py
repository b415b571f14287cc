"""The administrator's commands: each sends a request over the control topic and shows the answer."""

from bridge.commands import (
    accepting,
    backing_up,
    bootstrap_login,
    bulk,
    console,
    devices,
    doctor,
    groups,
    keys,
    people,
    registrations,
    tenant_options,
    tenants,
    watching,
)

__all__ = [
    "accepting",
    "backing_up",
    "bootstrap_login",
    "bulk",
    "console",
    "devices",
    "doctor",
    "groups",
    "keys",
    "people",
    "registrations",
    "tenant_options",
    "tenants",
    "watching",
]
