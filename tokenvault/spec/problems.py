"""Schema errors and rule problems as diagnostics: positions, stable codes, words that a person can act on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from tokenvault.errors import Diagnostic, Span, did_you_mean
from tokenvault.model.spec import Path, Positions, Problem
from tokenvault.secrets import sounds_secret
from tokenvault.spec.source import Source

_NAMES = {"object": "a mapping", "array": "a list", "string": "text", "boolean": "true or false", "integer": "a number"}
_TYPES = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


def diagnose(problem: Problem, positions: Positions) -> Diagnostic:
    """A rule's problem with its place in the file."""
    span = positions.key(*problem.path) if problem.at_key else positions.value(*problem.path)
    return Diagnostic(
        code=problem.code,
        summary=problem.summary,
        detail=problem.detail,
        hint=problem.hint,
        span=span,
        context=_context(problem.path),
        severity=problem.severity,
    )


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by file and line, each once."""
    unique = {(d.code, d.summary, d.span): d for d in diagnostics}
    return sorted(unique.values(), key=lambda d: _order(d.span))


def _order(span: Span | None) -> tuple[str, int, int]:
    return (span.file, span.line, span.column) if span else ("", 0, 0)


def _context(path: Path) -> str:
    names = [str(part) for part in path[:2]]
    return f'{names[0]} "{names[1]}"' if len(names) == 2 else ""


def respelt(source: Source, schema: Any) -> list[Problem]:
    """Reads each misspelt key by the name that was meant; says which.

    What stands behind it is checked like the rest then, and nothing misses what is there under another name.
    """
    return list(_respelt_in(source, source.data, schema, ()))


def _respelt_in(source: Source, data: Any, schema: Any, path: Path) -> Iterator[Problem]:
    schema = next((one for one in schema.get("anyOf", ()) if _is_for(one, data)), schema)
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    if isinstance(data, dict):
        for key, meant in _misspelt(data, known) if others is False else ():
            data[meant] = data.pop(key)
            source.rename((*path, key), meant)
            summary, hint = f'Unknown key "{key}"', f'Did you mean "{meant}"?'
            yield Problem(code="spec-unknown-key", path=(*path, meant), summary=summary, hint=hint, at_key=True)
        for key, value in data.items():
            inside = known.get(key, others)
            yield from _respelt_in(source, value, inside, (*path, key)) if isinstance(inside, dict) else ()
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _respelt_in(source, item, schema.get("items", {}), (*path, index))


def _misspelt(data: Mapping[Any, Any], known: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The unknown keys that are nearly a known one which is not there, with that."""
    meant: dict[str, str] = {}
    for key in data:
        if isinstance(key, str) and key not in known and not _deeper(key, known):
            close = get_close_matches(key, list(known), n=1)
            if close and close[0] not in data:
                meant.setdefault(close[0], key)
    return [(key, name) for name, key in meant.items()]


def schema_problems(errors: Iterable[Any]) -> Iterator[Problem]:
    """The problems behind jsonschema's errors; of alternatives, only the one that the value was meant to be."""
    for error in errors:
        if error.validator == "anyOf" and all(set(option) == {"required"} for option in error.validator_value):
            yield _one_missing(error)
        elif error.validator == "anyOf" and error.context:
            meant = [e for e in error.context if e.schema_path[0] == _meant(error)]
            yield from schema_problems(meant)
        else:
            yield from _translate(error)


def wrong_types(errors: Iterable[Any]) -> Iterator[Path]:
    """The places of values that are not even of a type that the schema allows there."""
    for error in errors:
        if error.validator == "anyOf" and error.context:
            yield from wrong_types(e for e in error.context if e.schema_path[0] == _meant(error))
        elif error.validator == "type" or (error.validator == "enum" and isinstance(error.instance, dict | list)):
            yield tuple(error.absolute_path)


def _meant(error: Any) -> int:
    """Index of the alternative of the value's own type: a mapping was meant to be the mapping form."""
    return next((index for index, one in enumerate(error.validator_value) if _is_for(one, error.instance)), 0)


def _is_for(alternative: Any, value: Any) -> bool:
    return isinstance(value, dict) is bool(alternative.get("type") == "object")


def _translate(error: Any) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    handler = _HANDLERS.get(error.validator, _other)
    if "propertyNames" in error.absolute_schema_path:
        handler = _key_name
    yield from handler(error, path)


def _unknown_keys(error: Any, path: Path) -> Iterator[Problem]:
    known = error.schema.get("properties", {})
    for key in error.instance:
        if key not in known:
            hint = _deeper(key, known) or did_you_mean(key, known) or _possible(known)
            yield Problem(
                code="spec-unknown-key", path=(*path, key), summary=f'Unknown key "{key}"', hint=hint, at_key=True
            )


def _deeper(key: str, known: Mapping[str, Any]) -> str:
    """Where the key belongs, if that is in one of its neighbours."""
    holders = [name for name, schema in known.items() if key in schema.get("properties", {})]
    if not holders:
        return ""
    inside = known[holders[0]]["properties"][key]
    value = inside["examples"][0] if inside.get("writeOnly") else "…"
    return f"It belongs under `{holders[0]}`: `{holders[0]}: {{{key}: {value}}}`."


def _possible(known: Iterable[str]) -> str:
    names = sorted(known)
    return f"Possible here: {', '.join(names)}." if names else "It takes no settings."


def _wrong_type(error: Any, path: Path) -> Iterator[Problem]:
    wanted = _NAMES.get(str(error.validator_value), str(error.validator_value))
    given = "nothing" if error.instance is None else _TYPES.get(type(error.instance), "something else")
    name = f'"{path[-1]}"' if path and isinstance(path[-1], str) else "This"
    yield Problem(
        code="spec-type", path=path, summary=f"{name} must be {wanted}, not {given}", hint=_ways(_example(error))
    )


