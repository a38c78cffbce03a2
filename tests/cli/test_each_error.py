"""Errors that no other test provokes in this process, each provoked for real, and shown in terminals of 80 and of 40 columns.

What every problem is held to stands in `tests/wording.py`, and holds for those of all tests; here are the rest of the catalogue.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_widths import in_terminal
from tests.support import Result, cli, served, write_spec
from tests.wording import too_long
from tests.wording import words as words_of

HEAD = "version: 1\nname: acme\n"
APP = 'type: regular_web, callbacks: ["https://a.example/cb"], flavors: [connected_accounts]'
SPEC = f"{HEAD}connections: {{github: {{}}}}\napplications: {{web: {{{APP}}}}}\n"
PROVIDER = "strategy: oauth2, credentials: {client_id: x, client_secret: '${env:%s}'}"

OFFLINE: dict[str, tuple[str, str]] = {
    "spec-confidential": (
        "connections: {github: {}}\napplications: {web: {confidential: true, " + APP + "}}\n",
        "Remove it.",
    ),
    "spec-empty-secret": ("connections: {c: {" + PROVIDER % "EMPTY" + "}}\n", "Set it to the secret's value."),
    "spec-encoding": ("tenant: \udcff\n", "Save it as UTF-8."),
    "spec-file-hidden": ("tenant: ${file:.hidden}\n", "put the file elsewhere"),
    "spec-file-in-clear": (
        'applications: {web: {name: "${file:keys/note.txt}", ' + APP + "}}\n",
        "Elsewhere write the text",
    ),
    "spec-key": ("connections: {[a, b]: {}}\n", "Write `key: value`."),
    "spec-undocumented": ("connections: {linkedin: {strategy: linkedin}}\n", "try one exchange"),
    "spec-variable-not-allowed": (
        'connections: {github: {}}\napplications: {web: {name: "${env:SOME_HOST}", ' + APP + "}}\n",
        "let the first file of the spec say",
    ),
}
PLANNED: dict[str, tuple[str, str]] = {
    "plan-immutable": ("connections: {github: {strategy: google-oauth2}}\n", "connection of another name."),
    "plan-no-tokens": ("connections: {Username-Password-Authentication: {}}\n", "Remove it from the spec."),
}
ANSWERED: dict[str, tuple[dict[str, Any], str]] = {
    "api-conflict": ({"fault": 409, "method": "POST", "path": "/api/v2/client-grants"}, "Run the command again"),
    "api-not-found": ({"fault": 404, "method": "PATCH", "path": "/api/v2/connections/*"}, "deleted meanwhile"),
    "apply-unverified": (
        {"fault": 500, "method": "GET", "path": "/api/v2/clients", "nth": 3},
        "`tokenvault plan spec.yaml`",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_spec(tmp_path, SPEC)
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "keys" / "note.txt").write_text("x")
    return tmp_path


def shown(folder: Path, code: str, way: str, *arguments: str, env: dict[str, str]) -> None:
    """The problem has its code and its way out in both terminals, and neither a line that is too long nor a broken word."""
    piped = cli(*arguments, cwd=folder, env=env).err
    assert f"[{code}]" in piped and way in piped, piped
    for columns in (80, 40):
        lines = in_terminal(columns, folder, *arguments, env=env)
        text = "\n".join(lines)
        assert f"[{code}]" in text and set(words_of(way)) <= set(words_of(text)), text
        assert not list(too_long(text, columns)), text


ENVIRONMENT = {"EMPTY": "", "SOME_HOST": "acme.us.auth0.com"}


@pytest.mark.parametrize("code", OFFLINE)
def test_an_error_of_the_spec(folder: Path, code: str) -> None:
    text, way = OFFLINE[code]
    (folder / "spec.yaml").write_bytes((HEAD + text).encode(errors="surrogateescape"))
    shown(folder, code, way, "validate", "spec.yaml", env=ENVIRONMENT)


@pytest.mark.parametrize("code", PLANNED)
def test_an_error_of_the_plan(folder: Path, code: str) -> None:
    text, way = PLANNED[code]
    write_spec(folder, HEAD + text)
    shown(folder, code, way, "plan", "spec.yaml", "--sandbox=t.db", env={})


def test_what_the_second_file_may_not_say(folder: Path) -> None:
    (folder / "more.yaml").write_text("overlay: true\nvariables: [ELSE]\n")
    way = "Move the names to `variables` of spec.yaml."
    shown(folder, "spec-variables", way, "validate", "spec.yaml", "more.yaml", env={})


@pytest.mark.parametrize("code", ANSWERED)
def test_an_answer_of_auth0(folder: Path, code: str) -> None:
    rule, way = ANSWERED[code]
    (folder / "faults.json").write_text(json.dumps([{"times": None, **rule}]))
    with served(folder / "t.db", "--faults", folder / "faults.json") as host:
        failed = cli("apply", "spec.yaml", "-y", cwd=folder, env={"AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"})
    assert f"[{code}]" in failed.err and way in failed.err, failed.err


def no_number(folder: Path) -> Result:
    env = {"AUTH0_DOMAIN": "127.0.0.1:9", "AUTH0_API_TOKEN": "x", "TOKENVAULT_TIMEOUT": "soon"}
    return cli("plan", "spec.yaml", cwd=folder, env=env)


def cut_token(folder: Path) -> Result:
    return cli("plan", "spec.yaml", cwd=folder, env={"AUTH0_DOMAIN": "127.0.0.1:9", "AUTH0_API_TOKEN": "ab cd"})


def no_fleet(folder: Path) -> Result:
    return cli("fleet", "plan", "fleet.yaml", cwd=folder)


def forged_plan(folder: Path) -> Result:
    """Two changes of a saved plan that wait for each other."""
    from tokenvault.plan.file import _hash

    cli("plan", "spec.yaml", "--sandbox=t.db", "--out", "plan.json", cwd=folder)
    plan = json.loads((folder / "plan.json").read_text())
    first, second, *_ = plan["changes"]
    first["requires"], second["requires"] = [second["address"]], [first["address"]]
    del plan["integrity"]
    (folder / "plan.json").write_text(json.dumps({**plan, "integrity": _hash(plan)}))
    return cli("apply", "plan.json", "--sandbox=t.db", cwd=folder)


def spec_for_a_plan(folder: Path) -> Result:
    return cli("show", "spec.yaml", cwd=folder)


@pytest.mark.parametrize(
    ("code", "provoke", "way"),
    [
        ("timeout", no_number, "TOKENVAULT_TIMEOUT=60"),
        ("auth-token", cut_token, "AUTH0_API_TOKEN"),
        ("fleet-no-file", no_fleet, "Name the fleet's file"),
        ("plan-circle", forged_plan, "`tokenvault plan spec.yaml --out new.json --sandbox=t.db`"),
        ("plan-is-spec", spec_for_a_plan, "`tokenvault plan spec.yaml --out plan.json`"),
    ],
)
def test_an_error_of_what_was_given(folder: Path, code: str, provoke: Callable[[Path], Result], way: str) -> None:
    failed = provoke(folder)
    assert failed.code == 1 and f"[{code}]" in failed.err and way in failed.err, failed.err
