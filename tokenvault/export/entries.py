"""The entries of an exported spec: what a person would write for each object, and what is good to know of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from tokenvault.export.inventory import Inventory, is_connectable
from tokenvault.export.usages import TYPES, DetectedApplication, policies, title
from tokenvault.flavors import flavors
from tokenvault.flavors.runtime.providers import asks_offline, gives_unasked
from tokenvault.flavors.runtime.tenant_view import Unreadable, user_policy
from tokenvault.kinds import kinds
from tokenvault.kinds.application import URL_LISTS
from tokenvault.kinds.application_rules import METHOD
from tokenvault.kinds.base import Object
from tokenvault.kinds.connection import ENDPOINTS
from tokenvault.kinds.cross_app_access import switches
from tokenvault.kinds.strategies import STRATEGIES, Strategy
from tokenvault.model.constraints import members
from tokenvault.model.marks import read_mark
from tokenvault.model.paths import get_path
from tokenvault.model.spec import PUBLIC_TYPES, ApiSpec
from tokenvault.secrets import is_sensitive
from tokenvault.spec.writer import Flow, Reference, indented, mapping

NAMED = 3
EXAMPLE_KEY = "keys/worker.pub.pem"
PROPOSED = "Nothing says which connections it is to use: keep those that it needs."
ANYONE = "No application here evidently calls it: it exchanges for callers that the tenant does not tell of."
OTHERS = "It exchanges for others, too: its mark has connections that the applications here do not use."
MARKED = "It carries this spec's mark: until it is taken in, plans call it left behind. Do not let them --prune it."
SILENT = "It does not ask for offline access, without which the provider issues no refresh token: add `offline_access: true`."
UNREAD = "Its scopes and offline access are missing here: the token lacks read:connections_options."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a section. `about` stands above it; one with `problems` stands there only as a comment.

    `before` is what else has to be done to take such a one in.
    """

    key: str
    fields: Mapping[str, Any]
    about: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    before: str = ""


# ---- applications


def application_entry(
    inventory: Inventory,
    detected: DetectedApplication,
    every: Sequence[str],
    problems: tuple[str, ...] = (),
    repairs: tuple[str, ...] = (),
) -> Entry:
    """An application; `every` are the spec's connections, of which an application uses all unless it says which.

    One with problems always says which: by the time that it is taken in, the spec may have others. `repairs` are what a
    plan changes of one that is taken in as it is.
    """
    key, kind = inventory.keys[detected.client_id], TYPES.get(str(detected.client.get("app_type")))
    created = detected.client_id in inventory.created
    connections = inventory.connections_of(detected)
    fields: dict[str, Any] = {}
    if not created:
        fields["client_id"] = detected.client_id
    if _says_name(detected.client, key, created):
        fields["name"] = detected.client.get("name")
    fields |= {"type": kind} if kind else {}
    if any(kind not in flavors()[name].types for name in detected.flavors if kind) or _was_made_confidential(detected):
        fields["confidential"] = True
    fields |= _urls(detected.client, created)
    fields["flavors"] = [_flavor(inventory, detected, name) for name in detected.flavors]
    if problems or repairs or set(connections) != set(every):
        fields["connections"] = list(connections)
    about = [
        *_about_application(detected, created),
        *([MARKED] if problems and inventory.mark(detected.client) else []),
    ]
    about += [f"Note: {remark}." for remark in detected.remarks]
    about += [PROPOSED] if connections and inventory.is_proposed(detected) else []
    about += [f"A plan repairs: {'; '.join(repairs)}."] if repairs else []
    examples = examples_for(inventory, detected)
    if examples and problems:
        problems = (f"the tenant holds no {', no '.join(examples)} for it, and these stand in for that", *problems)
    before = _before(examples) if problems else ""
    return Entry(key=key, fields=fields, about=tuple(about), problems=problems, before=before)


def examples_for(inventory: Inventory, detected: DetectedApplication) -> list[str]:
    """The settings of an application for which its entry has examples, because the tenant holds none."""
    return [name for flavor in detected.flavors for name in _missing(inventory, detected, flavor)]


def _before(examples: Sequence[str]) -> str:
    """What has to be done before an entry with examples is right."""
    keys = f"put the public key at {EXAMPLE_KEY}, " if "public_keys" in examples else ""
    return f"replace these examples, {keys}and " if examples else ""


def _says_name(client: Object, key: str, created: bool) -> bool:
    """Whether its name is to be said: that of one created is its key where nothing is said; that of others is what it was."""
    return client.get("name") != key if created else "name" in given_to(client.get("client_metadata"))


def _urls(client: Object, created: bool) -> dict[str, Any]:
    """Those that a spec gave, by the mark; what this spec created is bare without them. On others they stay as they are."""
    given = given_to(client.get("client_metadata"))
    lists = {k: a for k, a in URL_LISTS.items() if created or kinds()["application"].slot_at(a) in given}
    return {key: list(client[attribute]) for key, attribute in lists.items() if client.get(attribute)}


