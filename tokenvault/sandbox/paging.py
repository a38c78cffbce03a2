"""List answers: field selection, offset pages, checkpoint pages, and the three shapes they come in.

    (nothing)            [ … ]
    include_totals       {start, limit, total, <key>: [ … ]}
    take / from          {<key>: [ … ], next?}      whatever include_totals says

Offset pages end at the thousandth record, checkpoints do not.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .errors import bad_request
from .routing import Call, Reply
from .store import Document, Filters
from .strategies import STRATEGIES

OFFSET_LIMIT = 1000
View = Callable[[Document], Document]


def list_page(call: Call, kind: str, key: str, filters: Filters, view: View, *, most: int = 100) -> Reply:
    """One page of a collection in the shape that the query asks for."""
    if call.one("take") or call.one("from"):
        return _checkpoint_page(call, kind, key, filters, view, most)
    limit, start = number(call, "per_page", 50, least=0, most=most), 0
    start = number(call, "page", 0) * limit
    if start + limit > OFFSET_LIMIT and start > 0:
        message = f"You can only page through the first {OFFSET_LIMIT} records, use checkpoints"
        raise bad_request(message, "invalid_paging")
    items = [view(doc) for doc in call.tx.page(kind, filters, offset=start, limit=limit)]
    if not call.flag("include_totals"):
        return Reply(200, items)
    return Reply(200, {"start": start, "limit": limit, "total": call.tx.count(kind, filters), key: items})


def _checkpoint_page(call: Call, kind: str, key: str, filters: Filters, view: View, most: int) -> Reply:
    take = number(call, "take", 50, least=1, most=most)
    rows = call.tx.after(kind, filters, seq=_position(call.one("from")), limit=take + 1)
    body: dict[str, Any] = {key: [view(doc) for _, doc in rows[:take]]}
    if len(rows) > take:
        body["next"] = _cursor(rows[take - 1][0])
    return Reply(200, body)


def slice_page(call: Call, key: str, items: list[Document], *, most: int = 100) -> Reply:
    """The same three shapes for a list that is already in memory."""
    if call.one("take") or call.one("from"):
        return checkpoint_slice(call, key, items, most=most)
    limit = number(call, "per_page", 50, least=0, most=most)
    start = number(call, "page", 0) * limit
    shown = items[start : start + limit]
    if not call.flag("include_totals"):
        return Reply(200, shown)
    return Reply(200, {"start": start, "limit": limit, "total": len(items), key: shown})


def checkpoint_slice(call: Call, key: str, items: list[Document], *, most: int) -> Reply:
    """A checkpoint page of a list that is already in memory."""
    take, start = number(call, "take", 50, least=1, most=most), _position(call.one("from"))
    body: dict[str, Any] = {key: items[start : start + take]}
    if len(items) > start + take:
        body["next"] = _cursor(start + take)
    return Reply(200, body)


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"after:{position}".encode()).decode().rstrip("=")


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return int(text.removeprefix("after:"))
    except ValueError:
        raise bad_request("The checkpoint in the from parameter is not valid", "invalid_query_string") from None


def number(call: Call, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """An integer query parameter within its bounds."""
    value = call.one(name)
    if value is None or value == "":
        return default
    if not value.lstrip("-").isdigit():
        raise _bad_query(f"Expected type integer but found type string' on property {name}")
    if int(value) < least:
        raise _bad_query(f"Value {value} is less than minimum {least}' on property {name}")
    if most is not None and int(value) > most:
        raise _bad_query(f"Value {value} is greater than maximum {most}' on property {name}")
    return int(value)


def _bad_query(problem: str) -> Exception:
    return bad_request(f"Query validation error: '{problem}.", "invalid_query_string")


FLAGS = frozenset({"include_fields", "include_totals", "is_global", "is_first_party", "allow_any_organization"})
CHOICES: Mapping[str, Collection[str]] = {
    "subject_type": ("client", "user"),
    "default_for": ("third_party_clients",),
    "strategy": STRATEGIES,
}


def check_query(query: Mapping[str, Sequence[str]], allowed: Collection[str]) -> None:
    """Refuse query parameters that the operation does not know, and values that they cannot have."""
    if unknown := [name for name in query if name not in allowed]:
        raise _bad_query(f"Additional properties not allowed: {','.join(unknown)}'")
    for name, values in query.items():
        for value in filter(None, values):
            if name in FLAGS and value.lower() not in ("true", "false", "1", "0"):
                raise _bad_query(f"Expected type boolean but found type string' on property {name}")
            if name in CHOICES and value not in CHOICES[name]:
                raise _bad_query(f"No enum match for: {value}' on property {name}")


def select(call: Call, doc: Document, always: Collection[str] = ()) -> Document:
    """The document reduced to the fields that the query names, or without them."""
    names = {name for value in call.query.get("fields", ()) for name in value.split(",") if name}
    if not names:
        return doc
    if call.flag("include_fields") is False:
        return {key: value for key, value in doc.items() if key not in names}
    top = {name.split(".")[0] for name in names} | set(always)
    return {key: value for key, value in doc.items() if key in top}
