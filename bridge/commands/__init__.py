"""The administrator's commands: each sends a request over the control topic and shows the answer."""

from bridge.commands import doctor, registrations, tenant_options, watching

__all__ = ["doctor", "registrations", "tenant_options", "watching"]