def _was_made_confidential(detected: DetectedApplication) -> bool:
    """Whether a spec said of a public application that it keeps a secret: without the word a plan takes that back."""
    client, slot = detected.client, kinds()["application"].slot_at(METHOD)
    is_public = TYPES.get(str(client.get("app_type"))) in PUBLIC_TYPES
    return is_public and client.get(METHOD) not in (None, "none") and slot in given_to(client.get("client_metadata"))


def given_to(metadata: Any) -> frozenset[str]:
    """The attributes that a spec gave something to, by their names in the mark: without them a plan would revoke it.

    Of secrets there is no digest in the mark, and nothing here.
    """
    mark = read_mark(metadata)
    given = (p for p in mark.provisions if p.verb in ("own", "gave", "was")) if mark else ()
    return frozenset(p.slot for p in given if p.value.partition(".")[0])


def _flavor(inventory: Inventory, detected: DetectedApplication, name: str, *known: str) -> Any:
    """The flavor with its settings, without those that are `known` from where it stands."""
    settings = _settings(inventory, detected, name) | _missing(inventory, detected, name)
    settings = {name: value for name, value in settings.items() if name not in known}
    if not settings:
        return name
    plain = all(not isinstance(value, dict | list) for value in settings.values())
    return {name: Flow(settings) if plain else settings}


def _settings(inventory: Inventory, detected: DetectedApplication, name: str) -> dict[str, Any]:
    return dict(flavors()[name].settings_of(detected.flavors[name], inventory.key_names))


def _missing(inventory: Inventory, detected: DetectedApplication, name: str) -> dict[str, Any]:
    """Examples for the settings without which the flavor is not valid, and which the tenant does not have."""
    given = _settings(inventory, detected, name)
    properties = (flavors()[name].schema or {}).get("properties", {})
    missing = {
        setting: properties[setting]["examples"][0] for setting in flavors()[name].needed if setting not in given
    }
    if "grants" in missing:
        missing["grants"] = {connection: ["SCOPE"] for connection in inventory.connections_of(detected)[:1]}
    if "public_keys" in missing:
        missing["public_keys"] = [{"file": EXAMPLE_KEY}]
    return missing


def _about_application(detected: DetectedApplication, created: bool) -> Iterator[str]:
    if created:
        return
    kept = [
        _count(len(detected.client[a]), a.replace("_", " ").rstrip("s"))
        for a in URL_LISTS.values()
        if detected.client.get(a)
    ]
    yield f"{title(detected.client)}." + (f" Left as they are: {', '.join(kept)}." if kept else "")


# ---- connections


def connection_entry(
    inventory: Inventory, name: str, applications: Iterable[DetectedApplication], *, bare: bool
) -> Entry:
    """A connection: `{}` unless this spec has claimed it, and then what it says of it (but not where `bare`)."""
    connection = inventory.connection(name)
    options = connection.get("options")
    strategy = STRATEGIES.get(str(connection.get("strategy")), Strategy())
    scopes = _scopes(options)
    login = get_path(connection, "authentication.active") is not False
    offline = bool(options and strategy.offline_option and options.get(strategy.offline_option))
    fields: dict[str, Any] = {}
    if not bare:
        fields["purpose"] = "authentication_and_connected_accounts" if login else "connected_accounts"
        fields |= {"offline_access": True} if offline else {}
        fields |= {"scopes": scopes} if scopes else {}
        given = _given_options(connection, strategy)
        fields |= {"options": given} if given else {}
        fields |= switches(connection, given_to(connection.get("metadata")))
    others = len(inventory.clients_of(name) - {detected.client_id for detected in applications})
    about = [f"{'Login and connected accounts' if login else 'Connected accounts only'}{_strategy(connection)}"]
    about += ["offline access"] if offline and bare else []
    about += [f"asks for {_named(scopes)}"] if scopes and bare else []
    about += [f"enabled for {_count(others, 'other application')}"] if others else []
    asks = not options or asks_offline(options) or gives_unasked(options)
    silent = [] if asks or not (strategy.offline_option or strategy.offline_scope) else [SILENT]
    unread = [*silent, *([] if bare or options is not None else [UNREAD])]
    return Entry(key=name, fields=fields, about=(f"{'; '.join(about)}.", *unread, *_created(connection, bare)))


def connection_problem(inventory: Inventory, name: str) -> tuple[str, ...]:
    """Why a connection cannot be listed as it is."""
    connection = inventory.connection(name)
    if not connection:
        return ("the tenant has no connection of this name",)
    return () if is_connectable(connection) else ("connected accounts are off: listing it would switch them on",)


