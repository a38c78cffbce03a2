"""`${env:NAME}`, `${env:NAME:-default}` and `${file:path}` inside scalars: resolved on parsed values, never on raw text.

A spec is edited by whoever may propose a change, and plans are read by many. So the value of a reference is a secret: it stands
where secrets and keys belong, and elsewhere only if its variable is one that may be shown. No error quotes a value.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from pathlib import Path as FilePath

from tokenvault.errors import Diagnostic, RefusedError, Span, Unresolved, did_you_mean
from tokenvault.secrets import CREDENTIAL_VARIABLES, Secret, looks_secret

_REFERENCE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<body>[^{}]*)\}|(?P<open>\$\{)")
_OPEN = "${"  # looked for first: most scalars hold none, and a hostile spec holds many long ones
_ENV = re.compile(r"env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?$", re.DOTALL)
_BESIDE = "Move the file beside the spec, and write its path from there."
_FORMS = "Write `${env:NAME}`, `${env:NAME:-default}` or `${file:path}`; `$${` stands for a plain `${`."
MAX_FILE_BYTES = 64 * 1024
TOOL_FILES = frozenset(
    {
        ".aws",
        ".azure",
        ".config",
        ".docker",
        ".git",
        ".hg",
        ".kube",
        ".netrc",
        ".npmrc",
        ".pgpass",
        ".pypirc",
        ".ssh",
        ".svn",
    }
)
"""Where other tools keep their credentials."""
SHORTEST_CREDENTIAL = 8
"""Shorter values than this are not looked for in others: they would be found by chance."""


class References:
    """Resolves references against one environment and one folder, which files may not leave; or against `files`, by name."""

    def __init__(
        self, environment: Mapping[str, str], folder: FilePath | None, files: Mapping[str, str] | None = None
    ) -> None:
        self._environment = environment
        self._files = files or {}
        self._given = str(folder or "")
        self._folder = folder.resolve() if folder else None

    def text(self, raw: str) -> str:
        """A scalar that is shown: its variables were found to be allowed. `Unresolved` where a value looks like a secret."""
        if _OPEN not in raw:
            return raw
        value = _REFERENCE.sub(lambda match: self._replaced(match, in_clear=True), raw)
        if has_reference(raw):
            self._refuse_credentials(raw, value)
        return value

    def check(self, raw: str) -> None:
        """`Unresolved` where a reference of the scalar is malformed, or its variable is not set."""
        _REFERENCE.sub(lambda match: self._replaced(match, in_clear=False), raw)

    def secret(self, raw: str) -> Secret:
        """The scalar as a secret, named by the reference it came from. An empty one is as bad as none."""
        value = _REFERENCE.sub(lambda match: self._replaced(match, in_clear=False), raw)
        if not value.strip():
            raise Unresolved("spec-empty-secret", f"{raw} is empty", "Set it to the secret's value.")
        self._refuse_credentials(raw, value)
        return Secret(value.rstrip("\r\n"), raw, self._given)

    def file(self, path: str | Secret) -> str:
        """The text of a file below the spec's folder, which is no dotfile; `Unresolved`. A secret path is not quoted."""
        if isinstance(path, Secret):
            return self._file(path.reveal(), path.source, hidden=False)
        return self._file(path, path, hidden=False)

    def _replaced(self, match: re.Match[str], *, in_clear: bool) -> str:
        if match["escaped"]:
            return "${"
        if match["open"]:
            raise Unresolved("spec-reference", "A reference has no end", "Close it with }; write $${ for a plain ${.")
        body = match["body"]
        if body.startswith("file:"):
            path = body.removeprefix("file:")
            text = self._file(path, path, hidden=not in_clear).rstrip("\r\n")
            if in_clear:
                raise Unresolved("spec-file-in-clear", f"The content of {path} may not stand here", _NO_FILE)
            return text
        found = _ENV.match(body)
        if not found:
            raise Unresolved("spec-reference", f"${{{body}}} is not a reference", _FORMS)
        return self._variable(found, in_clear=in_clear)

    def _variable(self, found: re.Match[str], *, in_clear: bool) -> str:
        name = found["name"]
        refuse_credential_variable(name)
        given = self._environment.get(name)
        value = given or found["default"]
        if value is None and given is not None:
            return ""
        if value is None:
            hint = f"Set it (`export {name}=…`), or pass --env-file. What is no secret may have a default: `${{env:{name}:-…}}`."
            raise Unresolved("spec-unset-variable", f"The environment variable {name} is not set", hint)
        if in_clear and given and looks_secret(given):
            summary = f"The value of {name} looks like a secret, and what stands here is shown in plans"
            raise Unresolved("spec-secret-in-clear", summary, WHERE_SECRETS_BELONG)
        return value

    def _refuse_credentials(self, raw: str, value: str) -> None:
        """By any name: a variable or a file may hold a copy."""
        for name in CREDENTIAL_VARIABLES:
            own = self._environment.get(name, "").strip()
            if len(own) >= SHORTEST_CREDENTIAL and (own in value or own.replace("\\n", "\n") in value):
                raise Unresolved("spec-own-credential", f"{raw} holds what tokenvault takes from {name}", _OWN)

    def _file(self, path: str, label: str, *, hidden: bool) -> str:
        """`hidden` says that a dotfile may be read, as its text is shown to nobody."""
        if self._folder is None:
            return self._passed(path, label)
        target = FilePath(path)
        if "\0" in path or target.is_absolute():
            raise Unresolved("spec-file-outside", f"{label!r} is not a path below the spec's folder", _BESIDE)
        resolved = FilePath(os.path.realpath(self._folder / target))  # Path.resolve fails where a link leads to itself
        if not resolved.is_relative_to(self._folder):
            summary = f"{label} leads out of the spec's folder"
            raise Unresolved("spec-file-outside", summary, _BESIDE)
        parts = [part.lower() for part in (*target.parts, *resolved.relative_to(self._folder).parts) if part != ".."]
        dotted = [part for part in parts if part.startswith(".") and part != "."]
        if any(part in TOOL_FILES or part.startswith(".env") or not hidden for part in dotted):
            raise Unresolved("spec-file-hidden", f"{label} is a hidden file, or in a hidden folder", _NO_DOTFILE)
        if str(resolved) == os.path.realpath(self._environment.get("AUTH0_CLIENT_ASSERTION_PRIVATE_KEY") or os.devnull):
            raise Unresolved("spec-own-credential", f"{label} is the private key of tokenvault itself", _OWN)
        return _read(label, resolved)

    def _passed(self, path: str, label: str) -> str:
        """A file that came with a spec that stands in no folder."""
        if path in self._files:
            return self._files[path]
        hint = did_you_mean(path, self._files) or _NOT_PASSED
        raise Unresolved("spec-missing-file", f"There is no file {label}: this spec stands in no folder", hint)


