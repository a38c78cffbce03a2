"""Writes what `init` made: all of it or nothing, and never over a file that is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.init.answers import KeyPair
from tokenvault.init.draft import Draft, schema_file, schema_text
from tokenvault.secrets import Secret

GITIGNORE = ".gitignore"
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\*?[ "})


def refuse_to_overwrite(output: Path) -> None:
    """`RefusedError` when the spec's place is taken."""
    if os.path.lexists(output):
        summary, hint = (
            f"{output} is there already",
            "Choose another file with --out, or pass --force to replace it.",
        )
        raise RefusedError(Diagnostic(code="init-exists", summary=summary, hint=hint))


def write(draft: Draft, *, replace: bool) -> dict[str, str]:
    """Writes the files; each with what it is. What an error leaves half done is taken back."""
    with ExitStack() as undo:
        try:
            written = dict(_write(draft, undo.callback, replace=replace))
        except OSError as error:
            summary = f"{error.filename or draft.output} cannot be written: {error.strerror or type(error).__name__}"
            raise RefusedError(Diagnostic(code="init-write", summary=summary, hint="Nothing was written.")) from error
        undo.pop_all()
    return written


Undo = Callable[..., object]


def _write(draft: Draft, undo: Undo, *, replace: bool) -> Iterator[tuple[str, str]]:
    _make_folder(draft.folder, undo)
    if draft.key_pair:
        yield from _write_keys(draft.folder, draft.key_pair, undo)
    if not schema_file(draft).exists():
        _create(schema_file(draft), schema_text(), undo)
        yield str(schema_file(draft)), "for completion in editors"
    if replace and draft.output.exists():
        _replace(draft.output, draft.text)
    else:
        _create(draft.output, draft.text, undo)
    yield str(draft.output), "the spec"


def _write_keys(folder: Path, pair: KeyPair, undo: Undo) -> Iterator[tuple[str, str]]:
    """The private key is ignored by git before it exists."""
    private, public = folder / pair.private_file, folder / pair.public_file
    if _ignore(folder / GITIGNORE, pair.private_file, undo):
        yield str(folder / GITIGNORE), "keeps the private key out of git"
    _make_folder(private.parent, undo)
    _create(private, pair.private_pem.reveal(), undo, mode=0o600)
    yield str(private), "the private key, for the worker alone"
    _create(public, pair.public_pem, undo)
    yield str(public), "its public half"


def _make_folder(folder: Path, undo: Undo) -> None:
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir()
        undo(missing.rmdir)


def _create(path: Path, text: str, undo: Undo, *, mode: int = 0o666) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    undo(path.unlink)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def _replace(path: Path, text: str) -> None:
    """The old spec stays whole until the new one is."""
    with ExitStack() as undo:
        beside = path.with_name(f".{path.name}.new")
        _create(beside, text, undo.callback)
        beside.replace(path)
        undo.pop_all()


def _ignore(gitignore: Path, file: str, undo: Undo) -> bool:
    """Adds the file to what git ignores, unless it is there; whether it was added."""
    before = gitignore.read_text(encoding="utf-8") if gitignore.exists() else None
    line = "/" + file.translate(_SPECIAL)
    if before is not None and line in before.splitlines():
        return False
    undo(gitignore.unlink) if before is None else undo(gitignore.write_text, before, encoding="utf-8")
    gap = "" if not before or before.endswith("\n") else "\n"
    gitignore.write_text(f"{before or ''}{gap}{line}\n", encoding="utf-8")
    return True


BITS = 2048
FOLDER = "keys"


def make_key_pair(folder: Path, key: str) -> KeyPair:
    """A new RSA key pair for the application, in files below the folder that do not exist yet. Writes nothing."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private_file, public_file = _free_files(folder, key)
    made = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(
        private_file=private_file,
        private_pem=Secret(private.decode(), private_file),
        public_file=public_file,
        public_pem=public.decode(),
    )


def _free_files(folder: Path, key: str) -> tuple[str, str]:
    for number in count(1):
        stem = f"{FOLDER}/{key}" if number == 1 else f"{FOLDER}/{key}-{number}"
        names = (f"{stem}.key.pem", f"{stem}.pub.pem")
        if not any((folder / name).exists() for name in names):
            return names
    raise AssertionError("unreachable")
