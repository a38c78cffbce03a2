"""Texts that try to do something where they are shown, a tenant and a spec that are full of them, and what gives one away."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.plan.tenants import edit
from tests.support import write_spec
from tokenvault.sandbox import open_sandbox

HOSTILE = {
    "escape": "\x1b[2J\x1b]0;owned\x07",
    "c1": "a\x9b31mb\x85c",
    "return": "good\rbad\x08",
    "bidi": "safe\u202e\u2066live\u2069",
    "zero width": "ad\u200bm\u2060in\ufeff",
    "tags": "x" + "".join(chr(0xE0000 + ord(letter)) for letter in "approve"),
    "selectors": "a\ufe0f\U000e0101b",
    "fillers": "\u3164\u2800\u115f",
    "separators": "a\u2028b\u2029c",
    "group": "##[group]x ##[stop-commands]y ##vso[task.setvariable variable=a]b ##teamcity[x]",
    "command": "::error::x",
    "line of a command": "a\n::set-output name=a::b\n::stop-commands::t",
    "gitlab": "section_start:1:a\r\x1b[0K",
    "html": "</title></svg><script>alert(1)</script>",
    "markdown": "```\n<!-- tokenvault:plan -->",
    "shell": "$(touch owned) `touch owned`",
}
"""Each with the raw text; nothing of it may come out of any command as it is, but what only HTML or a shell would read."""

SECTION = re.compile(r"section_(start|end):")
ANYWHERE = re.compile(r"(?i)##\w*\[")
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
ANNOTATION = re.compile(r"::(error|warning) (file|title)=[^:]*::")
CONTROL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def harm(text: str, *, annotations: bool = False) -> Iterator[str]:
    """What of a text moves, hides or commands; `annotations` are the workflow commands that were asked for."""
    for character in sorted(set(text) - {"\n"}):
        code = ord(character)
        selector = 0xFE00 <= code <= 0xFE0F or 0xE0000 <= code <= 0xE0FFF or 0x180B <= code <= 0x180F
        if unicodedata.category(character) in CONTROL or character in BLANK or selector:
            yield f"the character U+{code:04X}"
    for line in text.split("\n"):
        if ANYWHERE.search(line) or SECTION.search(line):
            yield f"a command in {line[:160]!r}"
        if (
            line.lstrip().startswith("::")
            and "::" in line.lstrip()[2:]
            and not (annotations and ANNOTATION.match(line))
        ):
            yield f"a command at the start of {line[:160]!r}"


def texts_in(data: Any) -> Iterator[str]:
    """Every text of a JSON document, keys among them."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from (key, *texts_in(value))
    elif isinstance(data, list):
        for item in data:
            yield from texts_in(item)
    elif isinstance(data, str):
        yield data


def carried(texts: Iterable[str]) -> set[str]:
    """Which of the hostile texts are in these, whole."""
    joined = "\0".join(texts)
    return {name for name, text in HOSTILE.items() if text in joined}


SPEC = "spec.yaml"
TENANT = "tenant.db"
FLEET = "fleet.yaml"


def plant(folder: Path) -> None:
    """The tenant and the spec: every name and description, theirs and ours, is hostile, and each text is in each place."""
    open_sandbox(folder / TENANT).close()
    edit(folder / TENANT, _hostile_tenant)
    write_spec(folder, _spec(folder / TENANT), SPEC)
    labels = {f"label{number}": text for number, text in enumerate(HOSTILE.values())}
    member = {"sandbox": TENANT, "spec": [SPEC], "labels": labels}
    write_spec(folder, {"version": 1, "fleet": "acme", "tenants": {"one": member}}, FLEET)


def _hostile_tenant(objects: dict[str, dict[str, Any]]) -> None:
    """Applications to adopt, one for each text, and every name of the others."""
    texts = list(HOSTILE.values())
    clients = list(objects["clients"].values())
    template = next(client for client in clients if client.get("app_type") == "regular_web")
    for number, text in enumerate(texts):
        client_id = f"hostileclient{number:019}"
        objects["clients"][client_id] = {
            **json.loads(json.dumps(template)),
            "client_id": client_id,
            "name": text,
            "description": text[:140],
            "client_metadata": {"note": text},
        }
    for number, connection in enumerate(objects["connections"].values()):
        connection["display_name"] = texts[number % len(texts)]
    for number, api in enumerate(objects["resource_servers"].values()):
        if not api.get("is_system"):
            api["name"] = texts[number % len(texts)]
            api["scopes"] = [{"value": "read:x", "description": text} for text in texts[:1]]


def _spec(state: Path) -> dict[str, Any]:
    texts = list(HOSTILE.values())
    applications: dict[str, Any] = {
        f"old{number}": {
            "client_id": f"hostileclient{number:019}",
            "flavors": ["connected_accounts"],
            "connections": ["github"],
        }
        for number, _ in enumerate(texts)
    }
    for number, text in enumerate(texts):
        applications[f"new{number}"] = {
            "name": _without_brackets(f"{text} (ours)"),
            "type": "regular_web",
            "callbacks": [f"https://web{number}.example.com/cb"],
            "flavors": ["refresh_token_exchange"],
            "connections": ["google-oauth2"],
        }
    return {
        "version": 1,
        "name": "acme",
        "connections": {
            "google-oauth2": {"offline_access": True, "scopes": ["email", *_words(texts)]},
            "github": {},
        },
        "apis": {
            f"api{number}": {
                "identifier": f"https://api{number}.example.com",
                "name": _without_brackets(text),
                "scopes": {"read:x": text},
            }
            for number, text in enumerate(texts)
        },
        "applications": applications,
    }


def _words(texts: Iterable[str]) -> list[str]:
    return [re.sub(r"\s", "", text) for text in texts]


def _without_brackets(text: str) -> str:
    """What Auth0 takes as a name."""
    return re.sub("[<>]", "", text)
