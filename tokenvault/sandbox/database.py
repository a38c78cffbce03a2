"""Opens the SQLite file that holds a tenant; raises SandboxFileError with the reason when a file cannot be used.

A file is first opened read-only, so that one which another program made is never written to. A new file gets an
`application_id` of SQLite; files of earlier versions have none and are recognised by their one table.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import quote

from .errors import SandboxFileError

Opened = TypeVar("Opened")

MEMORY = ":memory:"
BUSY_TIMEOUT_MS = 20_000
APPLICATION_ID = 0x54565342  # "TVSB"
MAGIC = b"SQLite format 3\0"
COLUMNS = ("kind", "id", "seq", "doc")
NEW_FILE = "Name another file, or delete this one: a new one is made when there is none."
CREATION_GRACE = 0.5
"""Seconds in which a file that cannot be read may be one that some other process is just making."""
_OPENING = threading.Lock()
"""One at a time: a process that closes any descriptor of a file loses all locks that SQLite holds on it (POSIX)."""


def connect(path: str, schema: str) -> sqlite3.Connection:
    """A connection to the tenant's file, which is made when it is not there; raises SandboxFileError.

    Several threads and processes may do this at once with a new file.
    """
    with explained(path):
        if path == MEMORY:
            return _prepared(path, schema)
        with _OPENING:
            _create_private(Path(path))
            return _patiently(lambda: _opened(path, schema))


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Raises what SQLite and the system say of the file as a SandboxFileError."""
    try:
        yield
    except (sqlite3.Error, OSError) as problem:
        raise _in_words(path, problem) from problem


def damaged(path: str) -> SandboxFileError:
    """The file is SQLite and a sandbox's, but what stands in it cannot be read."""
    return SandboxFileError(
        "sandbox-damaged",
        f"{path} is a damaged sandbox: what stands in it cannot be read",
        "Delete it, or start over with `tokenvault sandbox reset` and another --state.",
    )


# ---- opening


def _opened(path: str, schema: str) -> sqlite3.Connection:
    _refuse_foreign(path)
    return _prepared(path, schema)


def _prepared(path: str, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if not _holds_tenant(connection):
            connection.executescript(f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; {schema} COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def _holds_tenant(connection: sqlite3.Connection) -> bool:
    return tuple(row[1] for row in connection.execute("PRAGMA table_info(objects)")) == COLUMNS


def _patiently(open_file: Callable[[], Opened]) -> Opened:
    """Tries again while somebody else makes the file: SQLite does not wait by itself for a change of journal mode."""
    started = time.monotonic()
    while True:
        try:
            return open_file()
        except sqlite3.DatabaseError as problem:
            patience = CREATION_GRACE if _is_unreadable(problem) else BUSY_TIMEOUT_MS / 1000 * _is_busy(problem)
            if time.monotonic() - started > patience:
                raise
            time.sleep(0.01)


def _is_busy(problem: sqlite3.Error) -> bool:
    return _code(problem) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _is_unreadable(problem: sqlite3.Error) -> bool:
    return _code(problem) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(problem: sqlite3.Error) -> int:
    return int(getattr(problem, "sqlite_errorcode", 0)) & 0xFF


def _create_private(path: Path) -> None:
    make_folder(path.parent)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Creates the folder, and where that makes a `.tokenvault`, has git leave it alone: what is in there is private."""
    ours = next((one for one in (folder, *folder.parents) if one.name == ".tokenvault"), None)
    is_new = ours is not None and not ours.exists()
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    if ours and is_new:
        (ours / ".gitignore").write_text("*\n", encoding="utf-8")


# ---- whose file it is


def _refuse_foreign(path: str) -> None:
    if not Path(path).is_file():
        _refuse(path, "is no regular file")
    if Path(path).stat().st_size == 0:
        return
    with closing(_read_only(path)) as connection:
        if not (_is_empty(connection) or _is_ours(connection)):
            _refuse(path, "is a SQLite file of some other program")


def _is_ours(connection: sqlite3.Connection) -> bool:
    marked = connection.execute("PRAGMA application_id").fetchone()[0]
    return marked in (0, APPLICATION_ID) and _entries(connection) == ["objects"] and _holds_tenant(connection)


def _is_empty(connection: sqlite3.Connection) -> bool:
    numbers = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    return numbers == [0, 0] and not _entries(connection)


def _entries(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type <> 'index'")]


def _read_only(path: str) -> sqlite3.Connection:
    """Opens the file read-only. Without a write-ahead log beside it, it is opened as immutable, so that SQLite makes none."""
    merged = "" if Path(f"{path}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"file:{quote(str(Path(path).resolve()))}?mode=ro{merged}", uri=True, isolation_level=None)


def _refuse(path: str, what: str) -> NoReturn:
    raise _foreign(path, what)


def _foreign(path: str, what: str) -> SandboxFileError:
    return SandboxFileError("sandbox-foreign", f"{path} {what}, and is left as it is", NEW_FILE)


def _begins_as_sqlite(path: str) -> bool:
    with Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


# ---- what went wrong


def _in_words(path: str, problem: sqlite3.Error | OSError) -> SandboxFileError:
    if isinstance(problem, OSError):
        return _of_system(path, problem)
    match _code(problem):
        case sqlite3.SQLITE_FULL:
            return _full(path)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path) if _begins_as_sqlite(path) else _foreign(path, "is no SQLite file")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            hint = "Another process writes to it; wait for it, or end it."
            return SandboxFileError("sandbox-busy", f"{path} is in use", hint)
        case sqlite3.SQLITE_READONLY:
            return _unusable(path, "it cannot be written to")
        case sqlite3.SQLITE_IOERR:
            return _unusable(path, "reading or writing it failed; is the disk full?")
    return _unusable(path, str(problem))


def _of_system(path: str, problem: OSError) -> SandboxFileError:
    full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
    return _full(path) if full else _unusable(path, problem.strerror or str(problem))


def _full(path: str) -> SandboxFileError:
    return SandboxFileError("sandbox-full", f"{path} cannot grow: the disk is full", "Make room and run it again.")


def _unusable(path: str, why: str) -> SandboxFileError:
    hint = "Name another file with --state or --sandbox=PATH.db, or see to it that this one can be written."
    return SandboxFileError("sandbox-unusable", f"{path} cannot be used as a sandbox: {why}", hint)
