"""The files that commands write: private, whole or not at all, refused in one way; and whether a file is a saved plan."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenvault.errors import Diagnostic, RefusedError

PLAN_FORMAT = "tokenvault-plan"
ELSEWHERE = "Name a file in a folder that exists and that you may write to."

_SNIFFED = 4096


def is_plan_file(path: Path) -> bool:
    """Whether the file says that it is a plan, be it a broken one."""
    try:
        if not path.is_file():  # a pipe would be read for ever
            return False
        with path.open("rb") as file:
            start = file.read(_SNIFFED).lstrip()
    except (OSError, ValueError):
        return False
    return start.startswith(b"{") and f'"{PLAN_FORMAT}"'.encode() in start


def refuse_existing(path: Path | None, *, code: str, force: bool) -> None:
    """Raises `RefusedError` where there is a file already that the user did not say to replace."""
    if path and path.exists() and not force:
        hint = "Name another file, or pass --force to replace it. Nothing was sent."
        raise RefusedError(Diagnostic(code=code, summary=f"{path} exists already", hint=hint))


@contextmanager
def written(path: Path, *, code: str) -> Iterator[None]:
    """While the context lasts, the file is written: an OSError becomes the `RefusedError` that names it."""
    try:
        yield
    except OSError as error:
        summary = f"{path} cannot be written: {error.strerror or 'the system refuses'}"
        raise RefusedError(Diagnostic(code=code, summary=summary, hint=ELSEWHERE)) from None


def make_folder(folder: Path) -> None:
    """Creates the folder, and where that makes a `.tokenvault`, has git leave it alone. Raises OSError."""
    ours = next((one for one in (folder, *folder.parents) if one.name == ".tokenvault"), None)
    is_new = ours is not None and not ours.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if ours and is_new:
        (ours / ".gitignore").write_text("*\n", encoding="utf-8")  # the sandbox, an island, does the same


def ignoring(path: Path) -> str:
    """The command that has git leave the file alone; nothing where a `.gitignore` above names it, or where no git is."""
    file = path.absolute()
    root = next((folder for folder in file.parents if (folder / ".git").exists()), None)
    if root is None:
        return ""
    for folder in (one for one in file.parents if one == root or root in one.parents):
        inside = file.relative_to(folder).as_posix()
        if {file.name, f"*{file.suffix or file.name}", f"/{inside}", inside} & _lines(folder / ".gitignore"):
            return ""
    ignored, name = file.parent / ".gitignore", shlex.quote(f"/{file.name}")
    return f"echo {name} >> {shlex.quote(os.path.relpath(ignored))}"


def _lines(file: Path) -> set[str]:
    try:
        return {line.strip() for line in file.read_text(encoding="utf-8").splitlines()}
    except (OSError, ValueError):
        return set()


def write_private(path: Path, text: str) -> None:
    """Writes the file with mode 0600, atomically: whoever reads it sees the old content or the new, never a half.

    Raises OSError. A symbolic link is replaced, not followed.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
