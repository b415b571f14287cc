"""The pages; each module takes its place by importing ``bridge.console.shell``."""

import importlib
import pkgutil


def load() -> None:
    """Import all pages, so that the frame knows them."""
    for one in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{one.name}")
