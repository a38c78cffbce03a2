"""The files that the answers come to, proven valid before any of them is written."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tokenvault.errors import Diagnostic, SpecError
from tokenvault.init.answers import Answers, KeyPair
from tokenvault.init.spec_text import SCHEMA_FILE, spec_text


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
    draft = Draft(output=output, text=spec_text(answers), key_pair=answers.key_pair)
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
    from tokenvault.graph import build_graph
    from tokenvault.spec.load import load_spec

    try:
        spec = load_spec([file], environment)
        build_graph(spec, spec.tenant or "tenant.invalid")
    except SpecError as error:
        found = (replace(d, span=replace(d.span, file=str(output)) if d.span else None) for d in error.diagnostics)
        summary = "The answers make no valid spec; nothing was written"
        raise SpecError(Diagnostic(code="init-invalid", summary=summary), *found) from None


def schema_text() -> str:
    """The JSON Schema that editors complete the spec from."""
    from tokenvault.spec.schema import spec_schema

    return json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n"


def schema_file(draft: Draft) -> Path:
    """Where the spec's first line says that the schema is."""
    return draft.folder / SCHEMA_FILE
