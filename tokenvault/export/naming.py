"""What an exported spec calls itself, its applications and its APIs: as marks say, else as the tenant calls them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.kinds import Object
from tokenvault.ownership import Mark, read_mark
from tokenvault.spec.schema import NAME_PATTERN

MAX_KEY = 64
MAX_NAME = 40
_IP = re.compile(r"^[\d.:\[\]a-f]+$")


def mark_of(client: Object) -> Mark | None:
    """The mark on an application."""
    return read_mark(client.get("client_metadata"))


def spec_name(given: str | None, marks: Iterable[Mark | None], domain: str) -> str:
    """The name asked for; else that of the one spec whose marks are there; else one made of the tenant's."""
    if given is not None:
        return _checked(given)
    owners = Counter(mark.spec for mark in marks if mark)
    if len(owners) > 1:
        counts = ", ".join(f"{name} ({count})" for name, count in sorted(owners.items()))
        raise RefusedError(
            Diagnostic(
                code="export-several-specs",
                summary=f"What uses Token Vault here belongs to {len(owners)} specs: {counts}",
                hint="Export them one at a time: --name " + " or --name ".join(sorted(owners)),
            )
        )
    host = domain.rsplit(":", 1)[0]
    return next(iter(owners), None) or _slug(host if _IP.match(host) else host.split(".")[0], MAX_NAME) or "tenant"


def _checked(name: str) -> str:
    if not re.fullmatch(NAME_PATTERN, name):
        hint = "A name has up to 40 lower-case letters, digits and inner hyphens, for example acme-assistant."
        raise RefusedError(Diagnostic(code="export-name", summary=f'"{name}" cannot be the name of a spec', hint=hint))
    return name


def keys_of(clients: Iterable[Object], spec: str) -> dict[str, str]:
    """The key of every application, by client id: the one in its mark where this spec left it, else made of its name."""
    clients = list(clients)
    by_key = {mark.key: str(c["client_id"]) for c in reversed(clients) if (mark := mark_of(c)) and mark.spec == spec}
    marks = {client_id: key for key, client_id in by_key.items()}
    names = {str(c["client_id"]): str(c.get("name") or "") for c in clients if c["client_id"] not in marks}
    return {**marks, **_unique(names, taken=by_key, default="application")}


def api_keys_of(api_clients: Mapping[str, Object], apis: Mapping[str, Object], spec: str) -> dict[str, str]:
    """The key of every API, by identifier: the one in the mark of its Custom API Client, else made of its name."""
    marks = {
        identifier: mark.key.removesuffix(".api_client")
        for identifier, client in api_clients.items()
        if (mark := mark_of(client)) and mark.spec == spec
    }
    names = {key: str(apis.get(key, {}).get("name") or key) for key in api_clients if key not in marks}
    return {**marks, **_unique(names, taken=marks.values(), default="api")}


def _unique(names: Mapping[str, str], taken: Iterable[str], default: str) -> dict[str, str]:
    used, keys = set(taken), dict[str, str]()
    for identity, name in names.items():
        stem = _slug(name, MAX_KEY - 4) or default
        key = next(
            k for n in range(1, len(names) + len(used) + 2) if (k := stem if n == 1 else f"{stem}-{n}") not in used
        )
        used.add(key)
        keys[identity] = key
    return keys


def _slug(text: str, length: int) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:length].strip("-")
