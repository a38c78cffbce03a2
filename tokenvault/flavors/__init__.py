"""The Token Vault flavors. A flavor is data: what it asks of which object and why; adding one is adding one file here.

Each module defines `FLAVOR`, is found by itself and refused at import when it is incomplete; modules that flavors share
are listed in `_SHARED`. What a flavor is made of stands in `base`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache

from tokenvault.flavors.base import Flavor, FlavorContext
from tokenvault.model.spec import FlavorUse, Spec

_SHARED = {"base", "provisions", "public_keys", "runtime"}


@cache
def flavors() -> Mapping[str, Flavor]:
    """Every flavor by name."""
    found = [
        importlib.import_module(f"{__name__}.{m.name}").FLAVOR
        for m in pkgutil.iter_modules(__path__)
        if m.name not in _SHARED
    ]
    return {flavor.name: flavor for flavor in sorted(found, key=lambda flavor: (len(flavor.includes), flavor.name))}


def flavor_usages(spec: Spec, domain: str) -> Iterable[tuple[Flavor, FlavorContext]]:
    """Every flavor of every application, included flavors first and each once.

    What a flavor includes is for the users of an application: of an API that uses it itself, nobody knows whose they are.
    """
    for app in spec.users.values():
        seen: set[str] = set()
        for used in app.flavors:
            for name in (*(() if app.serves else flavors()[used.name].includes), used.name):
                listed = next((u for u in app.flavors if u.name == name), None)
                if name not in seen:
                    seen.add(name)
                    how = listed or FlavorUse(name=name, span=used.span, path=used.path)
                    yield flavors()[name], FlavorContext(spec=spec, app=app, flavor=how, domain=domain)
