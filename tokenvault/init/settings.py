"""Questions about a flavor's settings, read off its schema: a flavor with new settings needs nothing here.

Three settings are more than a value and have questions of their own: which API, which keys, which grants.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenvault.flavors import flavors
from tokenvault.init import prompts
from tokenvault.init.answers import Answers, Api, Desk, Question, at, key_of, of_setting, of_urls, words, wrapped
from tokenvault.init.draft import make_key_pair
from tokenvault.spec.references import References
from tokenvault.text import safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a flavor that was chosen."""

    flavor: str
    name: str
    schema: Mapping[str, Any]

    @property
    def title(self) -> str:
        """What it is for: the first sentence of its description."""
        return self._sentences[0].rstrip(".")

    @property
    def advice(self) -> str:
        """What else its description says."""
        return self._sentences[2].replace("`", "")

    @property
    def _sentences(self) -> tuple[str, str, str]:
        return str(self.schema.get("description", self.name)).partition(". ")


NOT_ASKED = frozenset({"authentication_keys"})  # whoever keeps a second key pair writes it into the spec
Requirement = Callable[[Answers, Desk, Setting], Answers]


def settings_of(answers: Answers) -> Iterator[Setting]:
    """Every setting of every flavor that was chosen, as far as it is asked for."""
    for name in answers.flavors or ():
        for setting, schema in (flavors()[name].schema or {}).get("properties", {}).items():
            if setting not in NOT_ASKED:
                yield Setting(flavor=name, name=setting, schema=schema)


def open_settings(answers: Answers) -> Iterator[Question]:
    """The questions about settings that are not answered yet."""
    for setting in settings_of(answers):
        if setting.name not in answers.settings.get(setting.flavor, {}):
            yield _question(setting)


def _question(setting: Setting) -> Question:
    manner = MANNERS.get(setting.name) or Manner(
        flag=f"--set {setting.flavor}.{setting.name}=VALUE",
        needed=setting.name in (flavors()[setting.flavor].schema or {}).get("required", ()),
    )
    return Question(
        flag=manner.flag,
        what=manner.what or setting.title,
        ask=lambda answers, desk: manner.ask(answers, desk, setting),
        optional=not manner.needed,
    )


def _ask_value(answers: Answers, desk: Desk, setting: Setting) -> Answers:
    """A plain value: one of several, a list, or text; empty is the default."""
    if setting.advice:
        desk.tell(f"{wrapped(setting.advice)}\n")
    if "enum" in setting.schema:
        options = [prompts.Option(value=value, title=str(value)) for value in setting.schema["enum"]]
        value = prompts.select(f"{setting.title}:", options)
        return answers.with_setting(
            setting.flavor, setting.name, None if value == setting.schema.get("default") else value
        )
    question = _question(setting)

    def check(text: str) -> str:
        if not text and question.optional:
            return ""
        return _problem(answers, desk, setting, _parsed(setting, text)) if text else "This is needed"

    title = f"{setting.title}{' (may be empty)' if question.optional else ''}:"
    given = prompts.text(title, check=check)
    return answers.with_setting(setting.flavor, setting.name, _parsed(setting, given) if given else None)


def _parsed(setting: Setting, text: str) -> Any:
    return list(words(text)) if setting.schema.get("type") == "array" else text


def _problem(answers: Answers, desk: Desk, setting: Setting, value: Any) -> str:
    read = References({}, desk.folder).file
    return of_setting(answers, setting.flavor, setting.name, value, read)


def _ask_api(answers: Answers, desk: Desk, setting: Setting) -> Answers:
    known = [prompts.Option(value=api, title=_api_title(api)) for api in desk.offers().apis or ()]
    new = prompts.Option(value=None, title="A new API")
    api = prompts.select("Whose access tokens are exchanged?", [*known, new]) if known else None
    return with_api(answers, setting.flavor, api or _new_api())


def _api_title(api: Api) -> str:
    return f"{safe(api.name or api.key):<26.26} {safe(api.identifier)}"[:72]


def _new_api() -> Api:
    place = ("apis", "*", "identifier")
    identifier = prompts.text(
        "Identifier of the API (the audience of its tokens; stays):",
        check=lambda text: of_urls([text]) if "://" in text else at(place, text),
    )
    name = prompts.text("Name of the API:", default=key_of(identifier, "api"), check=_name_check)
    return Api(key=key_of(name, "api"), identifier=identifier, name=name)


def _name_check(text: str) -> str:
    return at(("apis", "*", "name"), text)


def with_api(answers: Answers, flavor: str, api: Api) -> Answers:
    """The answers with an API whose access tokens a flavor exchanges."""
    return replace(answers, apis=(*answers.apis, api)).with_setting(flavor, "api", api.key)


def _ask_keys(answers: Answers, desk: Desk, setting: Setting) -> Answers:
    options = [
        prompts.Option(value=True, title="A new one: make an RSA key pair"),
        prompts.Option(value=False, title="One that exists: I have its public key"),
    ]
    if prompts.select("The worker signs its requests. With which key?", options):
        return with_new_keys(answers, desk.folder, setting.flavor)

    def entry(text: str) -> list[dict[str, str]]:
        return [{"file": beside(text, desk.folder)}]

    file = prompts.text(
        "File of the public key (PEM):", check=lambda text: _problem(answers, desk, setting, entry(text))
    )
    return answers.with_setting(setting.flavor, setting.name, entry(file))


def with_new_keys(answers: Answers, folder: Path, flavor: str) -> Answers:
    """The answers with a key pair that was made for the first application."""
    pair = make_key_pair(folder, next(iter(answers.keys)))
    return replace(answers, key_pair=pair).with_setting(flavor, "public_keys", [{"file": pair.public_file}])


def beside(file: str, folder: Path) -> str:
    """A path as the spec names it: counted from its folder."""
    return Path(os.path.relpath(Path(file).expanduser(), folder)).as_posix()


def _ask_grants(answers: Answers, desk: Desk, setting: Setting) -> Answers:
    names = [connection.name for connection in answers.connections or ()]
    if len(names) > 1:
        options = [prompts.Option(value=name, title=name, checked=True) for name in names]
        asked = "Of which connections may the worker get tokens?"
        names = prompts.checkbox(
            asked, options, check=lambda chosen: _problem(answers, desk, setting, {name: [] for name in chosen})
            if chosen else "Choose at least one",
        )  # fmt: skip
    grants: dict[str, list[str]] = {}
    for name in names:

        def check(text: str, name: str = name) -> str:
            return _problem(answers, desk, setting, {**grants, name: list(words(text))})

        grants[name] = list(words(prompts.text(f"Scopes that it may get of {name}:", check=check)))
    return answers.with_setting(setting.flavor, setting.name, grants)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """The flag of a setting, and how it is asked for where it is more than a value. `needed`: no flavor works without."""

    flag: str
    what: str = ""
    ask: Requirement = _ask_value
    needed: bool = False


MANNERS: Mapping[str, Manner] = {
    "api": Manner(
        flag="--api-identifier URI", what="the API whose access tokens are exchanged", ask=_ask_api, needed=True
    ),
    "client_name": Manner(flag="--api-client-name NAME"),
    "authentication": Manner(flag="--authentication HOW"),
    "public_keys": Manner(
        flag="--public-key FILE, or --generate-key",
        what="the key that the worker signs with",
        ask=_ask_keys,
        needed=True,
    ),
    "ip_allowlist": Manner(flag="--ip ADDRESS", needed=True),
    "grants": Manner(
        flag="--grant CONNECTION=SCOPE,SCOPE", what="what the worker may get", ask=_ask_grants, needed=True
    ),
}
