"""The questions, in their order. In a terminal they are asked; without one, the error names the flags that would answer them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from tokenvault.flavors import flavors
from tokenvault.init import prompts
from tokenvault.init.answers import (
    Answers,
    Connection,
    Desk,
    Existing,
    Question,
    at,
    of_urls,
    why_not,
    words,
    wrapped,
)
from tokenvault.init.settings import open_settings
from tokenvault.kinds.application import APP_TYPES
from tokenvault.kinds.strategies import STRATEGIES
from tokenvault.text import safe

TYPES: Mapping[str, str] = {
    "regular_web": "a web application with a backend",
    "spa": "a single-page application in the browser",
    "native": "a mobile, desktop or command-line application",
    "m2m": "a machine: a job or service without users",
}
NAMES = ("applications", "*", "name")


def open_questions(answers: Answers) -> Iterator[Question]:
    """Those that are not answered yet. More may follow from an answer."""
    if answers.app_name is None and answers.existing is None:
        yield Question(
            flag="--app-name NAME, or --client-id ID", what="a new application, or existing ones", ask=_application
        )
    if answers.is_new and answers.type is None:
        yield Question(flag="--type TYPE", what=", ".join(APP_TYPES), ask=_type)
    if answers.is_new and answers.with_users and answers.callbacks is None:
        unless = "" if answers.type else " (unless --type m2m)"
        yield Question(flag="--callback URL", what=f"where users come back to{unless}", ask=_callbacks)
    if answers.is_new and answers.with_users and answers.logout_urls is None:
        yield Question(
            flag="--logout-url URL", what="where users go after logging out", ask=_logout_urls, optional=True
        )
    if answers.flavors is None:
        yield Question(flag="--flavor NAME", what=", ".join(flavors()), ask=_flavors)
    if answers.connections is None:
        yield Question(flag="--connection NAME", what="a connection whose tokens are needed", ask=_connections)
    yield from open_settings(answers)
    if answers.spec_name is None:
        yield Question(flag="--name NAME", what="the name of the spec", ask=_spec_name, optional=True)


def _application(answers: Answers, desk: Desk) -> Answers:
    known = desk.offers().applications
    there = f"Existing ones of {desk.offers().domain} ({len(known)})" if known else "An existing one, by its client id"
    options = [
        prompts.Option(value=_new_application, title="A new one"),
        prompts.Option(value=_listed_applications if known else _typed_application, title=there),
    ]
    how: Callable[[Answers, Desk], Answers] = prompts.select("Which application?", options)
    return how(answers, desk)


def _new_application(answers: Answers, desk: Desk) -> Answers:
    name = prompts.text("Name of the new application:", check=lambda text: at(NAMES, text))
    return replace(answers, app_name=name)


def _listed_applications(answers: Answers, desk: Desk) -> Answers:
    options = [prompts.Option(value=app, title=_title(app)) for app in desk.offers().applications or ()]
    chosen = prompts.checkbox("Which existing applications?", options, check=_alike)
    return replace(answers, existing=tuple(chosen))


def _alike(chosen: Sequence[Existing]) -> str:
    types = frozenset(app.type for app in chosen if app.type)
    fits = any(types <= flavor.types for flavor in flavors().values())
    return _at_least_one(chosen) or (
        "" if fits else f"No flavor is for all of {', '.join(sorted(types))}: choose fewer"
    )


def _title(app: Existing) -> str:
    return f"{safe(app.name):<26.26} {app.type or '-':<11} {app.client_id}"


def _typed_application(answers: Answers, desk: Desk) -> Answers:
    place = ("applications", "*", "client_id")
    client_id = prompts.text("Client id of the application:", check=lambda text: at(place, text))
    return replace(answers, existing=(Existing(client_id=client_id),))


def _type(answers: Answers, desk: Desk) -> Answers:
    options = [prompts.Option(value=name, title=f"{name:<12} {TYPES.get(name, '')}") for name in APP_TYPES]
    return replace(answers, type=prompts.select("What type of application is it?", options))


def _callbacks(answers: Answers, desk: Desk) -> Answers:
    def check(text: str) -> str:
        return of_urls(words(text)) or ("" if words(text) else "Users must come back somewhere: at least one URL")

    return replace(answers, callbacks=words(prompts.text("Callback URLs, with commas between:", check=check)))


def _logout_urls(answers: Answers, desk: Desk) -> Answers:
    given = prompts.text("Logout URLs (may be empty):", check=lambda text: of_urls(words(text)))
    return replace(answers, logout_urls=words(given))


def _flavors(answers: Answers, desk: Desk) -> Answers:
    desk.tell("".join(f"  {flavor.name}\n{wrapped(flavor.summary)}\n" for flavor in flavors().values()))
    options = [
        prompts.Option(value=flavor.name, title=flavor.name, unavailable="" if fits else f"not for {_types(answers)}")
        for flavor in flavors().values()
        for fits in [answers.types <= flavor.types]
    ]
    return replace(
        answers, flavors=tuple(prompts.checkbox("Which flavors of Token Vault?", options, check=_at_least_one))
    )


def _types(answers: Answers) -> str:
    return ", ".join(sorted(answers.types))


def _connections(answers: Answers, desk: Desk) -> Answers:
    known = desk.offers().connections or ()
    if all(why_not(connection) for connection in known):
        return replace(answers, connections=_typed_connections())
    options = [
        prompts.Option(value=c, title=f"{safe(c.name):<34.34} {c.strategy}", unavailable=why_not(c)) for c in known
    ]
    return replace(answers, connections=tuple(prompts.checkbox("Which connections?", options, check=_at_least_one)))


def _typed_connections() -> tuple[Connection, ...]:
    def check(text: str) -> str:
        return at(("connections",), {name: {} for name in words(text)}) or _at_least_one(words(text))

    given = words(prompts.text("Connections, by their names, with commas between:", check=check))
    return tuple(named_connection(name) for name in given)


def named_connection(name: str) -> Connection:
    """A connection that nobody looked up: social connections are named after their strategy, most of the time."""
    return Connection(name=name, strategy=name if name in STRATEGIES else None)


def _spec_name(answers: Answers, desk: Desk) -> Answers:
    name = prompts.text(
        "Name of this spec (marks what it creates; stays):",
        default=answers.default_spec_name,
        check=lambda text: at(("name",), text),
    )
    return replace(answers, spec_name=name)


def _at_least_one(chosen: object) -> str:
    return "" if chosen else "Choose at least one"
