"""A tenant as a set of facts, and what a spec asks for as such a set: an independent model of what Token Vault needs.

A fact is a tuple of strings: its sort, what it is about, and the member. Facts of one sort stand in one list of one object.
Nothing here reads tokenvault's own tables: the model is written from Auth0's documents.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from tests.reliability.sequences.tenant import State
from tests.support import CONNECTED_ACCOUNTS, TOKEN_VAULT_GRANT
from tokenvault.sandbox import DOMAIN

Fact = tuple[str, ...]
Facts = frozenset[Fact]
Spec = dict[str, Any]
ME = f"https://{DOMAIN}/me/"
URL_LISTS = {
    "callbacks": "callbacks",
    "logout_urls": "allowed_logout_urls",
    "web_origins": "web_origins",
    "allowed_origins": "allowed_origins",
}
USER_FACING = frozenset({"connected_accounts", "refresh_token_exchange", "access_token_exchange"})
OFFLINE_SCOPE = frozenset({"oauth2", "oidc"})
SETTINGS = {
    "first_party": ("is_first_party", lambda value: value is True),
    "secret": ("token_endpoint_auth_method", lambda value: value != "none"),
}
"""What an application is, of which a spec may ask that it holds: nobody knows what it was before."""
REQUESTING = "cross_app_access_requesting_app.active"
EXISTENCE = frozenset({"client", "api", "api_client", "key", "connection"})
"""Sorts of facts about whole objects, which only `--prune` and `destroy` take away."""


def facts(state: State) -> Facts:
    """What the tenant holds."""
    return frozenset(_facts(state))


def _facts(state: State) -> Iterator[Fact]:
    kids = {key.split("/")[-1]: str(item.get("kid")) for key, item in state.get("credentials", {}).items()}
    names = {key: str(item["name"]) for key, item in state.get("connections", {}).items()}
    for client_id, client in state["clients"].items():
        yield from _of_client(client_id, client, kids)
    for key, item in state.get("credentials", {}).items():
        yield ("key", key.split("/")[0], str(item.get("kid")))
    for grant in state.get("client_grants", {}).values():
        about = (grant["client_id"], grant["audience"], grant.get("subject_type") or "client")
        yield ("grant", *about, "")
        yield from (("grant", *about, scope) for scope in grant.get("scope") or ())
    for row in state.get("enablements", {}).values():
        yield ("enabled", names[row["connection_id"]], row["client_id"])
    for connection in state.get("connections", {}).values():
        yield from _of_connection(connection)
    for api in state["resource_servers"].values():
        yield ("api", api["identifier"])
        for scope in api.get("scopes") or ():
            yield ("api_scope", api["identifier"], scope["value"])
            yield ("api_text", api["identifier"], scope["value"], str(scope.get("description") or ""))


def _of_client(client_id: str, client: Mapping[str, Any], kids: Mapping[str, str]) -> Iterator[Fact]:
    yield ("client", client_id)
    if identifier := client.get("resource_server_identifier"):
        yield ("api_client", identifier)
    yield from (("setting", client_id, name) for name, (of, holds) in SETTINGS.items() if holds(client.get(of)))
    for name, attribute in URL_LISTS.items():
        yield from ((name, client_id, url) for url in client.get(attribute) or ())
    yield from (("grant_types", client_id, grant) for grant in client.get("grant_types") or ())
    for policy in (client.get("refresh_token") or {}).get("policies") or ():
        yield ("policy", client_id, policy["audience"], "")
        yield from (("policy", client_id, policy["audience"], scope) for scope in policy.get("scope") or ())
    access = client.get("token_vault_privileged_access") or {}
    yield from (("address", client_id, address) for address in access.get("ip_allowlist") or ())
    for grant in access.get("grants") or ():
        yield ("worker_grant", client_id, grant["connection"], "")
        yield from (("worker_grant", client_id, grant["connection"], scope) for scope in grant["scopes"])
    yield from (("worker_key", client_id, kids.get(one["id"], "?")) for one in access.get("credentials") or ())
    methods = (client.get("client_authentication_methods") or {}).get("private_key_jwt") or {}
    yield from (("auth_key", client_id, kids.get(one["id"], "?")) for one in methods.get("credentials") or ())


def _of_connection(connection: Mapping[str, Any]) -> Iterator[Fact]:
    name, options = connection["name"], connection.get("options") or {}
    yield ("connection", name)
    if connection["connected_accounts"].get("active"):
        yield ("accounts", name)
    yield from (_option(name, setting, value) for setting, value in _switches(connection))
    for scope in words(options.get("scope")) | words(options.get("freeform_scopes")):
        yield ("scope", name, scope)
    for option, value in options.items():
        if option not in ("scope", "freeform_scopes"):
            yield _option(name, option, value)


def _switches(connection: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The further settings of connected accounts that are there, on or off."""
    for setting, value in connection.get("connected_accounts", {}).items():
        if setting != "active":
            yield f"connected_accounts.{setting}", value
    if requesting := connection.get("cross_app_access_requesting_app"):
        yield REQUESTING, requesting["active"]