def _missing(error: Any, path: Path) -> Iterator[Problem]:
    for key in error.validator_value:
        if key not in error.instance:
            schema = error.schema.get("properties", {}).get(key, {})
            described = str(schema.get("description", "")).split(". ")[0].rstrip(".")
            example = f" For example: `{key}: {_plain(schema['examples'][0])}`" if schema.get("examples") else ""
            hint = f"{described}.{example}" if described else f"Add `{key}` here.{example}"
            summary = f'"{key}" is missing'
            at = (*path, key)
            yield Problem(code="spec-missing", path=path, summary=summary, hint=hint, at_key=True, missing=at)


def _one_missing(error: Any) -> Problem:
    """Of several keys, one must be there: the first is the usual one."""
    first, *others = (key for option in error.validator_value for key in option["required"])
    described = error.schema.get("properties", {})
    hint = f"Give `{first}` ({_possible_values(described.get(first, {}))})"
    for other in others:
        hint += f", or `{other}`: {str(described.get(other, {}).get('description', '')).split('.')[0].lower()}"
    path: Path = tuple(error.absolute_path)
    return Problem(code="spec-missing", path=path, at_key=True, summary=f'"{first}" is missing', hint=f"{hint}.")


def _possible_values(schema: Any) -> str:
    return ", ".join(map(str, schema.get("enum", [])))


def _not_possible(error: Any, path: Path) -> Iterator[Problem]:
    values = [
        _plain(value) for value in (error.validator_value if error.validator == "enum" else [error.validator_value])
    ]
    given = error.instance if isinstance(error.instance, str) and len(error.instance) <= 60 else None
    name = f'"{path[-1]}"' if path and isinstance(path[-1], str) else "This"
    if path == ("version",):
        summary, code = "This tokenvault reads specs of version 1", "spec-version"
    elif given is not None:
        summary, code = f'{name} cannot be "{given}"', "spec-value"
    else:
        summary, code = f"{name} cannot be this", "spec-value"
    hint = did_you_mean(given or "", values) or f"Possible: {', '.join(values)}."
    if given in values:
        hint = f"Write it without quotes: `{path[-1]}: {given}`."
    yield Problem(code=code, path=path, summary=summary, hint=hint)


def _pattern(error: Any, path: Path) -> Iterator[Problem]:
    if error.instance == "" and error.schema.get("minLength"):
        return  # told as empty
    if error.schema.get("writeOnly"):
        yield literal_secret(path)
        return
    name = f'"{path[-1]}"' if path and isinstance(path[-1], str) else "This"
    hint = _ways(error.schema.get("errorMessage", ""), _example(error))
    yield Problem(code="spec-value", path=path, summary=f"{name} does not have the right form", hint=hint)


def literal_secret(path: Path) -> Problem:
    """A secret that stands in the spec in clear."""
    name = next((part for part in reversed(path) if isinstance(part, str) and sounds_secret(part)), path[-1])
    return Problem(
        code="spec-literal-secret",
        path=path,
        summary=f'"{name}" is a secret and must be a reference',
        detail="A spec is in git: whoever can read the repository can read what stands here. Consider it leaked.",
        hint="Write ${env:NAME} or ${file:path}, and rotate the secret if this was ever committed.",
    )


def _key_name(error: Any, path: Path) -> Iterator[Problem]:
    hint = error.schema.get("errorMessage", "Use letters, digits, - and _.")
    if error.validator == "not":
        hint = "Use `credentials`, `scopes` or `offline_access` of the connection instead."
    summary = f'"{str(error.instance)[:60]}" cannot be a name here'
    yield Problem(code="spec-key", path=(*path, error.instance), summary=summary, hint=hint, at_key=True)


def _other(error: Any, path: Path) -> Iterator[Problem]:
    most = error.validator_value
    phrases = {
        "minItems": ("must not be empty", "List at least one."),
        "minProperties": ("must not be empty", "Give at least one."),
        "maxProperties": ("has more than one key", "Keep one of them."),
        "minLength": (
            "must not be empty",
            "Write a value; of a variable of the environment, even an empty value counts.",
        ),
        "maxItems": (f"has more than {most} entries", f"List at most {most}."),
        "maxLength": (f"is longer than {most} characters", f"Use at most {most}."),
        "uniqueItems": ("holds something twice", "Remove what is there already."),
    }
    words, way = phrases.get(error.validator, ("does not have the right form", ""))
    name = f'"{path[-1]}"' if path and isinstance(path[-1], str) else "This"
    yield Problem(code="spec-value", path=path, summary=f"{name} {words}", hint=_ways(way, _example(error)))


def _ways(*ways: str) -> str:
    """The ways out that there are; the reference, where there is none."""
    return " ".join(filter(None, ways)) or "What belongs there says the reference: `tokenvault schema --reference`."


def _example(error: Any) -> str:
    """A value as it could stand there, with its key: an example of the schema's, else the least that is of the right type."""
    examples = error.schema.get("examples")
    example = examples[0] if examples else _LEAST.get(error.validator_value) if error.validator == "type" else None
    if example is None:
        return ""
    key = error.absolute_path[-1] if error.absolute_path else ""
    return f"For example: `{f'{key}: ' if isinstance(key, str) and key else ''}{_plain(example)}`"


_LEAST: dict[Any, Any] = {"object": {}, "array": [], "boolean": True, "integer": 1, "string": "some text"}


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_plain(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(item)}" for key, item in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


_HANDLERS = {
    "additionalProperties": _unknown_keys,
    "type": _wrong_type,
    "required": _missing,
    "enum": _not_possible,
    "const": _not_possible,
    "pattern": _pattern,
}
