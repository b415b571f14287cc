"""The administrator's commands: each sends a request over the control topic and shows the answer."""

from bridge.commands import bulk, registrations, tenant_options, watching

__all__ = ["bulk", "registrations", "tenant_options", "watching"]
