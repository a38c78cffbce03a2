"""Draws cases: a tenant with a past, a spec, and what its owner and others do to both.

Edits are drawn along the spec as it would stand then, so that most of them hit something; each is plain data, and one that
does not fit any more, when others were taken out of the case, is simply not made.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from tests.export.by_hand import NON_ROTATING, ROTATING
from tests.reliability.sequences.facts import ME
from tests.support import CONNECTED_ACCOUNTS, TOKEN_VAULT_GRANT

Draw = st.DrawFn
CALENDAR = "https://www.googleapis.com/auth/calendar.events"
DRIVE = "https://www.googleapis.com/auth/drive.file"
OTHERS, BACKEND, FILES_API = "https://others.example.com", "https://backend.example.com", "https://files.example.com"
OLD = ("Old Portal", "Old Shop", "Old Job")
WORKERS = {"regular_web", "m2m"}
PUBLIC = {"spa", "native"}
ACCIDENTS = ("kill-before", "kill-after", "interrupt", "lost", "502")
SORTS = (
    "callbacks", "grant_types", "policy", "grant", "enabled", "address", "worker_grant", "api_scope", "api_client",
    "accounts", "scope", "option", "client", "logout_urls",
)  # fmt: skip


def some(*values: Any, least: int = 0) -> st.SearchStrategy[list[Any]]:
    """Some of these, each once."""
    return st.lists(st.sampled_from(values), unique_by=json.dumps, min_size=least, max_size=len(values))


def may(draw: Draw, chance: int = 2) -> bool:
    """Yes, once in `chance` times; shrinks to no."""
    return draw(st.integers(0, chance - 1)) == chance - 1


# ---- the fields of a spec

urls = some(
    "https://a.example.com/cb", "https://b.example.com/cb", "https://c.example.com/cb", "https://${env:FRONT_HOST}/cb"
)  # fmt: skip
GOOGLE_OPTIONS: dict[str, list[Any]] = {
    "email": [True, False],
    "icon_url": ["https://acme.example/other.png", "https://${env:FRONT_HOST}/icon.png"],
    "allowed_audiences": [["one.example"], ["one.example", "two.example"]],
    "upstream_params": [
        {"login_hint": {"alias": "login_hint"}},
        {"login_hint": {"alias": "login_hint"}, "access_type": {"value": "offline"}},
    ],
    "set_user_root_attributes": ["on_first_login", "never_on_login"],
}
CRM_OPTIONS: dict[str, list[Any]] = {
    "authorizationURL": ["https://crm.example.com/authorize", "https://${env:CRM_HOST}/authorize"],
    "tokenURL": ["https://crm.example.com/token"],
    "upstream_params": [{"a": {"value": "1"}}, {"a": {"value": "1"}, "b": {"value": "2"}}, {"a": {"value": "3"}}],
    "scripts": [{"fetchUserProfile": "function(accessToken, ctx, cb) { cb(null, ctx); }"}],
    "customHeaders": [{"X-Region": "eu-west"}, {"X-Region": "eu", "X-Note": "${env:CRM_NOTE}"}],
    "pkce_enabled": [True, False],
    "retries": [1, True, 2, 0, False],
    "list_of_objects": [[{"name": "a", "on": True}], [{"name": "a", "on": 1}, {"name": "b"}]],
    "note": ["${env:CRM_NOTE}", "plain", "it's, a: #note"],
    "useOauthSpecScope": [True],
}
OIDC_OPTIONS: dict[str, list[Any]] = {
    "type": ["back_channel"],
    "issuer": ["https://id.acme.example"],
    "authorization_endpoint": ["https://id.acme.example/authorize"],
    "token_endpoint": ["https://id.acme.example/token"],
    "jwks_uri": ["https://id.acme.example/jwks"],
}
CREDENTIALS = [
    {"client_id": "crm-client", "client_secret": "${env:CRM_SECRET}"},
    {"client_id": "${env:CRM_ID}", "client_secret": "${file:values/secret.txt}"},
]
SCOPES = {
    "google-oauth2": ["email", "profile", CALENDAR, DRIVE],
    "github": ["user:email", "repo", "gist", "custom:scope"],
    "sign-in-with-slack": ["users:read", "files:read"],
    "crm": ["contacts.read", "contacts.write", "offline_access"],
    "acme-id": ["openid", "profile", "email"],
}
CONNECTIONS = tuple(SCOPES)


@st.composite
def options(draw: Draw, pool: dict[str, list[Any]], always: tuple[str, ...] = ()) -> dict[str, Any]:
    """Some options of a pool."""
    chosen = [name for name in pool if name in always or may(draw, 3)]
    return {name: draw(value_of(pool[name])) for name in chosen}


@st.composite
def value_of(draw: Draw, values: list[Any]) -> Any:
    """One of these; less often one that holds references."""
    plain = [value for value in values if "${" not in json.dumps(value)]
    return deepcopy(draw(st.sampled_from(values if not plain or may(draw, 8) else plain)))


@st.composite
def connection(draw: Draw, name: str) -> dict[str, Any]:
    """An entry of `connections`."""
    entry: dict[str, Any] = {}
    if may(draw, 3):
        entry["purpose"] = draw(st.sampled_from(["connected_accounts", "authentication_and_connected_accounts"]))
    if may(draw):
        entry["scopes"] = draw(some(*SCOPES[name]))
    if may(draw, 12 if name == "github" else 2):
        entry["offline_access"] = name != "crm" or draw(st.booleans())
    match name:
        case "google-oauth2":
            entry |= {"options": draw(options(GOOGLE_OPTIONS))} if may(draw) else {}
            if may(draw, 6):
                entry |= {"strategy": "google-oauth2", "credentials": draw(st.sampled_from(CREDENTIALS))}
        case "crm":
            entry |= {"strategy": "oauth2", "credentials": draw(st.sampled_from(CREDENTIALS))}
            entry["options"] = draw(options(CRM_OPTIONS, ("authorizationURL", "tokenURL")))
        case "acme-id":
            entry |= {"strategy": "oidc", "credentials": draw(st.sampled_from(CREDENTIALS))}
            entry["options"] = draw(options(OIDC_OPTIONS, tuple(OIDC_OPTIONS)))
        case "github" if may(draw, 3):
            entry["options"] = {
                "upstream_params": {"screen_name": {"alias": draw(st.sampled_from(["login_hint", "prompt"]))}}
            }
    return entry


@st.composite
def api(draw: Draw, key: str) -> dict[str, Any]:
    """An entry of `apis`."""
    entry: dict[str, Any] = {"identifier": {"backend": BACKEND, "files": FILES_API}[key]}
    if may(draw, 3):
        entry["name"] = draw(st.sampled_from(["The API", "Another name"]))
    if may(draw):
        chosen = draw(some("read:it", "write:it", "delete:all"))
        entry["scopes"] = {scope: draw(st.sampled_from(["What it is for", "Something else"])) for scope in chosen}
    if may(draw, 6):
        entry["protect"] = draw(st.booleans())
    return entry


@st.composite
def worker(draw: Draw, connections: list[str]) -> dict[str, Any]:
    """Settings of a privileged worker."""
    keys = [{"file": f"keys/{name}.pub.pem"} for name in draw(some("a", "b", "c", least=1))[:2]]
    if may(draw, 4):
        keys[0]["alg"] = draw(st.sampled_from(["RS256", "RS384", "PS256"]))
    granted = [name for name in connections if may(draw)] or connections[:1]
    settings: dict[str, Any] = {
        "public_keys": keys,
        "ip_allowlist": draw(some("203.0.113.0/24", "198.51.100.7", "2001:db8::/32", least=1)),
        "grants": {name: draw(some(*SCOPES[name][:3])) for name in granted},
    }
    if may(draw, 3):
        settings["authentication"] = draw(st.sampled_from(["private_key_jwt", "client_secret_post"]))
    return settings


@st.composite
def flavors(draw: Draw, app_type: str | None, apis: list[str], connections: list[str]) -> list[Any]:
    """Flavors for an application of a type."""
    chosen: list[Any] = []
    if app_type != "m2m":
        names = ["connected_accounts"]
        names += ["refresh_token_exchange"] if app_type not in PUBLIC else []
        names += ["access_token_exchange"] if apis else []
        for name in draw(some(*names, least=1)):
            chosen.append(name if name != "access_token_exchange" else {name: _exchange(draw, apis)})
    if app_type in WORKERS and connections and (app_type == "m2m" or may(draw, 4)):
        chosen.append({"privileged_worker": draw(worker(connections))})
    return chosen or ["connected_accounts"]


def _exchange(draw: Draw, apis: list[str]) -> dict[str, str]:
    named = {"client_name": draw(st.sampled_from(["The exchanger", "Exchanger 2"]))} if may(draw, 4) else {}
    return {"api": draw(st.sampled_from(apis)), **named}


@st.composite
def application(draw: Draw, key: str, spec: dict[str, Any]) -> dict[str, Any]:
    """An entry of `applications`."""
    entry: dict[str, Any] = {}
    usual = {"web": "regular_web", "spa": "spa", "job": "m2m", "nat": "native", "old": "regular_web", "oldjob": "m2m"}
    if key == "old":
        how = draw(st.sampled_from(["name", "id"]))
        entry |= {"name": OLD[0]} if how == "name" else {"client_id": "${env:ID_OLD_PORTAL}"}
    elif key == "oldjob":
        entry["client_id"] = "${env:ID_OLD_JOB}"
    elif may(draw, 6):
        entry["name"] = draw(st.sampled_from([f"The {key}", f"Another {key}"]))
    app_type: str | None = usual.get(key, "regular_web")
    if key not in ("oldjob",) and may(draw, 6):
        app_type = draw(st.sampled_from(["regular_web", "spa", "native", "m2m"]))
    if "client_id" not in entry or may(draw):
        entry["type"] = app_type
    found = list(spec.get("connections", {}))
    used = found
    if may(draw, 3):
        used = draw(some(*found, least=1)) if found else []
        entry["connections"] = used
    entry["flavors"] = draw(flavors(app_type, list(spec.get("apis", {})), used))
    for name in ("callbacks", "logout_urls", "web_origins", "allowed_origins"):
        if may(draw, 2 if name == "callbacks" else 5):
            entry[name] = draw(urls)
    if may(draw, 8):
        entry["protect"] = draw(st.booleans())
    return entry


APPLICATIONS = ("web", "spa", "job", "nat", "old", "oldjob")
NEEDS = {"old": OLD[0], "oldjob": OLD[2]}
TOP: dict[str, list[Any]] = {
    "tenant": ["sandbox.localhost", "${env:SANDBOX_DOMAIN}"],
    "my_account_api": [{"domain": "auth.acme.example"}, {"domain": "login.acme.example"}, {}],
    "mfa_policy": ["warn", "set_never", "ignore"],
}


@st.composite
def specs(draw: Draw, keys: tuple[str, ...]) -> dict[str, Any]:
    """A first spec, whose applications have some of these keys."""
    spec: dict[str, Any] = {"version": 1, "name": "alpha", "connections": {}}
    for name in ["google-oauth2", *(n for n in CONNECTIONS[1:] if may(draw, 4))]:
        spec["connections"][name] = draw(connection(name))
    for key in ("backend", "files"):
        if may(draw, 3):
            spec.setdefault("apis", {})[key] = draw(api(key))
    for key in draw(some(*keys, least=1))[:3]:
        spec.setdefault("applications", {})[key] = draw(application(key, spec))
    for name, values in TOP.items():
        if may(draw, 10):
            spec[name] = deepcopy(draw(st.sampled_from(values)))
    return spec


# ---- edits


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything below a value that can be dropped."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[Any, ...]] = []
    for key, item in inside:
        if path or key not in ("version", "name"):
            found += [(*path, key), *paths(item, (*path, key))]
    return found


@st.composite
def puts(draw: Draw, spec: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Something of the spec gets another value."""
    sorts = ["application", "field", "flavors", "connection", "option", "api", "scopes", "bare", "top"]
    sort = draw(st.sampled_from(sorts))
    apps = sorted(spec.get("applications", {})) or ["web"]
    names = sorted(spec.get("connections", {})) or ["google-oauth2"]
    match sort:
        case "application":
            key = draw(st.sampled_from(keys))
            return _put(["applications", key], draw(application(key, spec)))
        case "field":
            key = draw(st.sampled_from(apps))
            field, values = draw(st.sampled_from(sorted(_fields(spec, key).items(), key=lambda pair: pair[0])))
            return _put(["applications", key, field], draw(values))
        case "flavors":
            key = draw(st.sampled_from(apps))
            entry = spec.get("applications", {}).get(key) or {}
            used = list(entry.get("connections", spec.get("connections", {})))
            chosen = draw(flavors(entry.get("type", "regular_web"), list(spec.get("apis", {})), used))
            return _put(["applications", key, "flavors"], chosen)
        case "connection":
            name = draw(st.sampled_from(CONNECTIONS))
            return _put(["connections", name], draw(connection(name)))
        case "option":
            name = draw(st.sampled_from(names))
            pool = {"google-oauth2": GOOGLE_OPTIONS, "acme-id": OIDC_OPTIONS}.get(name, CRM_OPTIONS)
            option = draw(st.sampled_from(sorted(pool)))
            return _put(["connections", name, "options", option], draw(value_of(pool[option])))
        case "api":
            key = draw(st.sampled_from(["backend", "files"]))
            return _put(["apis", key], draw(api(key)))
        case "scopes":
            name = draw(st.sampled_from(names))
            return _put(["connections", name, "scopes"], draw(some(*SCOPES[name])))
        case "bare":
            return draw(bared(spec))
        case _:
            field = draw(st.sampled_from(sorted(TOP)))
            return _put([field], deepcopy(draw(st.sampled_from(TOP[field]))))


