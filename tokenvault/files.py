"""Files that nobody else may read, written whole or not at all; and whether a file is a saved plan."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

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


def make_folder(folder: Path) -> None:
    """Creates the folder, and where that makes a `.tokenvault`, has git leave it alone. Raises OSError."""
    ours = next((one for one in (folder, *folder.parents) if one.name == ".tokenvault"), None)
    is_new = ours is not None and not ours.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if ours and is_new:
        (ours / ".gitignore").write_text("*\n", encoding="utf-8")  # the sandbox, an island, does the same


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
