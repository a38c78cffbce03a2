"""Draws specs: entries of `connections`, `apis` and `applications`, with every field that the schema has."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

Draw = st.DrawFn
CALENDAR = "https://www.googleapis.com/auth/calendar.events"
DRIVE = "https://www.googleapis.com/auth/drive.file"
OTHERS, BACKEND, FILES_API = "https://others.example.com", "https://backend.example.com", "https://files.example.com"
OLD = ("Old Portal", "Old Shop", "Old Job")
WORKERS = {"regular_web", "m2m"}
PUBLIC = {"spa", "native"}


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
OPENID_CONNECT = frozenset({"acme-id"})
DOMAINS = ("auth.acme.example", "login.acme.example", "sandbox.localhost")
EXCHANGERS = ("The exchanger", "Exchanger 2")


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
    if may(draw, 6):
        entry["connected_accounts"] = draw(accounts(name))
    if may(draw, 3 if name in OPENID_CONNECT else 24):
        entry["cross_app_access_requesting_app"] = draw(st.booleans()) and (name in OPENID_CONNECT or may(draw, 4))
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
def accounts(draw: Draw, name: str) -> dict[str, bool]:
    """Further settings of connected accounts; less often such as Auth0 has for other strategies."""
    usual = ["allow_missing_user_id", *(["cross_app_access"] if name in OPENID_CONNECT or may(draw, 8) else [])]
    return {setting: draw(st.booleans()) for setting in draw(some(*usual, least=1))}


@st.composite
def api(draw: Draw, key: str, connections: list[str]) -> dict[str, Any]:
    """An entry of `apis`."""
    entry: dict[str, Any] = {"identifier": {"backend": BACKEND, "files": FILES_API}[key]}
    if may(draw, 3):
        entry["name"] = draw(st.sampled_from(["The API", "Another name"]))
    if may(draw):
        chosen = draw(some("read:it", "write:it", "delete:all"))
        entry["scopes"] = {scope: draw(st.sampled_from(["What it is for", "Something else"])) for scope in chosen}
    if may(draw, 6):
        entry["protect"] = draw(st.booleans())
    if may(draw, 4):
        entry["flavors"] = draw(serving())
    if connections and may(draw, 3 if "flavors" in entry else 12):
        entry["connections"] = draw(some(*connections, least=1))
    return entry


@st.composite
def serving(draw: Draw) -> list[Any]:
    """Flavors of an API that exchanges for callers which the spec does not know."""
    how = draw(st.sampled_from(["word", "mapping", "named"]))
    named = {"client_name": draw(st.sampled_from(EXCHANGERS))} if how == "named" else {}
    return ["access_token_exchange" if how == "word" else {"access_token_exchange": named}]


@st.composite
def keys_of(draw: Draw, names: str) -> list[dict[str, str]]:
    """One key or two, the algorithm of the first named or not."""
    keys = [{"file": f"keys/{name}.pub.pem"} for name in draw(some(*names, least=1))[:2]]
    if may(draw, 4):
        keys[0]["alg"] = draw(st.sampled_from(["RS256", "RS384", "PS256"]))
    return keys


@st.composite
def worker(draw: Draw, connections: list[str]) -> dict[str, Any]:
    """Settings of a privileged worker."""
    granted = [name for name in connections if may(draw)] or connections[:1]
    settings: dict[str, Any] = {
        "public_keys": draw(keys_of("abc")),
        "ip_allowlist": draw(some("203.0.113.0/24", "198.51.100.7", "2001:db8::/32", least=1)),
        "grants": {name: draw(some(*SCOPES[name][:3])) for name in granted},
    }
    if may(draw, 3):
        settings["authentication"] = draw(st.sampled_from(["private_key_jwt", "client_secret_post"]))
    if settings.get("authentication") != "client_secret_post" and may(draw, 3):
        settings["authentication_keys"] = draw(keys_of("bcd"))
    return settings


@st.composite
def flavors(draw: Draw, entry: dict[str, Any], apis: list[str], connections: list[str]) -> list[Any]:
    """Flavors for an application of the entry's type."""
    app_type = entry.get("type")
    chosen: list[Any] = []
    if app_type != "m2m":
        names = ["connected_accounts"]
        names += ["refresh_token_exchange"] if app_type not in PUBLIC or entry.get("confidential") else []
        names += ["access_token_exchange"] if apis else []
        for name in draw(some(*names, least=1)):
            if name == "access_token_exchange":
                chosen.append({name: _exchange(draw, apis)})
            else:
                chosen.append({name: {}} if may(draw, 6) else name)
    if app_type in WORKERS and connections and (app_type == "m2m" or may(draw, 4)):
        chosen.append({"privileged_worker": draw(worker(connections))})
    return chosen or ["connected_accounts"]


def _exchange(draw: Draw, apis: list[str]) -> dict[str, str]:
    named = {"client_name": draw(st.sampled_from(EXCHANGERS))} if may(draw, 4) else {}
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
    if may(draw, 3 if app_type in PUBLIC else 12):
        entry["confidential"] = not may(draw, 4)
    if may(draw, 3 if key in NEEDS else 12):
        entry["first_party"] = True
    if may(draw, 8):
        entry["domain"] = draw(st.sampled_from([*DOMAINS, "${env:SANDBOX_DOMAIN}"]))
    found = list(spec.get("connections", {}))
    used = found
    if may(draw, 3):
        used = draw(some(*found, least=1)) if found else []
        entry["connections"] = used
    entry["flavors"] = draw(flavors({"type": app_type, **entry}, list(spec.get("apis", {})), used))
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
    "my_account_api": [{"domain": DOMAINS[0]}, {"domain": DOMAINS[1]}, {}],
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
            spec.setdefault("apis", {})[key] = draw(api(key, list(spec["connections"])))
    for key in draw(some(*keys, least=1))[:3]:
        spec.setdefault("applications", {})[key] = draw(application(key, spec))
    for name, values in TOP.items():
        if may(draw, 10):
            spec[name] = deepcopy(draw(st.sampled_from(values)))
    return spec
