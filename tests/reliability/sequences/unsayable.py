"""What an export cannot say: a plan of it changes this, and the export has to have said so."""

from __future__ import annotations

import re
from typing import Any

from tests.reliability.sequences.tenant import State

MARKS = ("metadata.", "client_metadata.")


def is_unsayable(plan: dict[str, Any], text: str, state: State, *, by_hand: bool) -> bool:
    """Whether no spec could say what this plan of an export changes, and the export says of each change that it comes.

    Marks alone are written anew only after somebody changed `by_hand`, or by taking it over, what they record, or beside
    such a change.
    """
    said = " ".join(line.lstrip("#").strip() for line in text.partition("# What it cannot say:")[2].splitlines())
    said = said.partition(" version: ")[0]
    changes = [change for change in plan["changes"] if _paths(change)]
    confessed = (
        all(change["address"] in said for change in plan["changes"]) or "A plan of it is not empty: and " in said
    )
    is_uneven = any(change["kind"] == "api" and _paths(change) == {"scopes"} for change in changes) or _has_lost(state)
    rest = [change for change in changes if not (by_hand and is_uneven and _is_about_scopes(change))]
    return confessed and (by_hand or bool(changes)) and all(_has_no_words(change, state) for change in rest)


def _paths(change: dict[str, Any]) -> set[str]:
    """The attributes that a change is about, without marks."""
    return {each["path"][0] for each in change["attributes"] if not each["path"][0].startswith(MARKS)}


def _is_about_scopes(change: dict[str, Any]) -> bool:
    """Whether it is about scopes of an API of which somebody took one, from it or a caller: a spec gives all the same."""
    return change["action"] == "update" and _paths(change) <= {"scopes", "scope", "refresh_token.policies"}


def _has_lost(state: State) -> bool:
    """Whether a caller of an API holds a scope that the API has not any more."""
    scopes = {a["identifier"]: {s["value"] for s in a.get("scopes") or ()} for a in state["resource_servers"].values()}
    grants = [grant for grant in state["client_grants"].values() if grant["audience"] in scopes]
    return any(not scopes[grant["audience"]].issuperset(grant.get("scope") or ()) for grant in grants)


def _has_no_words(change: dict[str, Any], state: State) -> bool:
    match change["kind"], change["action"]:
        case "connection", "update":  # an option that holds a secret
            secret = {each["path"][0] for each in change["attributes"] if each["sensitive"]}
            return _paths(change) == secret
        case "client_grant", "delete":  # of a caller of an API that nobody exchanges for any more
            [audience] = [each["before"] for each in change["attributes"] if each["path"] == ["audience"]]
            return audience not in [client.get("resource_server_identifier") for client in state["clients"].values()]
        case "api", "update":  # what a caller needed, of whom nothing in the tenant tells
            return not _is_called(state["resource_servers"][change["id"]]["identifier"], state)
        case _:
            return False


def _is_called(identifier: str, state: State) -> bool:
    """Whether an application to which a spec gave APIs shows that it calls this one: by its refresh tokens, or by a grant.

    What others reach is no sign: they are not what the spec had listed as callers.
    """
    marks = {key: (c.get("client_metadata") or {}).get("tokenvault", "") for key, c in state["clients"].items()}
    ours = {key: c for key, c in state["clients"].items() if re.search(r" (api|mrrt):", str(marks[key]))}
    policies = [p for c in ours.values() for p in (c.get("refresh_token") or {}).get("policies") or ()]
    grants = [grant for grant in state["client_grants"].values() if grant["client_id"] in ours]
    return identifier in [held.get("audience") for held in (*policies, *grants)]
