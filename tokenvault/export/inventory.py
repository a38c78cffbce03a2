"""Everything that an exported spec is written from: the tenant, who uses what in it, and what all that is called."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenvault.errors import Diagnostic, RefusedError, did_you_mean
from tokenvault.export.usages import TYPES, DetectedApplication, Usages, takes_part, title, usages_of
from tokenvault.flavors.base import KeyNames
from tokenvault.flavors.provisions import SLOTS, attached_ids
from tokenvault.flavors.runtime.tenant_view import TenantView, Unreadable
from tokenvault.flavors.runtime.worker import hides_access
from tokenvault.kinds.base import Object
from tokenvault.kinds.strategies import NEVER
from tokenvault.model.marks import Mark, read_mark
from tokenvault.model.paths import get_path
from tokenvault.model.spec import ApiSpec
from tokenvault.spec.schema import NAME_PATTERN
from tokenvault.spec.writer import Noted
from tokenvault.state.live import State
from tokenvault.state.tenant_view import tenant_view_of

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
    parent_filter = Counter(mark.spec for mark in marks if mark)
    if len(parent_filter) > 1:
        counts = ", ".join(f"{name} ({count})" for name, count in sorted(parent_filter.items()))
        raise RefusedError(
            Diagnostic(
                code="export-several-specs",
                summary=f"What uses Token Vault here belongs to {len(parent_filter)} specs: {counts}",
                hint=f"Export them one at a time: --name {' or --name '.join(sorted(parent_filter))}.",
            )
        )
    host = domain.rsplit(":", 1)[0]
    return (
        next(iter(parent_filter), None) or _slug(host if _IP.match(host) else host.split(".")[0], MAX_NAME) or "tenant"
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What is exported, and how it is called.

    `created` are the applications that this spec created, finds by their marks, and can create again elsewhere.
    `obstacles` are what has to be done first, by client id.
    """

    state: State
    tenant_view: TenantView
    name: str
    applications: tuple[DetectedApplication, ...]
    keys: Mapping[str, str]
    created: frozenset[str]
    key_names: KeyNames
    obstacles: Mapping[str, tuple[str, ...]]
    rest: tuple[str, ...]

    def mark(self, client: Object) -> Mark | None:
        """The mark that this spec left on an application."""
        mark = mark_of(client)
        return mark if mark and mark.spec == self.name else None

    def connection(self, name: str) -> Object:
        """The connection of this name; without any attribute where there is none, or none may be read."""
        found = self.tenant_view.connection(name)
        return {} if found is None or isinstance(found, Unreadable) else found

    def clients_of(self, connection: str) -> frozenset[str]:
        """The applications that may use a connection."""
        found = self.tenant_view.enabled.get(connection, frozenset())
        return frozenset() if isinstance(found, Unreadable) else found

    def connections_of(self, detected: DetectedApplication) -> tuple[str, ...]:
        """The connections of an application: those that its flavors name, else those that it can use for connecting.

        One that can use none of these shows at least what it may be meant to use (`proposed`).
        """
        return self._found_for(detected) or self.proposed(detected)

    def _found_for(self, detected: DetectedApplication) -> tuple[str, ...]:
        named = {name for detection in detected.flavors.values() for name in detection.connections or ()}
        named |= self._marked_for(detected)
        if any(detection.connections is None for detection in detected.flavors.values()):
            named |= {name for name in self.connectable() if detected.client_id in self.clients_of(name)}
        order = self.connectable()
        return (*(name for name in order if name in named), *sorted(named - set(order)))

    def serving(self, listed: Iterable[DetectedApplication]) -> dict[str, DetectedApplication]:
        """The Custom API Clients that have more connections from this spec than the listed callers use, by API."""
        reached: dict[str, set[str]] = {}
        for detected in listed:
            if detected.exchange:
                reached.setdefault(detected.exchange.api, set()).update(self.connections_of(detected))
        clients = {
            detected.exchange.api: detected.api_client
            for detected in listed
            if detected.exchange and not detected.is_api
        }
        return {api: client for api, client in clients.items() if client and self._marked_for(client) - reached[api]}

    def _marked_for(self, detected: DetectedApplication) -> set[str]:
        """The connections that this spec gave to an application, by its mark."""
        mark = self.mark(detected.client)
        return {p.slot for p in (mark.provisions if mark else ()) if p.verb == "with"}

    def is_proposed(self, detected: DetectedApplication) -> bool:
        """Whether nothing in the tenant says which connections the application is to use."""
        return not self._found_for(detected) and not self._enabled_for(detected)

    def proposed(self, detected: DetectedApplication) -> tuple[str, ...]:
        """What an application without a connection may be meant to use: those that it may log in with, else all there are.

        Connections whose accounts users can connect come before those where that is still off.
        """
        return self._enabled_for(detected) or self.connectable() or self._possible()

    def _enabled_for(self, detected: DetectedApplication) -> tuple[str, ...]:
        return tuple(name for name in self._possible() if detected.client_id in self.clients_of(name))

    def _possible(self) -> tuple[str, ...]:
        """The connections that could have tokens, whether or not users can connect their accounts now."""
        return tuple(str(c["name"]) for c in self.state.objects["connections"] if c.get("strategy") not in NEVER)

    def connectable(self) -> tuple[str, ...]:
        """The connections whose accounts users can connect, in the tenant's order."""
        found = self.state.objects["connections"]
        return tuple(str(c["name"]) for c in found if is_connectable(c) and c.get("strategy") not in NEVER)

    def claimed(self) -> tuple[str, ...]:
        """The connections that carry this spec's mark."""
        marks = ((str(c["name"]), read_mark(c.get("metadata"))) for c in self.state.objects["connections"])
        return tuple(name for name, mark in marks if mark and mark.spec == self.name)


