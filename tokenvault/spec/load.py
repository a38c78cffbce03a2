"""Spec files → validated spec. Everything that is wrong is told at once, and nothing is sent before all is right."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path as FilePath
from typing import Any

from tokenvault.errors import Diagnostic, SpecError, did_you_mean
from tokenvault.files import is_plan_file
from tokenvault.flavors import flavors
from tokenvault.flavors.base import FlavorContext, suits
from tokenvault.kinds import kinds
from tokenvault.model.spec import ApplicationSpec, Path, Positions, Problem, Spec
from tokenvault.secrets import Secret
from tokenvault.spec.build import build
from tokenvault.spec.merge import merge
from tokenvault.spec.problems import diagnose, in_order, respelt, schema_problems, wrong_types
from tokenvault.spec.references import References
from tokenvault.spec.resolver import Resolver, allowed_variables
from tokenvault.spec.schema import spec_schema
from tokenvault.spec.source import MAX_BYTES, MAX_PROBLEMS, Source, read_source

DEFAULT_FILE, OTHER_DEFAULT = "tokenvault.yaml", "tokenvault.yml"


def default_file() -> str:
    """The spec of the current folder: tokenvault.yaml, or tokenvault.yml. Raises `SpecError` when both are there."""
    found = [file for file in (DEFAULT_FILE, OTHER_DEFAULT) if FilePath(file).exists()]
    if len(found) > 1:
        summary = f"Both {found[0]} and {found[1]} are here"
        hint = "Name the one that is meant, or delete the other."
        raise SpecError(Diagnostic(code="spec-no-file", summary=summary, hint=hint))
    return found[0] if found else DEFAULT_FILE


def load_spec(
    paths: Sequence[str | FilePath] = (),
    environment: Mapping[str, str] | None = None,
    allow_env: Sequence[str] = (),
) -> Spec:
    """Reads, merges and validates spec files (folders stand for the YAML files in them); without any, `default_file`.

    `allow_env` are variables that may be shown, besides those that the spec lists. Raises `SpecError` with every problem
    found, sorted by place. Reads no network and changes nothing.
    """
    sources = [_read(file) for file in spec_files(paths or [default_file()])]
    return load_sources(sources, os.environ if environment is None else environment, allow_env)


def load_texts(
    texts: Mapping[str, str | bytes],
    environment: Mapping[str, str],
    allow_env: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Spec:
    """The same for a spec that stands in no file: its texts, each by a name that messages call it.

    `files` are the contents of what it refers to (`${file:…}`, public keys), by the path that it gives.
    """
    sources = [read_source(name, text.encode() if isinstance(text, str) else text) for name, text in texts.items()]
    return load_sources(sources, environment, allow_env, files or {})


def load_sources(
    sources: Sequence[Source],
    environment: Mapping[str, str],
    allow_env: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Spec:
    """The same for files that were read already, or are not written yet; `files` stand for their folders, where given."""
    _refuse_overlay(sources[0])
    merged = merge(sources)
    references = {
        file: References(environment, FilePath(file).parent if files is None else None, files) for file in merged.files
    }
    misspelt = list(respelt(merged.source, spec_schema()))
    positions = Positions(keys=merged.source.keys, values=merged.source.values)
    allowed, wrong = allowed_variables(merged.source.data, positions, allow_env)
    resolver = Resolver(merged.source, references, allowed)
    data = resolver.resolved(merged.source.data)
    wrong += [*resolver.problems, *islice(_validate(data), MAX_PROBLEMS)]
    if len(wrong) >= MAX_PROBLEMS:  # the rules would only add to them
        _warnings([*misspelt, *wrong], merged.source)
    usable = _well_typed(_without(data, [problem.path for problem in wrong])) if wrong else data
    spec, flavor_problems = build(usable, merged, references, tuple(allowed))
    reported = {problem.missing or problem.path for problem in wrong}
    problems = [
        *misspelt,
        *wrong,
        *flavor_problems,
        *(found for found in _rules(spec) if not _is_reported(found, reported)),
    ]
    return replace(spec, warnings=_warnings(problems, merged.source))


def _refuse_overlay(first: Source) -> None:
    """Alone, an overlay is at best a part of a spec: what it leaves out would be missing, and a prune would remove it."""
    if isinstance(first.data, dict) and first.data.get("overlay") is True:
        summary = f"{first.file} is an overlay, and nothing that it could change stands before it"
        hint = f"Name the file that it changes before it, as in: base.yaml {first.file}."
        span = first.keys.get(("overlay",))
        raise SpecError(Diagnostic(code="spec-overlay", summary=summary, hint=hint, span=span))


def _is_reported(problem: Problem, reported: Iterable[Path]) -> bool:
    """Whether what a rule misses is there and told to be wrong, wholly or in part, or told to be missing already."""
    missing = problem.missing
    return bool(missing) and any(path[: len(missing)] == missing[: len(path)] for path in reported)


def _warnings(problems: Iterable[Problem], source: Source) -> tuple[Diagnostic, ...]:
    """The warnings among the problems of a file, or `SpecError` when any of them is an error."""
    positions = Positions(keys=source.keys, values=source.values)
    reported = in_order([*source.problems, *(diagnose(problem, positions) for problem in problems)])
    errors = [diagnostic for diagnostic in reported if diagnostic.severity == "error"]
    if errors:
        raise SpecError(*errors[:MAX_PROBLEMS], *([_MORE] if len(errors) >= MAX_PROBLEMS else []))
    return tuple(reported)


_MORE = Diagnostic(
    code="spec-more",
    summary=f"There may be more problems than these {MAX_PROBLEMS}",
    hint="Mend those above first: many problems often have one cause.",
)


def spec_files(paths: Sequence[str | FilePath]) -> list[str]:
    """The files that the paths mean: folders stand for the YAML files in them. `SpecError` for a folder without any."""
    found: list[str] = []
    for path in map(FilePath, paths):
        if "\0" not in str(path) and path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml") and p.is_file())
            if not inside:
                hint = "Name a spec's file, or a folder that holds some."
                raise SpecError(Diagnostic(code="spec-no-file", summary=f"There is no YAML file in {path}", hint=hint))
            found += [str(_inside(path, file)) for file in inside]
        else:
            found.append(str(path))
    return list(dict.fromkeys(found))


def _inside(folder: FilePath, file: FilePath) -> FilePath:
    """The file, unless a symbolic link leads out of the folder: nobody named what it leads to."""
    if file.resolve().is_relative_to(folder.resolve()):
        return file
    hint = "Put the file itself there, or name it on the command line."
    raise SpecError(Diagnostic(code="spec-file-outside", summary=f"{file} leads out of its folder", hint=hint))


def _read(file: str) -> Source:
    hint = _near(file) or "Name the spec's file, or make one with `tokenvault init`."
    try:
        path = FilePath(file)
        if path.exists() and not path.is_file():
            raise SpecError(Diagnostic(code="spec-no-file", summary=f"{file} is not a regular file", hint=hint))
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
        if raw.startswith(b"{"):
            _refuse_plan(path)
        return read_source(file, raw)
    except FileNotFoundError:
        raise SpecError(Diagnostic(code="spec-no-file", summary=f"There is no file {file}", hint=hint)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be opened"
        summary = f"{file} cannot be read: {reason}"
        raise SpecError(Diagnostic(code="spec-no-file", summary=summary, hint=hint)) from None


def _near(file: str) -> str:
    """The file that was probably meant: one beside it, of nearly the same name."""
    folder = FilePath(file).parent
    if "\0" in file or not folder.is_dir():
        return ""
    beside = [found.name for found in islice(folder.iterdir(), 500) if found.suffix in (".yaml", ".yml")]
    close = get_close_matches(FilePath(file).name, beside, n=1, cutoff=0.7)
    return f"Did you mean {folder / close[0]}?" if close and close[0] != FilePath(file).name else ""


def _refuse_plan(path: FilePath) -> None:
    if is_plan_file(path):
        file = shlex.quote(str(path))
        hint = f"It can be shown (`tokenvault show {file}`), drawn (`tokenvault graph --plan {file}`) and applied "
        hint += f"(`tokenvault apply {file}`), as it is."
        raise SpecError(Diagnostic(code="spec-is-plan", summary=f"{path} is a saved plan, not a spec", hint=hint))


def _validate(data: Any) -> Iterable[Problem]:
    return schema_problems(_schema_errors(data))


def _schema_errors(data: Any) -> Iterable[Any]:
    from jsonschema import Draft202012Validator

    errors: Iterable[Any] = Draft202012Validator(spec_schema()).iter_errors(_revealing_references(data))
    return errors


def _revealing_references(value: Any) -> Any:
    """The data as the schema knows it: secrets as the references that they were written as."""
    if isinstance(value, Secret):
        return value.source
    if isinstance(value, dict):
        return {key: _revealing_references(item) for key, item in value.items()}
    return [_revealing_references(item) for item in value] if isinstance(value, list) else value


def _without(data: Any, paths: Iterable[Path]) -> Any:
    """The data without what is wrong in it, so that the rules still see the rest. Whole entries stay, emptied."""
    for path in sorted(set(paths), key=len, reverse=True):
        holder, last = _holder(data, path)
        if isinstance(holder, dict) and last in holder:
            if len(path) == 2:
                holder[last] = holder[last] if isinstance(holder[last], dict) else {}
            elif not isinstance(holder[last], dict | list) or _all_scalars(holder[last]):
                del holder[last]
    return data if isinstance(data, dict) else {}


def _well_typed(data: Any) -> Any:
    """The data with nothing in it that is of another type than the schema says: the rules rely on that."""
    while wrong := set(wrong_types(_schema_errors(data))):
        if () in wrong:
            return {}
        for path in sorted(wrong, key=lambda path: (len(path), str(path[-1]).rjust(12)), reverse=True):
            holder, last = _holder(data, path)
            if isinstance(holder, dict | list):
                del holder[last]  # of a list the last first, so that the places of the others hold
    return data


def _all_scalars(value: Any) -> bool:
    items = value.values() if isinstance(value, dict) else value
    return not any(isinstance(item, dict | list) for item in items)


def _holder(data: Any, path: Path) -> tuple[Any, Any]:
    for part in path[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None, None
    return data, path[-1] if path else None


def _rules(spec: Spec) -> Iterable[Problem]:
    for kind in kinds().values():
        if kind.section:
            yield from kind.section.rules(spec)
    for app in spec.users.values():
        yield from _connection_rules(spec, app)
        yield from _callback_rules(app)
        for used in app.flavors:
            yield from _flavor_rules(app, used.name)
            context = FlavorContext(spec=spec, app=app, flavor=used, domain="")
            yield from flavors()[used.name].rules(context)


def _connection_rules(spec: Spec, app: ApplicationSpec) -> Iterable[Problem]:
    for index, name in enumerate(app.connections):
        if name not in spec.connections:
            hint = did_you_mean(name, spec.connections) or "List it under `connections`."
            yield Problem(
                code="spec-unknown-connection",
                path=(*app.path, "connections", index),
                summary=f'Unknown connection "{name}"',
                hint=hint,
                missing=("connections", name),
            )
    if not app.connections:
        what = "API" if app.serves else "Application"
        yield Problem(
            code="spec-no-connection",
            path=app.path,
            summary=f'{what} "{app.path[-1]}" uses no connection',
            hint="List the connections whose tokens it needs under `connections`.",
            at_key=True,
            missing=(*app.path, "connections"),
        )


NO_LOGIN = (
    "It is for users after logging in, which a machine-to-machine application cannot offer: use privileged_worker, "
    "or another type."
)


def _callback_rules(app: ApplicationSpec) -> Iterable[Problem]:
    """Users log in to what the spec creates, and come back to it."""
    included = {each for use in app.flavors for each in (use.name, *flavors()[use.name].includes)}
    has_login = not app.serves and app.type != "m2m"
    if "connected_accounts" in included and not app.callbacks and not app.client_id and has_login:
        summary = f'Application "{app.key}" has no `callbacks`: nobody can log in to it, or connect an account'
        hint = "List the callback URLs of the login and of the connect flow."
        yield Problem(
            code="spec-no-callback",
            path=app.path,
            summary=summary,
            hint=hint,
            at_key=True,
            severity="warning",
            missing=(*app.path, "callbacks"),
        )


def _flavor_rules(app: ApplicationSpec, name: str) -> Iterable[Problem]:
    flavor = flavors()[name]
    used = [context for context in app.flavors if context.name == name]
    if len(used) > 1:
        summary, hint = f'Flavor "{name}" stands here twice', "Remove one of them."
        yield Problem(code="spec-flavor-twice", path=used[-1].path, summary=summary, hint=hint)
    if app.type and not app.serves and not suits(flavor, app.type, confidential=app.confidential):
        code = "spec-public-client" if app.is_public else "spec-flavor-type"
        summary = f"An application of type {app.type} cannot use {name}"
        hint = NO_LOGIN if app.type == "m2m" else flavor.type_hint
        yield Problem(code=code, path=used[0].path, summary=summary, hint=hint)
