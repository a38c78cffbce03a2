"""One probe for each unknown. Every module of this folder adds to the table, so a new probe is a function with `@probe`."""

from __future__ import annotations

import importlib
import pkgutil

from tests.acceptance.probes.base import PROBES

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["PROBES"]