def is_still_off(fact: Fact, found: Facts) -> bool:
    """Whether a further setting of connected accounts that was off is not there: that is no different."""
    is_off = fact[0] == "option" and fact[2].startswith(("connected_accounts.", REQUESTING)) and fact[3] == "false"
    return is_off and (*fact[:3], "true") not in found


def _option(name: str, option: str, value: Any) -> Fact:
    return ("option", name, option, json.dumps(value, sort_keys=True))


def words(value: Any) -> frozenset[str]:
    """Scopes, however a connection spells them."""
    return frozenset(value.replace(",", " ").split() if isinstance(value, str) else map(str, value or ()))


def exact(value: Any) -> Any:
    """The value with booleans as words, for to Python `True` is `1`."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return f"<{value}>" if isinstance(value, bool) else value


# ---- what a spec asks for


def flavors_of(app: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings of each flavor of an application or an API of a spec."""
    named = [{flavor: {}} if isinstance(flavor, str) else dict(flavor) for flavor in app.get("flavors", ())]
    return {name: settings for flavor in named for name, settings in flavor.items()}


def exchanges_of(spec: Spec) -> list[tuple[str, dict[str, Any]]]:
    """Who has tokens for an API exchanged, application or the API itself: the API's key, and the settings."""
    apps = [flavors_of(app).get("access_token_exchange") for app in spec.get("applications", {}).values()]
    apis = {key: flavors_of(api).get("access_token_exchange") for key, api in spec.get("apis", {}).items()}
    by_apps = [(str(settings["api"]), settings) for settings in apps if settings]
    return by_apps + [(key, settings) for key, settings in apis.items() if settings is not None]


def connections_of(spec: Spec, app: Mapping[str, Any]) -> list[str]:
    """The connections that an application of a spec uses."""
    return list(app.get("connections", spec.get("connections", {})))


def asked(spec: Spec, ids: Mapping[str, str], state: State, kids: Mapping[str, str]) -> Facts:
    """What a spec, its references resolved, asks of the tenant.

    `ids` are the client ids of its applications by key, `kids` the names of keys by file. The state tells what Auth0
    has to say first: strategies, and whether an API demands grants.
    """
    return frozenset(_asked(spec, ids, state, kids))


def _asked(spec: Spec, ids: Mapping[str, str], state: State, kids: Mapping[str, str]) -> Iterator[Fact]:
    there = {c["name"]: c for c in state.get("connections", {}).values()}
    for name, connection in spec.get("connections", {}).items():
        yield from _asked_of_connection(name, connection or {}, there.get(name, {}))
    for api in spec.get("apis", {}).values():
        yield ("api", api["identifier"])
        for value, text in (api.get("scopes") or {}).items():
            yield ("api_scope", api["identifier"], value)
            yield ("api_text", api["identifier"], value, text)
        if "access_token_exchange" in flavors_of(api):
            yield ("api_client", api["identifier"])
    for key, app in spec.get("applications", {}).items():
        if key in ids:
            yield ("client", ids[key])
            yield from _asked_of_application(spec, app, ids[key], state, kids)


