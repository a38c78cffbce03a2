"""A snapshot: what plans look at of a tenant, as a file without a secret, so that one can plan without credentials.

What is kept is decided by the tables of kinds: the attributes that they name. Of everything else only flags and numbers
are kept, and that it is there; a snapshot cannot hold a secret that nobody thought of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenvault import __version__
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.kinds import kinds
from tokenvault.model.constraints import Equals
from tokenvault.model.desired import Graph
from tokenvault.secrets import Secret, is_sensitive
from tokenvault.state.live import NOT_IN_SNAPSHOT, State, match
from tokenvault.state.unknown import REDACTED

FORMAT, VERSION = "tokenvault-snapshot", "1.0"
MARKER = {"$withheld": True}
MAX_BYTES = 200 * 1024 * 1024
_USERINFO = re.compile(r"://[^/?#]*@")  # a URL may carry a password


# ---- state → file


def snapshot_document(state: State, *, taken_at: str, graph: Graph | None = None) -> dict[str, Any]:
    """The state as JSON data. With a graph, options that it asks for in clear are kept too."""
    extra = _asked_in_clear(state, graph) if graph else {}
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "tokenvault_version": __version__,
        "tenant": state.domain,
        "taken_at": taken_at,
        "spec": graph.spec_name if graph else None,
        "collections": {
            name: {
                **({"pieces": sorted(state.partitions[name])} if name in state.partitions else {}),
                "objects": [_kept(item, _named(name) | extra.get(id(item), frozenset())) for item in objects],
            }
            for name, objects in state.objects.items()
        },
        "unreadable": dict(state.unreadable),
    }


def _named(collection: str) -> frozenset[str]:
    """The attributes of a collection's objects that its kinds name, secrets excepted."""
    here = [kind for kind in kinds().values() if kind.collection.name == collection]
    fields = {path for kind in here for path, field in kind.fields.items() if not field.secret and path[-1] != "*"}
    return frozenset(fields | {kind.id_field for kind in here})


def _asked_in_clear(state: State, graph: Graph) -> dict[int, frozenset[str]]:
    """By object: what the spec says in clear of it cannot be a secret."""
    objects = match(graph, state).objects
    return {
        id(live): frozenset(
            path
            for path, constraint in graph.nodes[address].constraints.items()
            if isinstance(constraint, Equals) and not is_sensitive(constraint.value)
        )
        for address, live in objects.items()
    }


def _kept(value: Any, named: frozenset[str], path: str = "") -> Any:
    if path in named:
        return _without_secrets(value)
    if isinstance(value, Mapping) and (not path or any(name.startswith(f"{path}.") for name in named)):
        return {key: _kept(item, named, f"{path}.{key}" if path else str(key)) for key, item in value.items()}
    return value if isinstance(value, bool | int | float | None) else MARKER


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    hidden = isinstance(value, Secret) or (isinstance(value, str) and _USERINFO.search(value))
    return MARKER if hidden else value


# ---- file → state


def read_snapshot(path: Path) -> State:
    """The state in a snapshot file; `RefusedError` when it is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _refused(path, "it is too large")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refused(path, error.strerror or "it cannot be opened") from None
    except (ValueError, RecursionError):
        raise _refused(path, "it is not JSON") from None
    return _state(path, document)


def _state(path: Path, document: Any) -> State:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _refused(path, "it is not a snapshot")
    if str(document.get("format_version")).split(".")[0] != VERSION.split(".")[0]:
        raise _refused(
            path, f"it has format version {document.get('format_version')}, and this tokenvault reads {VERSION}"
        )
    collections: Any = document.get("collections")
    unreadable: Any = document.get("unreadable")
    tenant, taken_at = document.get("tenant"), document.get("taken_at")
    if not (isinstance(tenant, str) and isinstance(taken_at, str) and taken_at and _is_shaped(collections, unreadable)):
        raise _refused(path, "parts of it are missing")
    names = {kind.collection.name for kind in kinds().values()}
    return State(
        domain=tenant,
        taken_at=taken_at,
        objects={name: [_restored(item) for item in part["objects"]] for name, part in collections.items()},
        partitions={name: frozenset(part["pieces"]) for name, part in collections.items() if "pieces" in part},
        unreadable={**dict.fromkeys(sorted(names - collections.keys()), NOT_IN_SNAPSHOT), **unreadable},
    )


def _is_shaped(collections: Any, unreadable: Any) -> bool:
    if not isinstance(collections, dict) or not isinstance(unreadable, dict):
        return False
    texts = all(isinstance(reason, str) for reason in unreadable.values())
    return texts and all(isinstance(part, dict) and _is_collection(name, part) for name, part in collections.items())


def _is_collection(name: str, part: Mapping[str, Any]) -> bool:
    objects, partitions = part.get("objects"), part.get("pieces", [])
    ids = [kind.id_field for kind in kinds().values() if kind.collection.name == name]
    return (
        isinstance(objects, list)
        and all(isinstance(item, dict) and all(isinstance(item.get(key), str) for key in ids) for item in objects)
        and isinstance(partitions, list)
        and all(isinstance(partition_key, str) for partition_key in partitions)
    )


def _restored(value: Any) -> Any:
    if value == MARKER:
        return REDACTED
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    return [_restored(item) for item in value] if isinstance(value, list) else value


def _refused(path: Path, reason: str) -> RefusedError:
    hint = "Take one with: `tokenvault snapshot --out live.json`"
    return RefusedError(
        Diagnostic(code="snapshot", summary=f"{path} cannot be used as a snapshot: {reason}", hint=hint)
    )
