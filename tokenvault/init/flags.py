"""Turns the flags of the command line into answers. Raises RefusedError with everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tokenvault.errors import Diagnostic, RefusedError, did_you_mean
from tokenvault.flavors import flavors
from tokenvault.init.answers import Answers, Api, Connection, Existing, key_of, of_urls, words, wrapped
from tokenvault.init.questions import named_connection, open_questions
from tokenvault.init.settings import beside, with_api, with_new_keys
from tokenvault.kinds.application import APP_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The flags as they were given."""

    name: str | None = None
    app_name: str | None = None
    client_ids: tuple[str, ...] = ()
    type: str | None = None
    callbacks: tuple[str, ...] = ()
    logout_urls: tuple[str, ...] = ()
    flavors: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    api_identifier: str | None = None
    api_name: str | None = None
    api_client_name: str | None = None
    authentication: str | None = None
    public_keys: tuple[str, ...] = ()
    generate_key: bool = False
    ips: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()


def answers_of(flags: Flags, *, folder: Path) -> Answers:
    """The answers that the flags give, or `RefusedError` with everything that is wrong with them."""
    problems = list(_problems(flags))
    if problems:
        raise RefusedError(*problems)
    existing = tuple(Existing(client_id=client_id, type=flags.type) for client_id in flags.client_ids)
    answers = Answers(
        spec_name=flags.name,
        app_name=flags.app_name,
        existing=existing or None,
        type=flags.type,
        callbacks=flags.callbacks or None,
        logout_urls=flags.logout_urls or None,
        flavors=tuple(dict.fromkeys(flags.flavors)) or None,
        connections=tuple(_connection(text) for text in flags.connections) or None,
    )
    return _with_settings(answers, flags, folder)


def missing(answers: Answers) -> Diagnostic | None:
    """What a run without a terminal lacks, all at once; None when it lacks nothing."""
    needed = [question for question in open_questions(answers) if not question.optional]
    if not needed:
        return None
    return Diagnostic(
        code="init-missing",
        summary="There is no terminal to ask in, and answers are missing",
        detail="\n".join(f"  {question.flag}\n{wrapped(question.what)}" for question in needed),
        hint="Give these, or run it in a terminal. Nothing was written.",
    )


def _problems(flags: Flags) -> Iterator[Diagnostic]:
    if flags.type and flags.type not in APP_TYPES:
        yield _unknown("--type", flags.type, APP_TYPES)
    for name in flags.flavors:
        if name not in flavors():
            yield _unknown("--flavor", name, flavors())
    if flags.app_name and flags.client_ids:
        yield _problem("--app-name names a new application, --client-id an existing one", "Give one of the two.")
    for flag, urls in {"--callback": flags.callbacks, "--logout-url": flags.logout_urls}.items():
        if of_urls(urls):
            yield _problem(
                f"{flag}: {of_urls(urls)}", f"Give the whole address; {flag} takes one, and can stand several times."
            )
    yield from (_problem(f"--grant {text} names no connection", _GRANT) for text in flags.grants if "=" not in text)
    if flags.generate_key and flags.public_keys:
        yield _problem("--generate-key makes a key, --public-key names one that exists", "Give one of the two.")
    yield from _settings_problems(flags)


_GRANT = "Write --grant CONNECTION=SCOPE,SCOPE; a provider without scopes is --grant CONNECTION=."


def _settings_problems(flags: Flags) -> Iterator[Diagnostic]:
    known = {name: table for name, table in flavors().items() if name in flags.flavors}
    if not flags.flavors or len(known) < len(set(flags.flavors)):
        return
    for flag, setting in ((flag, setting) for setting, (flag, value) in _by_setting(flags).items() if value):
        if _owner(flags.flavors, setting) is None:
            takers = ", ".join(name for name, table in flavors().items() if setting in _properties(name))
            yield _problem(f"{flag} is for {takers}", f"Add --flavor {takers}, or leave {flag} out.")
    for text in flags.sets:
        flavor, _, setting = text.split("=")[0].partition(".")
        if "=" not in text or flavor not in known or setting not in _properties(flavor):
            possible = [f"{name}.{each}" for name in known for each in _properties(name)]
            hint = did_you_mean(text.split("=")[0], possible) or f"Possible: {', '.join(possible) or 'none'}."
            yield _problem(f"--set {text} names no setting of a flavor", hint)


def _by_setting(flags: Flags) -> Mapping[str, tuple[str, Any]]:
    """The settings that have flags of their own."""
    return {
        "api": ("--api-identifier", flags.api_identifier),
        "client_name": ("--api-client-name", flags.api_client_name),
        "authentication": ("--authentication", flags.authentication),
        "public_keys": (
            "--generate-key" if flags.generate_key else "--public-key",
            flags.generate_key or flags.public_keys,
        ),
        "ip_allowlist": ("--ip", list(flags.ips)),
        "grants": ("--grant", dict(_grant(text) for text in flags.grants)),
    }


def _properties(flavor: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (flavors()[flavor].schema or {}).get("properties", {})
    return found


def _owner(chosen: Iterable[str], setting: str) -> str | None:
    return next((name for name in chosen if setting in _properties(name)), None)


def _with_settings(answers: Answers, flags: Flags, folder: Path) -> Answers:
    given = {setting: value for setting, (_, value) in _by_setting(flags).items() if value}
    for setting, value in given.items():
        flavor = _owner(flags.flavors, setting)
        match setting:
            case _ if flavor is None:
                continue
            case "api":
                answers = with_api(answers, flavor, _api(flags))
            case "public_keys" if flags.generate_key:
                answers = with_new_keys(answers, folder, flavor)
            case "public_keys":
                answers = answers.with_setting(flavor, setting, [{"file": beside(file, folder)} for file in value])
            case _:
                answers = answers.with_setting(flavor, setting, value)
    return _with_sets(answers, flags.sets)


def _with_sets(answers: Answers, sets: Iterable[str]) -> Answers:

    for text in sets:
        name, _, value = text.partition("=")
        flavor, _, setting = name.partition(".")
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError:
            parsed = value
        answers = answers.with_setting(flavor, setting, parsed)
    return answers


def _api(flags: Flags) -> Api:
    identifier = flags.api_identifier or ""
    return Api(key=key_of(flags.api_name or identifier, "api"), identifier=identifier, name=flags.api_name)


def _connection(text: str) -> Connection:
    name, equals, scopes = text.partition("=")
    return replace(named_connection(name), scopes=words(scopes), as_is=bool(equals) and not scopes.strip())


def _grant(text: str) -> tuple[str, list[str]]:
    name, _, scopes = text.partition("=")
    return name, list(words(scopes))


def _unknown(flag: str, value: str, known: Iterable[str]) -> Diagnostic:
    names = list(known)
    hint = did_you_mean(value, names) or f"Possible: {', '.join(names)}."
    return _problem(f'{flag} cannot be "{value}"', hint)


def _problem(summary: str, hint: str) -> Diagnostic:
    return Diagnostic(code="init-flag", summary=summary, hint=hint)


def with_default_name(answers: Answers) -> Answers:
    """The answers with a name for the spec, where nobody gave one."""
    return replace(answers, spec_name=answers.spec_name or answers.default_spec_name)
