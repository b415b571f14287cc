"""Loads what a bridge loads when it starts, so that a fork finds it there."""

import importlib
import pkgutil

import bridge


def load_the_bridge() -> None:
    """Import every module of the bridge, and what its database needs at the first connection."""
    for module in pkgutil.walk_packages(bridge.__path__, "bridge."):
        if "migrations" not in module.name and not module.name.endswith(("__main__", ".demo")):
            importlib.import_module(module.name)
    for name in ("aiosqlite", "sqlalchemy.dialects.sqlite.aiosqlite", "alembic.runtime.migration", "encodings.idna"):
        importlib.import_module(name)