def is_connectable(connection: Object) -> bool:
    """Whether connected accounts are on."""
    return get_path(connection, "connected_accounts.active") is True


def relevant(collection: str, objects: Sequence[Object]) -> Sequence[Object]:
    """Of connections, the applications of those that are on for connected accounts are read; of workers, the keys."""
    if collection == "connections":
        return [item for item in objects if is_connectable(item)]
    workers = (item for item in objects if item.get("token_vault_privileged_access") or hides_access(item))
    return [*workers, *filter(_is_half_a_worker, objects)]


def _is_half_a_worker(client: Object) -> bool:
    """Whether a machine has the Token Vault grant and a key, and no privileged access yet."""
    if client.get("token_vault_privileged_access") or hides_access(client):
        return False
    has_keys = any(attached_ids(client, path) for path in SLOTS)
    return has_keys and takes_part(client) and TYPES.get(str(client.get("app_type"))) == "m2m"


def relevant_for_repair(collection: str, objects: Sequence[Object]) -> Sequence[Object]:
    """As `relevant`, and the applications of the connections where connected accounts are off and could be on."""
    if collection == "connections":
        return [item for item in objects if item.get("strategy") not in NEVER]
    return relevant(collection, objects)


def inventory(state: State, *, name: str | None, only: Sequence[str], key_files: Mapping[str, str]) -> Inventory:
    """Looks over a tenant that was read whole. `key_files` are those at hand, by thumbprint."""
    tenant_view = tenant_view_of(state, now=0)
    _require_readable(tenant_view, state)
    usages = usages_of(tenant_view)
    selected = _selected(usages, only, tenant_view.clients)
    api_clients = {detected.exchange.api: detected.exchange.client for detected in selected if detected.exchange}
    marked = [*(detected.client for detected in selected), *api_clients.values()]
    chosen = spec_name(name, map(mark_of, marked), state.domain)
    ours = [detected for detected in selected if (mark := mark_of(detected.client)) is None or mark.spec == chosen]
    apis = _apis(tenant_view, api_clients, chosen)
    keys = keys_of((detected.client for detected in ours if not detected.is_api), chosen)
    keys |= {
        detected.client_id: f"{apis[detected.exchange.api].key}.api_client"
        for detected in ours
        if detected.exchange and detected.is_api
    }
    entries, missing = _key_entries(ours, keys, tenant_view, key_files)
    return Inventory(
        state=state,
        tenant_view=tenant_view,
        name=chosen,
        applications=tuple(ours),
        keys=keys,
        created=_created(ours, chosen),
        key_names=KeyNames(apis=apis, keys=entries),
        obstacles={**_copies(ours, chosen), **missing, **_hidden(ours)},
        rest=(*(() if only else usages.rest), *(_foreign(detected) for detected in selected if detected not in ours)),
    )


def _require_readable(tenant_view: TenantView, state: State) -> None:
    for what, found in (
        ("connections", tenant_view.connections),
        ("APIs", tenant_view.apis),
        ("grants", tenant_view.grants),
    ):
        if isinstance(found, Unreadable):
            summary = f"The token may not read the {what} of {state.domain}: without them nothing can be exported"
            hint = f"Grant {' or '.join(found.scopes)} to the application that it comes from."
            raise RefusedError(Diagnostic(code="export-unreadable", summary=summary, hint=hint))


def _foreign(detected: DetectedApplication) -> str:
    mark, exchange = mark_of(detected.client), detected.exchange
    also = f", with the Custom API Client {title(exchange.client)}," if exchange else ""
    return (
        f"{title(detected.client)}{also} belongs to another spec: export that with --name {mark.spec if mark else ''}"
    )


def _selected(usages: Usages, only: Sequence[str], clients: Iterable[Object]) -> list[DetectedApplication]:
    """The applications asked for, by name, client id or key; a Custom API Client stands for those that it serves."""
    if not only:
        return list(usages.applications)
    chosen: list[DetectedApplication] = []
    for wanted in only:
        chosen += [detected for detected in _named(wanted, usages, list(clients)) if detected not in chosen]
    return [detected for detected in usages.applications if detected in chosen]


