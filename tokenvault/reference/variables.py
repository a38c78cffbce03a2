"""The environment variables: which there are is read from the source, what each means stands here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tokenvault.reference.source import modules
from tokenvault.reference.table import code, table

_NAME = re.compile(r"(AUTH0|TOKENVAULT)_[A-Z_]+|NO_COLOR|FORCE_COLOR")
_MEANINGS = {
    "AUTH0_DOMAIN": "The tenant, when `--tenant` does not say.",
    "AUTH0_API_TOKEN": "A Management API token: used as it is.",
    "AUTH0_ACCESS_TOKEN": "The same, under the name that other tools use.",
    "AUTH0_CLIENT_ID": "A machine-to-machine application that gets tokens itself.",
    "AUTH0_CLIENT_SECRET": "Its secret.",
    "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY": "Instead of a secret: its private key (PEM), for Private Key JWT.",
    "AUTH0_CLIENT_ASSERTION_SIGNING_ALG": "What the key signs with. Default: RS256.",
    "AUTH0_AUDIENCE": "The Management API's identifier, where it is not the tenant's usual one.",
    "AUTH0_SUBJECT_TOKEN": "For `exchange` and what `usage` prints: the user's Auth0 token.",
    "AUTH0_USER_ID": "For what `usage` prints for a privileged worker: the user who is not there.",
    "TOKENVAULT_SANDBOX": "As `--sandbox`: 1 for the default file, or a file.",
    "TOKENVAULT_TIMEOUT": "Seconds that one request may take.",
    "TOKENVAULT_TRACEBACK": "Set: show the traceback of a bug.",
    "NO_COLOR": "Set: no colours.",
    "FORCE_COLOR": "Set: colours even into a pipe.",
}


def variables_chapter() -> str:
    """Every variable that the code reads; `LookupError` for one that nobody described."""
    found = sorted(set(_names()))
    if unknown := [name for name in (*found, *_MEANINGS) if name not in _MEANINGS or name not in found]:
        raise LookupError(f"described or read, but not both: {unknown}")
    head = "## Environment variables\n\nBesides those that a spec names with `${env:NAME}`."
    return f"{head}\n\n{table(('Variable', 'What it does'), [(code(name), _MEANINGS[name]) for name in found])}"


def _names() -> Iterator[str]:
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
                yield node.value
