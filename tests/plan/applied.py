"""The rest of the gallery: situations in which more than a plan comes out. Each gives the files that hold it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.plan.gallery import Case, drifted
from tests.plan.tenants import SECRETS, client, connection, edit, run
from tests.support import Result, cli, served
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET

Outputs = dict[str, str]
APPLIED_BEFORE = Case(title="A tenant to which the spec was applied", before=True)
NEW = Case(title="A tenant that knows nothing of the spec")
PORT = re.compile(r"127\.0\.0\.1:\d+")
_TOOK = re.compile(r"after \d+s")


def _drift(folder: Path) -> Outputs:
    """Somebody clicked around in the dashboard since the last apply."""
    APPLIED_BEFORE.prepare("drift", folder)
    edit(folder / "tenant.db", drifted)
    text, data = run(folder, "drift", "spec.yaml"), run(folder, "drift", "spec.yaml", "--format", "json")
    assert (text.code, data.code) == (2, 2), text.err
    return {"drift.txt": text.out, "drift.json": data.out}


def _meanwhile(objects: dict[str, Any]) -> None:
    client(objects, "Acme Assistant")["callbacks"].append("https://added.by.hand.example")
    connection(objects, "google-oauth2")["connected_accounts"]["active"] = False


def _stale(folder: Path) -> Outputs:
    """A saved plan is applied after somebody changed two of its objects."""
    APPLIED_BEFORE.prepare("stale", folder)
    run(folder, "plan", "spec.yaml", "--out", "plan.json")
    edit(folder / "tenant.db", _meanwhile)
    return _applied(run(folder, "apply", "plan.json"))


def _partial(folder: Path) -> Outputs:
    """A token that may do everything but make applications and grants, and does not tell so before."""
    NEW.prepare("partial-failure", folder)
    most = [s for s in _scopes(folder) if s not in ("create:clients", "update:client_grants")]
    with served(folder / "tenant.db", "--scopes", " ".join(most)) as tenant:
        token = {"AUTH0_DOMAIN": tenant, "AUTH0_API_TOKEN": "sandbox"}
        applied = cli("apply", "spec.yaml", "-y", cwd=folder, env={**SECRETS, **token})
    outputs = _applied(applied)
    return {**outputs, "apply.txt": outputs["apply.txt"][outputs["apply.txt"].index("\nApply incomplete") :]}


def _missing(folder: Path) -> Outputs:
    """A token that tells what it is allowed: the plan warns, the apply is refused before the first write."""
    NEW.prepare("missing-scopes", folder)
    edit(folder / "tenant.db", least)
    with served(folder / "tenant.db") as tenant:
        login = {"AUTH0_DOMAIN": tenant, "AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": CLIENT_SECRET}
        plan = cli("plan", "spec.yaml", "--summary", cwd=folder, env={**SECRETS, **login})
        apply = cli("apply", "spec.yaml", "-y", "--debug", cwd=folder, env={**SECRETS, **login})
    assert (plan.code, apply.code) == (0, 1)
    assert not re.search(r"^(POST|PATCH|PUT|DELETE) ", apply.err, re.MULTILINE), "something was written"
    return {"plan.txt": plan.out, "apply.err": apply.err[apply.err.index("Error:") :]}


def least(objects: dict[str, Any]) -> None:
    """The deploy tool loses three scopes."""
    for grant in objects["client_grants"].values():
        lacking = ("create:client_grants", "update:connections_options", "create:client_credentials")
        grant["scope"] = [scope for scope in grant["scope"] if scope not in lacking]


def _scopes(folder: Path) -> list[str]:
    found: list[str] = []
    edit(
        folder / "tenant.db",
        lambda objects: found.extend(s for g in objects["client_grants"].values() for s in g["scope"]),
    )
    return found


def _protected(folder: Path) -> Outputs:
    """Everything is destroyed but what is protected."""
    APPLIED_BEFORE.prepare("protected", folder)
    destroyed = run(folder, "destroy", "spec.yaml", "-y")
    assert destroyed.code == 0, destroyed.err
    return _applied(destroyed)


def _applied(result: Result) -> Outputs:
    """What an apply wrote; its progress sorted, for branches run side by side."""
    err = _TOOK.sub("after 0s", PORT.sub("127.0.0.1:54321", result.err))
    progress = [
        line
        for line in err.splitlines()
        if re.match(r"\w[\w.-]*: (Creat|Updat|Delet|Still|Failed|Skipped)|Checked", line)
    ]
    problems = err[err.index("Error:") :] if "Error:" in err else ""
    return {
        "apply.txt": PORT.sub("127.0.0.1:54321", result.out),
        "apply.err": "\n".join(sorted(progress)) + "\n\n" + problems,
    }


def events(text: str) -> list[dict[str, Any]]:
    """The lines of `apply --json`."""
    return [json.loads(line) for line in text.splitlines()]


APPLIED: dict[str, Callable[[Path], Outputs]] = {
    "drift": _drift,
    "stale": _stale,
    "partial-failure": _partial,
    "missing-scopes": _missing,
    "protected": _protected,
}
