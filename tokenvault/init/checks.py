"""What is wrong with one answer, told at once: judged by the spec's schema and by the rules of the flavors themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tokenvault.flavors import ReadFile, Use, flavors
from tokenvault.init.answers import Answers
from tokenvault.spec.model import ApiSpec, ApplicationSpec, ConnectionSpec, FlavorUse, Problem, Spec
from tokenvault.spec.problems import schema_problems
from tokenvault.spec.schema import spec_schema

WIDTH = 80
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/\S+")


def at(place: Sequence[str], value: Any) -> str:
    """What the spec's schema has against a value at a place, such as `("applications", "*", "name")`."""
    schema: Any = spec_schema()
    for part in place:
        schema = schema["additionalProperties"] if part == "*" else schema["properties"][part]
    return against(schema, value)


def against(schema: Mapping[str, Any], value: Any) -> str:
    """What a schema has against a value."""
    from jsonschema import Draft202012Validator

    return _first(schema_problems(Draft202012Validator(schema).iter_errors(value)))


def of_urls(urls: Iterable[str]) -> str:
    """What is wrong with the first of these that is no URL."""
    wrong = next((url for url in urls if not _URL.fullmatch(url)), None)
    return "" if wrong is None else f'"{wrong}" is not a URL, such as https://app.example.com/callback'


def of_setting(answers: Answers, flavor: str, name: str, value: Any, read: ReadFile) -> str:
    """What a flavor has against one of its settings, the other answers being what they are."""
    table = flavors()[flavor]
    loaded, wrong = table.load({name: value}, read)
    found = against((table.schema or {})["properties"][name], value) or _first(_about(name, wrong))
    if found:
        return found
    flavor_use = FlavorUse(name=flavor, settings=loaded)
    return _first(
        _about(name, table.rules(Use(spec=_trial(answers), app=_trial_app(answers), flavor=flavor_use, domain="")))
    )


def _about(name: str, problems: Iterable[Problem]) -> Iterable[Problem]:
    return (problem for problem in problems if name in problem.path)


def _trial(answers: Answers) -> Spec:
    """As much of the spec as the rules of a flavor look at."""
    return Spec(
        name="trial",
        files=(),
        connections={c.name: ConnectionSpec(name=c.name) for c in answers.connections or ()},
        apis={
            api.key: ApiSpec(key=api.key, identifier=api.identifier, name=api.name or api.key) for api in answers.apis
        },
    )


def _trial_app(answers: Answers) -> ApplicationSpec:
    return ApplicationSpec(key="trial", type=answers.type, connections=tuple(c.name for c in answers.connections or ()))


def _first(problems: Iterable[Problem]) -> str:
    """One line, for the foot of a prompt."""
    found = next((problem for problem in problems if problem.severity == "error"), None)
    whole = f"{found.summary.rstrip('.')}. {found.hint}".strip() if found else ""
    return whole if found is None or len(whole) < WIDTH else found.summary
