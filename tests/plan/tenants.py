"""Tenants with a history, and outputs that do not depend on which ids a tenant happens to give out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import Result, by_name, cli
from tokenvault.sandbox import open_sandbox

Objects = dict[str, dict[str, Any]]
Edit = Callable[[dict[str, Objects]], None]
SECRETS = {"CRM_CLIENT_SECRET": "canary-crm-secret"}
_IDS = {
    "con": re.compile(r"con_[A-Za-z0-9]{16}"),
    "cgr": re.compile(r"cgr_[A-Za-z0-9]{16}"),
    "cred": re.compile(r"cred_[A-Za-z0-9]{22}"),
    "client": re.compile(r"(?<![\w/+-])(?=\w*[a-z])(?=\w*[A-Z])[A-Za-z0-9]{32}(?![\w/+-])"),
    "api": re.compile(r"(?<![\w/+-])[0-9a-f]{24}(?![\w/+-])"),
}


def edit(state: Path, change: Edit) -> None:
    """Changes the tenant behind tokenvault's back."""
    sandbox = open_sandbox(state)
    try:
        exported = sandbox.export_state()
        change(exported["objects"])
        sandbox.load_state(exported)
    finally:
        sandbox.close()


def client(objects: dict[str, Objects], name: str) -> dict[str, Any]:
    """The application of this name."""
    return by_name(objects["clients"], name)


def connection(objects: dict[str, Objects], name: str) -> dict[str, Any]:
    """The connection of this name."""
    return by_name(objects["connections"], name)


def grant_of(objects: dict[str, Objects], client_id: str, audience: str) -> dict[str, Any]:
    """The grant of an application for an API."""
    grants = objects["client_grants"].values()
    return next(g for g in grants if g["client_id"] == client_id and g["audience"].endswith(audience))


def remove(objects: Objects, item: dict[str, Any]) -> None:
    """Takes an object away."""
    del objects[next(key for key, value in objects.items() if value is item)]


def run(folder: Path, *arguments: object, env: dict[str, str] | None = None) -> Result:
    """A command on the sandbox of this folder."""
    return cli(*arguments, "--sandbox", "tenant.db", cwd=folder, env={**SECRETS, **(env or {})})


def stable(text: str) -> str:
    """The text with ids numbered in the order in which they appear, each as long as it was."""
    for kind, pattern in _IDS.items():
        numbers: dict[str, str] = {}

        def numbered(found: re.Match[str], kind: str = kind, numbers: dict[str, str] = numbers) -> str:
            number = numbers.setdefault(found[0], str(len(numbers) + 1))
            return f"{kind}_".ljust(len(found[0]) - len(number), "0") + number

        text = pattern.sub(numbered, text)
    return text