def _strategy(connection: Object) -> str:
    strategy = str(connection.get("strategy", ""))
    return "" if strategy == connection.get("name") else f" ({strategy})"


def _given_options(connection: Object, strategy: Strategy) -> dict[str, Any]:
    """The options that a spec set, by the connection's mark, save those that stand for scopes and offline access."""
    names = (unquote(slot[2:]) for slot in sorted(given_to(connection.get("metadata"))) if slot.startswith("o."))
    options = connection.get("options") or {}
    implied = {name for name in (*strategy.booleans.values(), strategy.offline_option) if options.get(name) is True}
    return {n: options[n] for n in names if n in options and n not in implied and not is_sensitive(options[n])}


def _created(connection: Object, bare: bool) -> tuple[str, ...]:
    """What a spec that is to create the connection elsewhere has to say; secrets only by reference."""
    mark = read_mark(connection.get("metadata"))
    if bare or mark is None or not mark.created:
        return ()
    variable = "".join(letter if letter.isalnum() else "_" for letter in str(connection.get("name"))).upper()
    endpoints = {name: value for name in ENDPOINTS if (value := (connection.get("options") or {}).get(name))}
    wanted = {
        "strategy": connection.get("strategy"),
        "credentials": Flow(
            {"client_id": Reference(f"{variable}_CLIENT_ID"), "client_secret": Reference(f"{variable}_CLIENT_SECRET")}
        ),
        **({"options": endpoints} if endpoints else {}),
    }
    says = "Created by this spec. To have it created in another tenant too, add (and further options that it needs):"
    return (says, *indented(mapping(wanted)))


def _scopes(options: Any) -> list[str]:
    """The scopes that are in force, in the order that Auth0 has them."""
    found: dict[str, None] = {}
    for name in ("scope", "freeform_scopes"):
        value = (options or {}).get(name)
        found |= {str(scope): None for scope in members(value) if isinstance(scope, str)}
    return list(found)


# ---- APIs


def api_entry(inventory: Inventory, identifier: str, applications: Iterable[DetectedApplication]) -> Entry:
    """An API, with those of its scopes that all its applications can get already."""
    spec = inventory.key_names.apis[identifier]
    api = inventory.tenant_view.api(identifier)
    live: Object = {} if api is None or isinstance(api, Unreadable) else api
    offered = {str(scope.get("value")): str(scope.get("description") or "") for scope in live.get("scopes") or ()}
    api_consumers = [detected for detected in applications if detected.exchange and detected.exchange.api == identifier]
    held = {
        scope: text
        for scope, text in offered.items()
        if all(_holds(inventory, detected, live, scope) for detected in api_consumers if not detected.is_api)
    }
    fields = {"identifier": identifier, **({"name": spec.name} if spec.name != spec.key else {})}
    return Entry(
        key=spec.key,
        fields=fields | ({"scopes": held} if held else {}),
        about=tuple(_about_api(spec, api_consumers, [scope for scope in offered if scope not in held])),
    )


def serving(
    inventory: Inventory,
    entry: Entry,
    detected: DetectedApplication,
    every: Sequence[str],
    problems: tuple[str, ...],
    repairs: tuple[str, ...],
) -> Entry:
    """The entry of an API that exchanges for callers that nobody here knows, through its Custom API Client `detected`."""
    connections = inventory.connections_of(detected)
    fields = {**entry.fields, "flavors": [_flavor(inventory, detected, name, "api") for name in detected.flavors]}
    if problems or repairs or set(connections) != set(every):
        fields["connections"] = list(connections)
    whom = ANYONE if detected in inventory.applications else OTHERS
    about = (*entry.about, whom, *([PROPOSED] if connections and inventory.is_proposed(detected) else []))
    about += (f"A plan repairs: {'; '.join(repairs)}.",) if repairs else ()
    return replace(entry, fields=fields, about=about, problems=problems)


def _holds(inventory: Inventory, detected: DetectedApplication, api: Object, scope: str) -> bool:
    identifier = str(api.get("identifier"))
    policy = policies(detected.client).get(identifier, {})
    grant = inventory.tenant_view.user_grant(detected.client_id, identifier)
    granted: Object = {} if grant is None or isinstance(grant, Unreadable) else grant
    may = (
        user_policy(api) != "require_client_grant"
        or granted.get("allow_all_scopes")
        or scope in granted.get("scope", ())
    )
    return scope in (policy.get("scope") or ()) and bool(may)


def _about_api(spec: ApiSpec, api_consumers: Sequence[DetectedApplication], unlisted: Sequence[str]) -> Iterator[str]:
    client = api_consumers[0].exchange.client if api_consumers and api_consumers[0].exchange else {}
    yield f"Its Custom API Client is {title(client)}." if client else f"{spec.name}."
    if unlisted:
        yield f"Not listed, because the applications here cannot get all of them: {_named(unlisted)}."


def _named(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