WHERE_SECRETS_BELONG = (
    "Refer to a secret only where one belongs: under `credentials` of a connection, or as an option that is called so."
)
_NO_FILE = (
    "Files may stand where secrets and keys belong. Elsewhere write the text itself, or take it from a variable that `variables` "
    "lists."
)
_NOT_PASSED = "Pass its content beside the text of the spec."
_NO_DOTFILE = "Hidden files hold what other tools keep for themselves: put the file elsewhere below the spec's folder."
_OWN = (
    "A spec never needs the credentials that tokenvault itself signs in with. Give what needs a secret one of its own."
)


def refuse_credential_variable(name: str) -> None:
    """`Unresolved` for a variable of tokenvault's own credentials, wherever it is referred to."""
    if name.upper() in CREDENTIAL_VARIABLES:
        raise Unresolved("spec-own-credential", f"{name} holds a credential of tokenvault itself", _OWN)


def variables(text: str) -> Iterator[str]:
    """The environment variables that the scalar refers to."""
    for match in _REFERENCE.finditer(text) if _OPEN in text else ():
        if found := _ENV.match(match["body"] or ""):
            yield found["name"]


def has_file(text: str) -> bool:
    """Whether the scalar refers to a file."""
    return _OPEN in text and any((match["body"] or "").startswith("file:") for match in _REFERENCE.finditer(text))


def has_reference(text: str) -> bool:
    """Whether the scalar holds something to resolve."""
    return _OPEN in text and any(match["body"] is not None or match["open"] for match in _REFERENCE.finditer(text))


def has_default(text: str) -> bool:
    """Whether a reference in the scalar carries a value of its own, for when the variable is not set."""
    found = (_ENV.match(match["body"] or "") for match in _REFERENCE.finditer(text)) if _OPEN in text else ()
    return any(match and match["default"] for match in found)


_NO_KEY = "A secret or a key as text (PEM) belongs there: see whether it is the file that you meant."


def _read(label: str, resolved: FilePath) -> str:
    try:
        if not resolved.is_file():
            raise Unresolved("spec-missing-file", f"There is no file {label}", "Paths count from the spec's folder.")
        if resolved.stat().st_size > MAX_FILE_BYTES:
            raise Unresolved("spec-missing-file", f"{label} is larger than {MAX_FILE_BYTES:,} bytes", _NO_KEY)
        return resolved.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise Unresolved("spec-missing-file", f"{label} is not UTF-8 text", _NO_KEY) from None
        summary = f"{label} cannot be read: {error.strerror or type(error).__name__}"
        raise Unresolved("spec-missing-file", summary, "Look at its permissions.") from None


# ---- a file of `NAME=value` lines


def read_variables(path: Path) -> dict[str, str]:
    """The variables that the file gives values; `RefusedError` with every line of it that cannot be read."""
    from dotenv.parser import parse_stream

    bindings = list(parse_stream(io.StringIO(_text(path))))
    wrong = [_malformed(path, _line(found.original.line, found.original.string)) for found in bindings if found.error]
    if wrong:
        raise RefusedError(*wrong)
    return {found.key: found.value for found in bindings if found.key is not None and found.value is not None}


_FORM = "Name a file of lines NAME=value; leave --env-file out where the environment has them."


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RefusedError(Diagnostic(code="env-file", summary=f"There is no file {path}", hint=_FORM)) from None
    except IsADirectoryError:
        raise RefusedError(Diagnostic(code="env-file", summary=f"{path} is a folder, not a file", hint=_FORM)) from None
    except OSError as error:
        summary = f"{path} cannot be read: {error.strerror}"
        raise RefusedError(Diagnostic(code="env-file", summary=summary, hint=_FORM)) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Diagnostic(
            code="env-file",
            summary="A character of this line is not UTF-8",
            hint="Save the file as UTF-8.",
            span=_at(path, line),
        )
    raise RefusedError(problem)  # out here, so that no traceback holds the file's content


def _line(start: int, text: str) -> int:
    """The line of a statement: python-dotenv counts the empty ones before it as its own."""
    return start + text[: len(text) - len(text.lstrip())].count("\n")


def _malformed(path: Path, line: int) -> Diagnostic:
    return Diagnostic(
        code="env-file",
        summary="This line is no NAME=value",
        hint="A value in quotes ends with the same quote, and nothing but a comment comes after it.",
        span=_at(path, line),
    )


def _at(path: Path, line: int) -> Span:
    return Span(file=str(path), line=line, column=1, end_column=1)
