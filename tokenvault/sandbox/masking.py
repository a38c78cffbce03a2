"""What of a tenant's state is shown to people: everything but secrets.

Whoever tries a spec on a sandbox gives it real secrets of real providers, and tokens of the tenant open what stands in
it. A masked state can be loaded: `unmasked` keeps what the tenant already has, or makes a new secret.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from .store import Document

MASK = "(secret)"
MASKED = re.compile(r"\(secret\)( \d+)?")
State = Mapping[str, Mapping[str, Document]]

# Fields by their names, whatever they are in; the values of some objects are all secret.
SECRET = re.compile(
    r"secret$|password$|passphrase$|private_?key$|api_?key$|sas_?key$|master_?key$|access_?key$|signing_?key$"
    r"|^key$|(^|_)token$|^code$|^code_verifier$|^assertion$|^ticket$",
    re.IGNORECASE,
)
PRIVATE_PEM = "PRIVATE KEY-----"
SECRET_OBJECTS = frozenset({"configuration"})
PRIVATE_JWK = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
# Where the key of a stored document is itself a secret.
KEYED_BY_SECRETS = re.compile(r"token|code|session|ticket|transaction", re.IGNORECASE)


def masked(state: State) -> dict[str, dict[str, Document]]:
    """The state with every secret replaced; kinds whose keys are secrets get numbers in their place."""
    return {kind: _masked_kind(kind, documents) for kind, documents in state.items()}


def _masked_kind(kind: str, documents: Mapping[str, Document]) -> dict[str, Document]:
    hidden = KEYED_BY_SECRETS.search(kind) is not None
    return {
        f"{MASK} {number}" if hidden else key: _without_secrets(document)
        for number, (key, document) in enumerate(documents.items(), 1)
    }


def _without_secrets(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    private = PRIVATE_JWK if "kty" in value else frozenset()
    return {name: _hidden(name, item, name in private) for name, item in value.items()}


def _hidden(name: str, value: Any, private: bool) -> Any:
    if name in SECRET_OBJECTS and isinstance(value, dict):
        return dict.fromkeys(value, MASK)
    if isinstance(value, str) and value and (private or SECRET.search(name) or PRIVATE_PEM in value):
        return MASK
    return _without_secrets(value)


def is_masked(value: Any) -> bool:
    """Whether a value stands for a secret that was not shown."""
    return isinstance(value, str) and MASKED.fullmatch(value) is not None


def unmasked(state: State, held: State) -> dict[str, dict[str, Document]]:
    """A state to load, with each mask replaced by what the tenant holds in that place, or by a secret made anew.

    What was kept under a secret key cannot come back and is left out.
    """
    return {
        kind: {
            key: _filled(document, held.get(kind, {}).get(key))
            for key, document in documents.items()
            if not is_masked(key)
        }
        for kind, documents in state.items()
    }


def _filled(value: Any, held: Any) -> Any:
    if is_masked(value):
        return held if isinstance(held, str) else secrets.token_urlsafe(32)
    if isinstance(value, list):
        others = held if isinstance(held, list) and len(held) == len(value) else [None] * len(value)
        return [_filled(item, other) for item, other in zip(value, others, strict=True)]
    if isinstance(value, dict):
        known = held if isinstance(held, dict) else {}
        return {key: _filled(item, known.get(key)) for key, item in value.items()}
    return value
