"""What a plan does, as one hash: equal for two plans that would do the same, whenever and by whomever they were made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tokenvault.plan.document import Document, change_document
from tokenvault.plan.model import Change, Plan
from tokenvault.secrets import Secret

_BESIDE_THE_POINT = frozenset({"source", "requires", "unmanaged", "unmanaged_options", "kept", "risks", "reason"})


def content_hash(plan: Plan) -> str:
    """The hash of the plan's changes, from the values before to the values after.

    Where a line stands in the spec and how many requests planning took are no part of it. Secrets are, by the slow salted
    hash that saved plans hold: a plan with another secret is another plan. It takes a moment for each.
    """
    changes = sorted((_content(change, plan) for change in plan.changes), key=lambda found: str(found["address"]))
    content = {"tenant": plan.tenant, "spec": plan.spec_name, "command": plan.command, "changes": changes}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _content(change: Change, plan: Plan) -> Document:
    shown = {name: value for name, value in change_document(change).items() if name not in _BESIDE_THE_POINT}
    shown["attributes"] = [{**attribute, "why": None} for attribute in shown["attributes"]]
    salt = f"{plan.tenant}/{plan.spec_name}/{change.address}"
    written = {"patch": change.patch, "deferred": change.deferred}
    return {**shown, "secrets": [[path, secret.fingerprint(salt)] for path, secret in _secrets(written, "")]}


def _secrets(value: Any, path: str) -> Iterator[tuple[str, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, Mapping):
        for name in sorted(value):
            yield from _secrets(value[name], f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _secrets(item, f"{path}[{index}]")
