"""Examples as public, versioned JSON. The terminal form is drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tokenvault import __version__
from tokenvault.flavors import flavors
from tokenvault.usage.curl import curl
from tokenvault.usage.example import Connecting, Example
from tokenvault.usage.node import node
from tokenvault.usage.python import python, signs

FORMAT, VERSION = "tokenvault-usage", "1.0"
PROGRAMS: Mapping[str, Callable[[Example], str]] = {"curl": curl, "python": python, "node": node}


def usage_document(
    tenant: str, found: Iterable[Example], connecting: Iterable[Connecting], *, offline: bool
) -> dict[str, Any]:
    """Everything as JSON data. `offline`: ids are placeholders where no spec names them."""
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "tokenvault_version": __version__,
        "tenant": tenant,
        "offline": offline,
        "exchanges": [_exchange(example) for example in found],
        "connecting": [_connecting(one) for one in connecting],
    }


def _exchange(example: Example) -> dict[str, Any]:
    return {
        "application": example.application,
        "flavor": example.flavor,
        "summary": flavors()[example.flavor].summary,
        "client_id": example.client_id,
        "connection": example.connection,
        "connections": list(example.connections),
        "url": example.url,
        "parameters": dict(example.parameters),
        "proof": example.proof,
        "subject": example.request.subject,
        "variables": dict(example.variables),
        "needs": {
            "curl": "curl 7.76 or later" + (" and openssl" if signs(example) else ""),
            "python": "Python 3.9 or later" + (" and PyJWT: pip install 'pyjwt[crypto]'" if signs(example) else ""),
            "node": "Node.js 18 or later",
        },
        "programs": {name: program(example) for name, program in PROGRAMS.items()},
        "documentation": flavors()[example.flavor].doc,
    }


def _connecting(one: Connecting) -> dict[str, Any]:
    return {
        "application": one.application,
        "client_id": one.client_id,
        "connections": list(one.connections),
        "steps": list(one.steps),
        "documentation": flavors()["connected_accounts"].doc,
    }
