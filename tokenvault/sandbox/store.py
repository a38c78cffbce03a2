"""One SQLite file that holds a whole tenant as JSON documents.

Every request is one transaction: a request that was answered is on disk, one that was not has changed nothing, even
after kill -9. WAL and a busy timeout let a second process (a served sandbox, say) open the same file at the same time.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .database import connect, damaged, explained
from .variants import Variant

Document = dict[str, Any]
Filters = Mapping[str, Any]

INDEXED = frozenset({"client_id", "name", "identifier", "resource_server_identifier"})
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects(kind TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, doc TEXT NOT NULL,
                                   PRIMARY KEY (kind, id));
CREATE UNIQUE INDEX IF NOT EXISTS objects_in_order ON objects(kind, seq);
""" + "".join(
    f"CREATE INDEX IF NOT EXISTS by_{field} ON objects(json_extract(doc, '$.{field}'), kind);\n"
    for field in sorted(INDEXED)
)


class UnreadableDocument(Exception):
    """A stored document is no JSON object."""


def _decode(text: str) -> Document:
    try:
        document = json.loads(text)
    except (ValueError, TypeError):
        raise UnreadableDocument from None
    if not isinstance(document, dict):
        raise UnreadableDocument
    return document


class Transaction:
    """The tenant's documents inside one transaction; lists come in order of creation."""

    def __init__(self, connection: sqlite3.Connection, variants: frozenset[str] = frozenset()) -> None:
        self._sql, self._variants = connection, variants
        self._kept_variants: frozenset[str] | None = None

    def varies(self, variant: Variant) -> bool:
        """Whether the server behaves by this variant: this process was told so, or the file says it."""
        if self._kept_variants is None:
            self._kept_variants = frozenset((self.get("tenant", "variants") or {}).get("names", ()))
        return variant.name in self._variants | self._kept_variants

    def get(self, kind: str, key: str) -> Document | None:
        """The document, or None."""
        row = self._sql.execute("SELECT doc FROM objects WHERE kind = ? AND id = ?", (kind, key)).fetchone()
        return _decode(row[0]) if row else None

    def put(self, kind: str, key: str, doc: Document) -> None:
        """Create or replace a document; a replaced one keeps its place in lists."""
        self._sql.execute(
            "INSERT INTO objects VALUES (?1, ?2, (SELECT COALESCE(MAX(seq), 0) + 1 FROM objects WHERE kind = ?1), ?3) "
            "ON CONFLICT(kind, id) DO UPDATE SET doc = excluded.doc",
            (kind, key, json.dumps(doc)),
        )

    def delete(self, kind: str, key: str) -> bool:
        """Remove a document; says whether it was there."""
        return self._sql.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, key)).rowcount > 0

    def find(self, kind: str, filters: Filters | None = None) -> list[Document]:
        """Every document whose top-level fields have these values (a tuple means any of them)."""
        return [doc for _, doc in self.after(kind, filters or {})]

    def first(self, kind: str, filters: Filters) -> Document | None:
        """The oldest document with these values, or None."""
        return next((doc for _, doc in self.after(kind, filters, limit=1)), None)

    def after(self, kind: str, filters: Filters, *, seq: int = 0, limit: int = -1) -> list[tuple[int, Document]]:
        """Documents created after `seq`, each with its own sequence number."""
        where, values = _where(filters)
        # A unary plus keeps SQLite from walking the order index where a filter's own index is the shorter way.
        order = "+seq" if INDEXED & filters.keys() else "seq"
        rows = self._sql.execute(
            f"SELECT seq, doc FROM objects WHERE kind = ? AND {order} > ?{where} ORDER BY {order} LIMIT ?",  # noqa: S608
            (kind, seq, *values, limit),
        )
        return [(number, _decode(doc)) for number, doc in rows]

    def page(self, kind: str, filters: Filters, *, offset: int, limit: int) -> list[Document]:
        """One page of documents by position."""
        where, values = _where(filters)
        rows = self._sql.execute(
            f"SELECT doc FROM objects WHERE kind = ?{where} ORDER BY seq LIMIT ? OFFSET ?",  # noqa: S608
            (kind, *values, limit, offset),
        )
        return [_decode(doc) for (doc,) in rows]

    def count(self, kind: str, filters: Filters) -> int:
        """How many documents have these values."""
        where, values = _where(filters)
        query = f"SELECT COUNT(*) FROM objects WHERE kind = ?{where}"  # noqa: S608
        return int(self._sql.execute(query, (kind, *values)).fetchone()[0])

    def below(self, kind: str, owner: str) -> list[Document]:
        """Documents whose key is `owner/…`, oldest first."""
        rows = self._sql.execute(
            "SELECT doc FROM objects WHERE kind = ? AND id > ? AND id < ? ORDER BY seq",
            (kind, f"{owner}/", f"{owner}0"),  # "0" follows "/" in ASCII: exactly the keys that begin with owner/
        )
        return [_decode(doc) for (doc,) in rows]

    def dump(self) -> dict[str, dict[str, Document]]:
        """Everything: kind → key → document, in order of creation."""
        state: dict[str, dict[str, Document]] = {}
        for kind, key, doc in self._sql.execute("SELECT kind, id, doc FROM objects ORDER BY kind, seq"):
            state.setdefault(kind, {})[key] = _decode(doc)
        return state

    def clear(self) -> None:
        """Remove everything."""
        self._sql.execute("DELETE FROM objects")


