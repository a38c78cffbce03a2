"""The kinds of object that tokenvault manages. A kind is data; adding one is adding one file to this folder.

Each module defines `KIND`, is found by itself and refused at import when it is incomplete; modules that kinds share are
listed in `_SHARED`. Planner, diff, renderers, schema and preflight read these tables and know no kind by name. What a
kind is made of stands in `base`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from tokenvault.kinds.base import Kind

_SHARED = {
    "application_rules",
    "base",
    "connection_list",
    "connection_rules",
    "connection_scopes",
    "cross_app_access",
    "strategies",
}


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind by name, in the order in which a tenant is best read."""
    found = [
        importlib.import_module(f"{__name__}.{m.name}").KIND
        for m in pkgutil.iter_modules(__path__)
        if m.name not in _SHARED
    ]
    return {kind.name: kind for kind in sorted(found, key=lambda kind: kind.order)}