def _asked_of_connection(name: str, connection: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[Fact]:
    strategy = live.get("strategy")
    yield ("connection", name)
    yield ("accounts", name)
    yield from (("scope", name, scope) for scope in connection.get("scopes") or ())
    if connection.get("offline_access") and strategy in OFFLINE_SCOPE:
        yield ("scope", name, "offline_access")
    if connection.get("offline_access") and strategy == "google-oauth2":
        yield _option(name, "offline_access", True)
    given = {**connection.get("credentials", {}), **connection.get("options", {})}
    yield from (_option(name, option, value) for option, value in given.items())
    yield from _asked_switches(name, connection, {of for of, _ in _switches(live)})


def _asked_switches(name: str, connection: Mapping[str, Any], there: Collection[str]) -> Iterator[Fact]:
    """What is asked of further settings: to be off, one that is not there has not to be given."""
    asked = {f"connected_accounts.{key}": value for key, value in connection.get("connected_accounts", {}).items()}
    asked[REQUESTING] = connection.get("cross_app_access_requesting_app")
    for setting, value in asked.items():
        if value or (value is False and setting in there):
            yield _option(name, setting, value)


def _asked_of_application(
    spec: Spec, app: Mapping[str, Any], client_id: str, state: State, kids: Mapping[str, str]
) -> Iterator[Fact]:
    flavors = flavors_of(app)
    for name in URL_LISTS:
        yield from ((name, client_id, url) for url in app.get(name) or ())
    for connection in connections_of(spec, app):
        yield ("enabled", connection, client_id)
    if flavors or app.get("first_party"):
        yield ("setting", client_id, "first_party")
    if flavors.keys() & {"refresh_token_exchange", "privileged_worker"} or app.get("confidential"):
        yield ("setting", client_id, "secret")
    if flavors.keys() & USER_FACING:
        yield from (("grant_types", client_id, grant) for grant in ("authorization_code", "refresh_token"))
        yield from _grant(client_id, ME, CONNECTED_ACCOUNTS)
        yield from _policy(client_id, ME, CONNECTED_ACCOUNTS)
    if flavors.keys() & {"refresh_token_exchange", "privileged_worker"}:
        yield ("grant_types", client_id, TOKEN_VAULT_GRANT)
    if "access_token_exchange" in flavors:
        yield from _asked_of_exchange(spec["apis"][flavors["access_token_exchange"]["api"]], client_id, state)
    if "privileged_worker" in flavors:
        yield from _asked_of_worker(flavors["privileged_worker"], client_id, kids)


def _asked_of_exchange(api: Mapping[str, Any], client_id: str, state: State) -> Iterator[Fact]:
    identifier, scopes = api["identifier"], list(api.get("scopes") or {})
    yield ("api_client", identifier)
    if scopes:
        yield from _policy(client_id, identifier, scopes)
    live = next((a for a in state["resource_servers"].values() if a["identifier"] == identifier), None)
    if live and live["subject_type_authorization"]["user"]["policy"] == "require_client_grant":
        yield from _grant(client_id, identifier, scopes)


def _asked_of_worker(settings: Mapping[str, Any], client_id: str, kids: Mapping[str, str]) -> Iterator[Fact]:
    signing = [kids[entry["file"]] for entry in settings.get("public_keys") or ()]
    own = [kids[entry["file"]] for entry in settings.get("authentication_keys") or ()]
    authenticating = (own or signing) if settings.get("authentication", "private_key_jwt") == "private_key_jwt" else []
    yield from (("key", client_id, kid) for kid in (*signing, *own))
    yield from (("worker_key", client_id, kid) for kid in signing)
    yield from (("auth_key", client_id, kid) for kid in authenticating)
    yield from (("address", client_id, address) for address in settings.get("ip_allowlist") or ())
    for connection, scopes in (settings.get("grants") or {}).items():
        yield ("worker_grant", client_id, connection, "")
        yield from (("worker_grant", client_id, connection, scope) for scope in scopes)


def _grant(client_id: str, audience: str, scopes: Iterable[str]) -> Iterator[Fact]:
    yield from (("grant", client_id, audience, "user", scope) for scope in ("", *scopes))


def _policy(client_id: str, audience: str, scopes: Iterable[str]) -> Iterator[Fact]:
    yield from (("policy", client_id, audience, scope) for scope in ("", *scopes))
