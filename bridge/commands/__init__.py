"""The administrator's commands: each sends a request over the control topic and shows the answer."""

from bridge.commands import accepting, bulk, devices, groups, people, registrations, tenant_options, tenants, watching

__all__ = ["accepting", "bulk", "devices", "groups", "people", "registrations", "tenant_options", "tenants", "watching"]
