"""The public keys that lie beside an exported spec. Auth0 answers a key's thumbprint and never the key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tokenvault.keys import BadKey, read_public_key

SUFFIXES = (".pem", ".pub", ".crt", ".cer")
MAX_DEPTH, MAX_FILES, MAX_BYTES = 3, 500, 64 * 1024
_SKIPPED = frozenset({"node_modules", "__pycache__"})


def public_keys_below(folder: Path) -> dict[str, str]:
    """The files below the folder that hold a public key, relative to it, by the key's thumbprint."""
    found: dict[str, str] = {}
    for number, path in enumerate(_candidates(folder)):
        if number == MAX_FILES:
            break
        try:
            if path.stat().st_size <= MAX_BYTES:
                found.setdefault(
                    read_public_key(path.read_text(encoding="utf-8")).kid, path.relative_to(folder).as_posix()
                )
        except (OSError, UnicodeDecodeError, BadKey):
            continue
    return found


def _candidates(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        here = Path(place)
        deep = len(here.relative_to(folder).parts) >= MAX_DEPTH
        folders[:] = [] if deep else sorted(f for f in folders if f not in _SKIPPED and not f.startswith("."))
        yield from (here / name for name in sorted(files) if name.endswith(SUFFIXES))
