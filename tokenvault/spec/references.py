"""`${env:NAME}`, `${env:NAME:-default}` and `${file:path}` inside scalars: resolved on parsed values, never on raw text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath

from tokenvault.errors import Unresolved
from tokenvault.secrets import Secret

_REFERENCE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<body>[^{}]*)\}|(?P<open>\$\{)")
_OPEN = "${"  # looked for first: most scalars hold none, and a hostile spec holds many long ones
_ENV = re.compile(r"env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?$", re.DOTALL)
MAX_FILE_BYTES = 64 * 1024


class References:
    """Resolves references against one environment and one folder, which files may not leave."""

    def __init__(self, environment: Mapping[str, str], folder: FilePath) -> None:
        self._environment = environment
        self._given = str(folder)
        self._folder = folder.resolve()

    def text(self, raw: str) -> str:
        """The scalar with every reference replaced, or `Unresolved`."""
        return _REFERENCE.sub(self._replace, raw) if _OPEN in raw else raw

    def secret(self, raw: str) -> Secret:
        """The scalar as a secret, named by the reference it came from. An empty one is as bad as none."""
        value = self.text(raw)
        if not value.strip():
            raise Unresolved("spec-empty-secret", f"{raw} is empty", "Set it to the secret's value.")
        return Secret(value.rstrip("\r\n"), raw, self._given)

    def file(self, path: str) -> str:
        """The text of a file below the spec's folder, or `Unresolved`."""
        target = FilePath(path)
        if "\0" in path or target.is_absolute():
            raise Unresolved("spec-file-outside", f"{path!r} is not a path below the spec's folder")
        resolved = FilePath(os.path.realpath(self._folder / target))  # Path.resolve fails where a link leads to itself
        if not resolved.is_relative_to(self._folder):
            summary = f"{path} leads out of the spec's folder"
            raise Unresolved("spec-file-outside", summary, "Move the file beside the spec.")
        return _read(path, resolved)

    def _replace(self, match: re.Match[str]) -> str:
        if match["escaped"]:
            return "${"
        if match["open"]:
            raise Unresolved("spec-reference", "A reference has no end", "Close it with }; write $${ for a plain ${.")
        body = match["body"]
        if body.startswith("file:"):
            return self.file(body.removeprefix("file:")).rstrip("\r\n")
        found = _ENV.match(body)
        if not found:
            hint = "Write ${env:NAME}, ${env:NAME:-default} or ${file:path}; $${ stands for a plain ${."
            raise Unresolved("spec-reference", f"${{{body}}} is not a reference", hint)
        value = self._environment.get(found["name"]) or found["default"]
        if value is None and found["name"] in self._environment:
            return ""
        if value is None:
            name = found["name"]
            hint = f"export {name}=…, or pass --env-file. What is no secret may have a default: ${{env:{name}:-…}}"
            raise Unresolved("spec-unset-variable", f"The environment variable {found['name']} is not set", hint)
        return value


def variables(text: str) -> Iterator[str]:
    """The environment variables that the scalar refers to."""
    for match in _REFERENCE.finditer(text) if _OPEN in text else ():
        if found := _ENV.match(match["body"] or ""):
            yield found["name"]


def has_reference(text: str) -> bool:
    """Whether the scalar holds something to resolve."""
    return _OPEN in text and any(match["body"] is not None or match["open"] for match in _REFERENCE.finditer(text))


def has_default(text: str) -> bool:
    """Whether a reference in the scalar carries a value of its own, for when the variable is not set."""
    found = (_ENV.match(match["body"] or "") for match in _REFERENCE.finditer(text)) if _OPEN in text else ()
    return any(match and match["default"] for match in found)


def _read(path: str, resolved: FilePath) -> str:
    try:
        if not resolved.is_file():
            raise Unresolved("spec-missing-file", f"There is no file {path}", "Paths count from the spec's folder.")
        if resolved.stat().st_size > MAX_FILE_BYTES:
            raise Unresolved("spec-missing-file", f"{path} is larger than {MAX_FILE_BYTES} bytes")
        return resolved.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "cannot be read"
        raise Unresolved("spec-missing-file", f"{path} {reason}") from None