def _where(filters: Filters) -> tuple[str, list[Any]]:
    clauses = ""
    values: list[Any] = []
    for field, wanted in filters.items():
        options = wanted if isinstance(wanted, tuple) else (wanted,)
        marks = ", ".join("?" * len(options))
        # The literal path lets SQLite use the expression indexes; field names come from our code, never from a request.
        clauses += f" AND json_extract(doc, '$.{field}') IN ({marks})"
        values += options
    return clauses, values


class Store:
    """Opens the file and hands out transactions. Everything here raises SandboxFileError when the file fails."""

    def __init__(self, path: Path | str, variants: frozenset[str] = frozenset()) -> None:
        self.path, self._variants = str(path), variants
        self._lock = threading.RLock()
        self._connection = connect(self.path, SCHEMA)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view; what is written in it is undone."""
        with self._lock, self._transaction("BEGIN", "ROLLBACK"):
            yield Transaction(self._connection, self._variants)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """The one writer; commits at the end, undoes everything when the block raises."""
        with self._lock, self._transaction("BEGIN IMMEDIATE", "COMMIT"):
            yield Transaction(self._connection, self._variants)

    @contextmanager
    def _transaction(self, begin: str, end: str) -> Iterator[None]:
        with explained(self.path), _readable(self.path):
            self._connection.execute(begin)
            try:
                yield
                self._connection.execute(end)
            except BaseException:
                if self._connection.in_transaction:  # on a full disk SQLite has ended it already
                    self._connection.execute("ROLLBACK")
                raise

    def snapshot(self) -> Snapshot:
        """The state as it is now, whatever is written later."""
        return Snapshot(connect(self.path, SCHEMA), self._variants)

    def close(self) -> None:
        """Close the file."""
        with explained(self.path):
            self._connection.close()


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except UnreadableDocument:
        raise damaged(path) from None


class Snapshot:
    """A view that stays as it was when it was taken; close it after use."""

    def __init__(self, connection: sqlite3.Connection, variants: frozenset[str] = frozenset()) -> None:
        self._connection = connection
        connection.execute("BEGIN")
        connection.execute("SELECT COUNT(*) FROM objects").fetchone()  # a read transaction begins with its first read
        self.transaction = Transaction(connection, variants)

    def close(self) -> None:
        """Give the view up."""
        self._connection.execute("ROLLBACK")
        self._connection.close()


# ---- how a PATCH changes a stored object: null removes, some objects are merged one level deep, the rest is replaced


def merge(stored: Document, patch: Document, *, replaced: Collection[str] = ()) -> Document:
    """The object after the patch; objects named in `replaced` are taken as they are sent."""
    merged = dict(stored)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and key not in replaced:
            merged[key] = overlay(stored.get(key), value)
        else:
            merged[key] = value
    return merged


def overlay(stored: Any, patch: Document) -> Document:
    """One level of merging: null deletes a key."""
    base = stored if isinstance(stored, dict) else {}
    return without_nulls(base | patch)


def without_nulls(value: Document) -> Document:
    """The object without the keys whose value is null."""
    return {key: item for key, item in value.items() if item is not None}


def pruned(value: Any) -> Any:
    """The value without nulls at any depth of its objects."""
    if isinstance(value, dict):
        return {key: pruned(item) for key, item in value.items() if item is not None}
    return [pruned(item) for item in value] if isinstance(value, list) else value
