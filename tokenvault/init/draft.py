"""Makes the spec and the key files from the answers, loads them as `validate` does, and only then writes them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tokenvault.errors import Diagnostic, RefusedError, SpecError
from tokenvault.files import ELSEWHERE
from tokenvault.flavors import flavors
from tokenvault.init.answers import Answers, Api, Connection, Existing, KeyPair
from tokenvault.kinds.strategies import STRATEGIES, UNDOCUMENTED
from tokenvault.secrets import Secret
from tokenvault.spec.load import load_spec
from tokenvault.spec.schema import editor_schema
from tokenvault.spec.writer import Flow, comment, commented_out, indented, mapping
from tokenvault.state.desired import build_graph
from tokenvault.text import escape_output


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The text of the spec, where it goes, and the key pair beside it."""

    output: Path
    text: str
    key_pair: KeyPair | None = None

    @property
    def folder(self) -> Path:
        """The folder that paths in the spec count from."""
        return self.output.parent


def make_draft(answers: Answers, output: Path, environment: Mapping[str, str]) -> Draft:
    """The draft, or `SpecError` with everything that is wrong with it, placed in the file that it would have been."""
    draft = Draft(output=output, text=escape_output(spec_text(answers)), key_pair=answers.key_pair)
    with tempfile.TemporaryDirectory() as name:
        _lay_out(draft, _key_files(answers), Path(name))
        _prove(Path(name) / output.name, output, environment)
    return draft


def _key_files(answers: Answers) -> list[str]:
    entries = (settings.get("public_keys") or () for settings in answers.settings.values())
    return [str(entry["file"]) for some in entries for entry in some if isinstance(entry, dict) and "file" in entry]


def _lay_out(draft: Draft, key_files: list[str], folder: Path) -> None:
    """The spec and its public keys as they will lie side by side. What leads out of the folder is left for the loader."""
    (folder / draft.output.name).write_text(draft.text, encoding="utf-8")
    pair = draft.key_pair
    for file in key_files:
        source, target = draft.folder / file, folder / file
        if not target.resolve().is_relative_to(folder.resolve()):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if pair and file == pair.public_file:
            target.write_text(pair.public_pem, encoding="utf-8")
        elif source.is_file():
            shutil.copyfile(source, target)


def _prove(file: Path, output: Path, environment: Mapping[str, str]) -> None:
    try:
        spec = load_spec([file], environment)
        build_graph(spec, spec.tenant or "tenant.invalid")
    except SpecError as error:
        found = (replace(d, span=replace(d.span, file=str(output)) if d.span else None) for d in error.diagnostics)
        summary = "The answers make no valid spec; nothing was written"
        hint = "Run it again with other answers: the lines below say which do not go together."
        raise SpecError(Diagnostic(code="init-invalid", summary=summary, hint=hint), *found) from None


def schema_text() -> str:
    """The JSON Schema that editors complete the spec from."""
    return json.dumps(editor_schema(), indent=2, ensure_ascii=False) + "\n"


def schema_file(draft: Draft) -> Path:
    """Where the spec's first line says that the schema is."""
    return draft.folder / SCHEMA_FILE


SCHEMA_FILE = "tokenvault.schema.json"
WIDTH = 80
INSIDE = WIDTH - 4
"""What is left of it inside an application."""
OWN_WAYS = frozenset({"oauth2"})
"""Strategies whose providers each ask for offline access in a way of their own."""


def spec_text(answers: Answers) -> str:
    """The spec. Valid when the answers are: `draft.py` proves it."""
    sections = [_head(answers), _connections(answers), _apis(answers.apis), _applications(answers)]
    return "\n".join("\n".join(section) + "\n" for section in sections if section)


def _head(answers: Answers) -> list[str]:
    check_tenant = mapping({"tenant": answers.tenant or "acme.us.auth0.com"}, WIDTH)
    return [
        f"# yaml-language-server: $schema={SCHEMA_FILE}",
        "#",
        *comment("Made by `tokenvault init`. What the tenant lacks for it: `tokenvault plan`.", WIDTH),
        "version: 1",
        *comment("Part of the mark on what this spec creates: do not change it later.", WIDTH),
        *mapping({"name": answers.spec_name}, WIDTH),
        *comment("A guard: no other tenant is ever touched.", WIDTH),
        *(check_tenant if answers.tenant else commented_out(check_tenant)),
    ]


def _connections(answers: Answers) -> list[str]:
    lines = ["connections:"]
    for connection in answers.connections or ():
        foreign = connection.as_is or connection.owner not in ("", answers.spec_name)
        settings = {} if foreign else _settings_of(connection, answers)
        remarks = _used(connection) if foreign else _remarks(connection, settings)
        lines += indented([*remarks, *mapping({connection.name: settings}, WIDTH - 2)])
    return lines