def _named(wanted: str, usages: Usages, clients: Sequence[Object]) -> list[DetectedApplication]:
    meant = [client for client in clients if wanted in _names(client)]
    if not meant:
        names = sorted({str(client.get("name")) for client in clients if client.get("name")})
        hint = did_you_mean(wanted, names) or "Give its name as the dashboard shows it, or its client id."
        raise RefusedError(
            Diagnostic(code="export-no-application", summary=f'There is no application "{wanted}"', hint=hint)
        )
    if len(meant) > 1 and wanted not in [client["client_id"] for client in meant]:
        ids = ", ".join(str(client["client_id"]) for client in meant)
        hint = f"Give the client id of the one that you mean: {ids}."
        summary = f'{len(meant)} applications are named "{wanted}"'
        raise RefusedError(Diagnostic(code="export-ambiguous", summary=summary, hint=hint))
    client_id = meant[0]["client_id"]
    found = [
        u for u in usages.applications if client_id in (u.client_id, u.exchange and u.exchange.client["client_id"])
    ]
    if not found:
        hint = "It holds none of what the flavors need. `tokenvault init` writes a spec that gives it that."
        summary = f"{title(meant[0])} does not use Token Vault"
        raise RefusedError(Diagnostic(code="export-unused", summary=summary, hint=hint))
    return found


def _names(client: Object) -> tuple[str, ...]:
    mark = mark_of(client)
    return (str(client["client_id"]), str(client.get("name")), *([mark.key] if mark else []))


def _apis(tenant_view: TenantView, api_clients: Mapping[str, Object], spec: str) -> dict[str, ApiSpec]:
    found: dict[str, Object] = {}
    for identifier in api_clients:
        api = tenant_view.api(identifier)
        found[identifier] = {} if api is None or isinstance(api, Unreadable) else api
    keys = api_keys_of({i: c for i, c in api_clients.items() if takes_part(c)}, found, spec)
    return {
        identifier: ApiSpec(key=keys[identifier], identifier=identifier, name=str(api.get("name") or keys[identifier]))
        for identifier, api in found.items()
    }


def _key_entries(
    applications: Iterable[DetectedApplication],
    keys: Mapping[str, str],
    tenant_view: TenantView,
    files: Mapping[str, str],
) -> tuple[dict[str, Mapping[str, Any]], dict[str, tuple[str, ...]]]:
    """An entry for each credential that a worker uses, and which files have to be added for it."""
    entries: dict[str, Mapping[str, Any]] = {}
    missing: dict[str, tuple[str, ...]] = {}
    for detected in applications:
        pool = tenant_view.credentials.get(detected.client_id, ())
        known = {} if isinstance(pool, Unreadable) else {str(key["id"]): key for key in pool}
        attached = dict.fromkeys(i for path in SLOTS for i in attached_ids(detected.client, path))
        for number, credential_id in enumerate(attached):
            key = known.get(credential_id, {})
            kid, suffix = key.get("kid"), f"-{number + 1}" if number else ""
            path = files.get(str(kid)) or f"keys/{keys[detected.client_id]}{suffix}.pub.pem"
            what = f"thumbprint (kid) {kid}" if kid else "which key it is is not known"
            entries[credential_id] = {"file": Noted(path, what), **_algorithm(key)}
            if kid not in files:
                missing[detected.client_id] = (*missing.get(detected.client_id, ()), _wanted(path, kid))
    return entries, missing


def _created(applications: Sequence[DetectedApplication], spec: str) -> frozenset[str]:
    marks = {
        detected.client_id: mark
        for detected in applications
        if (mark := mark_of(detected.client)) and mark.spec == spec
    }
    counts = Counter(mark.key for mark in marks.values())
    typed = {detected.client_id for detected in applications if str(detected.client.get("app_type")) in TYPES}
    return frozenset(i for i, mark in marks.items() if mark.created and counts[mark.key] == 1 and i in typed)


def _copies(applications: Iterable[DetectedApplication], spec: str) -> dict[str, tuple[str, ...]]:
    """Applications that carry the mark of another one: somebody copied it with everything it had."""
    first: dict[str, DetectedApplication] = {}
    found: dict[str, tuple[str, ...]] = {}
    for detected in applications:
        mark = mark_of(detected.client)
        if mark and mark.spec == spec and first.setdefault(mark.key, detected) is not detected:
            says = f"it carries the mark of {title(first[mark.key].client)}: remove its `tokenvault` metadata"
            found[detected.client_id] = (says,)
    return found


def _hidden(applications: Iterable[DetectedApplication]) -> dict[str, tuple[str, ...]]:
    says = "Auth0 does not show its privileged access to this token: its keys, addresses and grants are to be written by hand"
    return {detected.client_id: (says,) for detected in applications if hides_access(detected.client)}


def _wanted(path: str, kid: object) -> str:
    if kid is None:
        return "which public key it uses is not known: the token lacks read:client_credentials"
    return f"{path} has to hold the public key with the thumbprint {kid}: Auth0 never gives a key back"


def _algorithm(key: Object) -> dict[str, Any]:
    return {"alg": key["alg"]} if key.get("alg") not in (None, "RS256") else {}
