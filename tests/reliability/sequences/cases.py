"""Draws cases: a tenant with a past, a spec, and what its owner and others do to both.

Edits are drawn along the spec as it would stand then, so that most of them hit something; each is plain data, and one that
does not fit any more, when others were taken out of the case, is simply not made.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from tests.reliability.sequences.entries import (
    APPLICATIONS,
    CONNECTIONS,
    CRM_OPTIONS,
    DOMAINS,
    GOOGLE_OPTIONS,
    NEEDS,
    OIDC_OPTIONS,
    OLD,
    SCOPES,
    TOP,
    Draw,
    accounts,
    api,
    application,
    connection,
    flavors,
    keys_of,
    may,
    serving,
    some,
    specs,
    urls,
    value_of,
)
from tests.reliability.sequences.pasts import pasts

ACCIDENTS = ("kill-before", "kill-after", "interrupt", "lost", "502")
SORTS = (
    "callbacks", "grant_types", "policy", "grant", "enabled", "address", "worker_grant", "api_scope", "api_client",
    "accounts", "scope", "option", "client", "logout_urls", "setting",
)  # fmt: skip


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
    sorts = [
        "application",
        "field",
        "flavors",
        "connection",
        "option",
        "api",
        "serves",
        "keys",
        "xaa",
        "scopes",
        "bare",
        "top",
    ]
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
            chosen = draw(flavors({"type": "regular_web", **entry}, list(spec.get("apis", {})), used))
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
            return _put(["apis", key], draw(api(key, names)))
        case "serves":
            key = draw(st.sampled_from(sorted(spec.get("apis", {})) or ["backend"]))
            field, value = draw(st.sampled_from([("flavors", serving()), ("connections", some(*names, least=1))]))
            return _put(["apis", key, field], draw(value))
        case "keys" if workers := _workers(spec):
            name = draw(st.sampled_from(["public_keys", "authentication_keys"]))
            return _put([*draw(st.sampled_from(workers)), name], draw(keys_of("abcd")))
        case "keys" | "xaa":
            name = draw(st.sampled_from(names))
            if draw(st.booleans()):
                return _put(["connections", name, "connected_accounts"], draw(accounts(name)))
            return _put(["connections", name, "cross_app_access_requesting_app"], draw(st.booleans()))
        case "scopes":
            name = draw(st.sampled_from(names))
            return _put(["connections", name, "scopes"], draw(some(*SCOPES[name])))
        case "bare":
            return draw(bared(spec))
        case _:
            field = draw(st.sampled_from(sorted(TOP)))
            return _put([field], deepcopy(draw(st.sampled_from(TOP[field]))))


def _workers(spec: dict[str, Any]) -> list[list[Any]]:
    """The paths of the settings of every privileged worker."""
    return [
        ["applications", key, "flavors", index, "privileged_worker"]
        for key, entry in spec.get("applications", {}).items()
        for index, flavor in enumerate((entry or {}).get("flavors", ()))
        if isinstance(flavor, dict) and "privileged_worker" in flavor
    ]


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
        "confidential": st.booleans(),
        "first_party": st.just(True),
        "domain": st.sampled_from(DOMAINS),
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


# ---- other people

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