def _used(connection: Connection) -> list[str]:
    """The comment above a connection that is only used: two specs that manage one undo each other's work."""
    whose = f"The spec {connection.owner} manages it. " if connection.owner else ""
    return comment(f"{whose}Used as it is: only connected accounts are switched on.", WIDTH - 2)


def _settings_of(connection: Connection, answers: Answers) -> dict[str, Any]:
    """Only what the exchange needs: refresh tokens, and the scopes that a worker is granted."""
    scopes = tuple(dict.fromkeys((*connection.scopes, *_granted(connection.name, answers))))
    offline = {"offline_access": True} if _asks_for_offline_access(connection) else {}
    return {**offline, **({"scopes": list(scopes)} if scopes else {})}


def _granted(name: str, answers: Answers) -> Iterable[str]:
    for settings in answers.settings.values():
        yield from (settings.get("grants") or {}).get(name, ())


def _asks_for_offline_access(connection: Connection) -> bool:
    strategy = STRATEGIES.get(connection.strategy or "")
    known = strategy and (strategy.offline_option or (strategy.offline_scope and connection.strategy not in OWN_WAYS))
    return bool(known)


def _remarks(connection: Connection, settings: Mapping[str, Any]) -> list[str]:
    """What one should know of the provider, above its entry."""
    strategy = STRATEGIES.get(connection.strategy or "")
    remarks = []
    if "offline_access" in settings:
        remarks.append("Without offline access the provider issues no refresh token, and there is nothing to exchange.")
    elif strategy and strategy.offline_note:
        remarks.append(f"For refresh tokens, {strategy.offline_note}.")
    elif strategy and strategy.offline_scope:
        remarks.append("If the provider needs a scope for refresh tokens, list it under `scopes`.")
    if connection.strategy in UNDOCUMENTED:
        remarks.append(f"{connection.strategy} is not on Auth0's list of Token Vault providers.")
    if "scopes" in settings:
        remarks.append("Scopes that the connection has already stay.")
    else:
        remarks.append("More of the provider's scopes may be listed under `scopes`.")
    return comment(" ".join(remarks), WIDTH - 2)


def _apis(apis: Iterable[Api]) -> list[str]:
    lines: list[str] = []
    for api in apis:
        entry = {"identifier": api.identifier, **({"name": api.name} if api.name else {})}
        scopes = commented_out(mapping({"scopes": Flow({"read:something": "What it is for"})}, WIDTH - 4))
        lines += indented([*mapping({api.key: entry}, WIDTH - 2), *indented(scopes)])
    return ["apis:", *lines] if lines else []


def _applications(answers: Answers) -> list[str]:
    lines = ["applications:"]
    for key, app in answers.keys.items():
        entry = [*_identity(answers, app), *_urls(answers), *_flavors(answers)]
        names = [connection.name for connection in answers.connections or ()]
        entry += mapping({"connections": names}, INSIDE)
        lines += indented([f"{key}:", *indented(entry)])
    return lines


def _identity(answers: Answers, app: Existing | None) -> list[str]:
    if app is None:
        return mapping({"name": answers.app_name, "type": answers.type}, INSIDE)
    known = {"type": answers.type or app.type} if answers.type or app.type else {}
    remark = comment(f"{app.name}: stays as it is but for what the flavors need.", INSIDE) if app.name else []
    return [*remark, *mapping({"client_id": app.client_id, **known}, INSIDE)]


def _urls(answers: Answers) -> list[str]:
    given = {"callbacks": answers.callbacks, "logout_urls": answers.logout_urls}
    lines = mapping({name: list(urls) for name, urls in given.items() if urls}, INSIDE)
    origins = _origins(answers.callbacks or ()) if answers.types == {"spa"} else []
    if origins:
        lines += comment("The browser calls Auth0 from here, to log in silently and to connect accounts.", INSIDE)
        lines += mapping({"web_origins": origins, "allowed_origins": origins}, INSIDE)
    return lines


def _origins(urls: Iterable[str]) -> list[str]:
    parts = (urlsplit(url) for url in urls)
    return list(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts if part.scheme in ("http", "https")))


def _flavors(answers: Answers) -> list[str]:
    lines = ["flavors:"]
    for name in answers.flavors or ():
        settings = {key: value for key, value in answers.settings.get(name, {}).items() if value is not None}
        lines += indented([*comment(flavors()[name].summary, INSIDE - 2), *_flavor(name, settings)])
    return lines


def _flavor(name: str, settings: Mapping[str, Any]) -> list[str]:
    if not settings:
        return [f"- {name}"]
    return [f"- {name}:", *indented(mapping(settings, INSIDE - 6), 4)]


# ---- writing: all of it or nothing, and never over a file that is there


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
            hint = f"{ELSEWHERE} Nothing was written."
            raise RefusedError(Diagnostic(code="init-write", summary=summary, hint=hint)) from error
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