@st.composite
def bared(draw: Draw, spec: dict[str, Any]) -> dict[str, Any]:
    """An entry loses all that it need not have, at once: nothing is asked there any more."""
    needed = {
        "connections": ["purpose"],
        "apis": ["identifier"],
        "applications": ["name", "client_id", "type", "flavors"],
    }
    entries = [(section, key) for section in needed for key in spec.get(section, {})] or [("connections", "github")]
    section, key = draw(st.sampled_from(entries))
    entry = spec.get(section, {}).get(key) or {}
    return _put([section, key], {name: entry[name] for name in needed[section] if name in entry})


def _put(path: list[Any], value: Any) -> dict[str, Any]:
    return {"do": "put", "path": path, "value": value}


def _fields(spec: dict[str, Any], key: str) -> dict[str, st.SearchStrategy[Any]]:
    found = list(spec.get("connections", {})) or ["google-oauth2"]
    lists = dict.fromkeys(("callbacks", "logout_urls", "web_origins", "allowed_origins"), urls)
    return {
        **lists,
        "type": st.sampled_from(["regular_web", "spa", "native", "m2m"]),
        "name": st.sampled_from([f"The {key}", f"Another {key}"]),
        "connections": some(*found, least=1),
        "protect": st.booleans(),
    }


@st.composite
def edits(draw: Draw, spec: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """One edit of the spec."""
    sort = draw(st.sampled_from(["put", "put", "put", "drop", "drop", "drop", "rekey", "rename", "move", "files"]))
    apps = sorted(spec.get("applications", {})) or ["web"]
    match sort:
        case "put":
            return draw(puts(spec, keys))
        case "drop":
            found = paths({key: value for key, value in spec.items() if key not in ("version", "name")})
            return {"do": "drop", "path": list(draw(st.sampled_from(found)))} if found else draw(puts(spec, keys))
        case "rekey":
            section = draw(st.sampled_from(["applications", "applications", "apis"]))
            old = draw(st.sampled_from(sorted(spec.get(section, {})) or ["web"]))
            return {"do": "rekey", "section": section, "old": old, "new": f"{old}-2".replace("-2-2", "")}
        case "rename":
            return {"do": "rename", "name": draw(st.sampled_from(["alpha", "gamma"]))}
        case "move":
            return {"do": "move", "key": draw(st.sampled_from(apps))}
        case _:
            return {"do": "files", "layout": draw(st.sampled_from(["one", "split", "overlay"]))}


def follow(spec: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
    """The spec after an edit, as far as the next one is drawn along it."""
    changed = deepcopy(spec)
    try:
        if step["do"] == "rekey":
            changed[step["section"]][step["new"]] = changed[step["section"]].pop(step["old"])
        if step["do"] == "move":
            changed["applications"].pop(step["key"])
        if step["do"] in ("put", "drop"):
            *above, last = step["path"]
            holder: Any = changed
            for part in above:
                holder = holder.setdefault(part, {}) if isinstance(holder, dict) else holder[part]
            if step["do"] == "put":
                holder[last] = deepcopy(step["value"])
            else:
                del holder[last]
    except (KeyError, IndexError, TypeError, AttributeError):
        return spec
    return changed


# ---- the past, and other people

PLAIN = ("authorization_code", "implicit", "refresh_token", "client_credentials", "password", TOKEN_VAULT_GRANT)
METADATA: list[dict[str, str]] = [
    {},
    {"team": "portal"},
    {f"full-{number}": "x" for number in range(9)},
    {f"full-{number}": "x" for number in range(10)},
    {"tokenvault": "other/portal created"},
    {"tokenvault": "not a mark of ours"},
]
ALL_ME = sorted(CONNECTED_ACCOUNTS)


@st.composite
def old_application(draw: Draw, name: str) -> dict[str, Any]:
    """An application that somebody made by hand."""
    body: dict[str, Any] = {"app_type": {"Old Job": "non_interactive", "Old Shop": "spa"}.get(name, "regular_web")}
    if may(draw, 6):
        body["app_type"] = draw(st.sampled_from(["regular_web", "spa", "native"]))
    body["token_endpoint_auth_method"] = "none" if body["app_type"] == "spa" else "client_secret_post"
    body["grant_types"] = draw(some(*PLAIN[: 5 if body["app_type"] == "spa" else 6], least=1))
    if may(draw):
        body["callbacks"] = draw(some("https://a.example.com/cb", "https://old.example.com/cb"))
    if may(draw, 3):
        body["allowed_logout_urls"] = draw(some("https://b.example.com/cb", "https://old.example.com/bye"))
    if may(draw, 3):
        body["oidc_conformant"] = draw(st.booleans())
    if may(draw, 3):
        body["jwt_configuration"] = draw(
            st.sampled_from([{"alg": "HS256"}, {"alg": "RS256", "lifetime_in_seconds": 60}])
        )
    if may(draw, 3):
        body["client_metadata"] = draw(st.sampled_from(METADATA))
    refresh: dict[str, Any] = dict(
        ROTATING if body["app_type"] == "spa" else draw(st.sampled_from([ROTATING, NON_ROTATING]))
    )
    policies = draw(some(ME, OTHERS, BACKEND)) if may(draw, 3) else []
    if policies:
        refresh["policies"] = [{"audience": a, "scope": draw(_scopes_of(a))} for a in policies]
    body["refresh_token"] = refresh
    if name == "Old Job":
        body["jwt_configuration"] = {"alg": "RS256"}
    step: dict[str, Any] = {"do": "hand", "act": "application", "name": name, "body": body}
    if may(draw, 3):
        step["grants"] = {a: draw(_scopes_of(a)) for a in draw(some(ME, OTHERS, BACKEND, least=1))}
    if may(draw):
        step["connections"] = draw(some("google-oauth2", "github", "sign-in-with-slack"))
    if name == "Old Job" and may(draw):
        scopes = draw(some("email", CALENDAR, DRIVE))
        grants = [{"connection": "google-oauth2", "scopes": scopes}] if may(draw) else []
        addresses = draw(some("203.0.113.0/24", "192.0.2.9", least=1))
        step["worker"] = {"key": draw(st.sampled_from(["a", "b"])), "addresses": addresses, "grants": grants}
    return step


def _scopes_of(audience: str) -> st.SearchStrategy[list[str]]:
    return some(*(ALL_ME if audience == ME else ["read:it", "write:it"]), least=1)


@st.composite
def pasts(draw: Draw) -> list[dict[str, Any]]:
    """What people did before tokenvault came."""
    steps: list[dict[str, Any]] = []
    chosen = [name for name in OLD if may(draw)]
    names = [draw(old_application(name)) for name in chosen]
    text = json.dumps(names)
    if ME in text or may(draw, 4):
        policy = draw(st.sampled_from(["require_client_grant", "allow_all", "deny_all"]))
        body = {
            "skip_consent_for_verifiable_first_party_clients": draw(st.booleans()),
            "subject_type_authorization": {"user": {"policy": policy}},
        }
        steps.append({"do": "hand", "act": "my_account", "body": body})
    for identifier in (OTHERS, BACKEND):
        if identifier in text or may(draw, 4):
            values = draw(some("read:it", "write:it")) if identifier not in text else ["read:it", "write:it"]
            body = {
                "identifier": identifier,
                "name": "By hand",
                "scopes": [{"value": v, "description": "Old"} for v in values],
            }
            if may(draw, 3):
                policy = draw(st.sampled_from(["require_client_grant", "allow_all"]))
                body["subject_type_authorization"] = {
                    "user": {"policy": policy},
                    "client": {"policy": "require_client_grant"},
                }
            steps.append({"do": "hand", "act": "api", "body": body})
    if may(draw, 4):
        steps.append({"do": "hand", "act": "new_connection", "body": deepcopy(CRM)})
    if may(draw, 4):
        steps.append(
            {"do": "hand", "act": "connection", "name": "google-oauth2", "body": draw(st.sampled_from(GOOGLE_PASTS))}
        )
    if may(draw, 8):
        steps.append({"do": "hand", "act": "mfa", "body": ["all-applications"]})
    return steps + names


CRM = {
    "name": "crm",
    "strategy": "oauth2",
    "options": {
        "client_id": "by-hand",
        "client_secret": "by-hand-secret",
        "authorizationURL": "https://crm.example.com/authorize",
        "tokenURL": "https://crm.example.com/old-token",
        "scope": ["contacts.read", "legacy"],
        "upstream_params": {"a": {"value": "0"}, "old": {"value": "9"}},
    },
}
GOOGLE_PASTS: list[dict[str, Any]] = [
    {"connected_accounts": {"active": True}},
    {"options": {"freeform_scopes": [DRIVE], "offline_access": True}},
    {"metadata": {"cost": "1"}},
    {"metadata": {"tokenvault": "other/google-oauth2 adopted"}},
]

WHOM = (*APPLICATIONS, *OLD, "Storefront")


@st.composite
def by_others(draw: Draw) -> dict[str, Any]:
    """Somebody changes something beside tokenvault: what it owns, or what is none of its business (`foreign`)."""
    sort = draw(st.sampled_from(["take", "take", "take", "foreign", "foreign", "owned", "add"]))
    match sort:
        case "take":
            return {"do": "take", "sort": draw(st.sampled_from(SORTS)), "nth": draw(st.integers(0, 5))}
        case "foreign":
            return {**draw(st.sampled_from(FOREIGN)), "do": "hand", "foreign": True}
        case "owned":
            act = draw(st.sampled_from(["wipe", "delete_client", "fill", "wipe_connection"]))
            if act == "wipe_connection":
                return {"do": "hand", "act": act, "name": draw(st.sampled_from(["google-oauth2", "github", "crm"]))}
            return {"do": "hand", "act": act, "whom": draw(st.sampled_from(APPLICATIONS))}
        case _:
            return {"do": "hand", **draw(st.sampled_from(ADDED)), "whom": draw(st.sampled_from(APPLICATIONS))}


FOREIGN: list[dict[str, Any]] = [
    {"act": "client", "whom": "Storefront", "body": {"description": "Changed by hand"}},
    {"act": "client", "whom": "Old Portal", "body": {"description": "Changed by hand"}},
    {"act": "client", "whom": "Old Portal", "body": {"client_metadata": {"owner": "me"}}},
    {"act": "client", "whom": "Storefront", "body": {"callbacks": ["https://elsewhere.example.com"]}},
    {"act": "application", "name": "Newcomer", "body": {"app_type": "regular_web"}, "connections": ["google-oauth2"]},
    {"act": "connection", "name": "google-oauth2", "body": {"display_name": "Sign in with it"}},
    {
        "act": "connection",
        "name": "sign-in-with-slack",
        "body": {"options": {"set_user_root_attributes": "on_first_login"}},
    },
    {"act": "api", "body": {"identifier": "https://new.example.com", "name": "New"}},
    {"act": "enable", "whom": "Storefront", "connection": "google-oauth2", "status": True},
]
ADDED: list[dict[str, Any]] = [
    {"act": "enable", "connection": "github", "status": True},
    {"act": "client", "body": {"description": "Changed by hand"}},
    {"act": "client", "body": {"client_metadata": {"owner": "me"}}},
    {"act": "client", "body": {"jwt_configuration": {"alg": "HS256"}}, "owned": True},
    {"act": "client", "body": {"oidc_conformant": False}, "owned": True},
]


# ---- commands


@st.composite
def commands(draw: Draw) -> dict[str, Any]:
    """A command on the spec."""
    sort = draw(
        st.sampled_from(
            ["apply"] * 6 + ["part", "accident", "accident", "plan", "drift", "export", "doctor", "destroy"]
        )
    )
    match sort:
        case "apply":
            return _apply(draw)
        case "part":
            address = draw(st.sampled_from([f"application.{key}" for key in APPLICATIONS] + ["connection.*", "api.*"]))
            return {**_apply(draw), draw(st.sampled_from(["target", "exclude"])): [address]}
        case "accident":
            how, nth = draw(st.sampled_from(ACCIDENTS)), draw(st.integers(1, 8))
            accident = {"how": how, "nth": nth, "writes": not may(draw, 4)}
            what = {"do": "destroy"} if may(draw, 8) else _apply(draw)
            return {**what, "accident": accident}
        case "plan":
            options = {name: True for name in ("prune", "adopt") if may(draw, 3)}
            return {"do": "plan", "format": draw(st.sampled_from(["text", "json", "markdown", "html"])), **options}
        case "destroy":
            return {"do": "destroy", **({"json": True} if may(draw) else {})}
        case _:
            return {"do": sort}


def _apply(draw: Draw) -> dict[str, Any]:
    chances = {"prune": 2, "adopt": 4, "saved": 5}
    return {"do": "apply", **{name: True for name, chance in chances.items() if may(draw, chance)}}


EMPTY = {"version": 1, "name": "beta", "connections": {"google-oauth2": {}}, "applications": {}}


@st.composite
def cases(draw: Draw) -> dict[str, Any]:
    """A whole case."""
    past = draw(pasts())
    there = {step.get("name") for step in past}
    keys = tuple(key for key in APPLICATIONS if NEEDS.get(key, "") in ("", *there))
    spec = draw(specs(keys))
    steps: list[dict[str, Any]] = []
    along = spec
    is_moved = False
    for _ in range(draw(st.integers(1, 6))):
        for _ in range(draw(st.integers(0, 3))):
            edit = draw(edits(along, keys))
            along = follow(along, edit)
            is_moved |= edit["do"] == "move"
            steps.append(edit)
        steps.append(draw(commands()))
        if is_moved and may(draw):
            steps.append({**_apply(draw), "spec": 1, "adopt": True})
        if may(draw, 3):
            steps.append(draw(by_others()))
    return {"past": past, "specs": [spec, deepcopy(EMPTY)], "steps": steps}
