"""Every command in every form, on a tenant and a spec full of hostile text: nothing moves, hides or commands.

The commands and their forms are read from the command line itself: a new one without arguments here fails.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.cli.hostile import FLEET, HOSTILE, SPEC, TENANT, carried, harm, plant, texts_in
from tests.plan.tenants import edit, run
from tests.reliability.bench import Bench, Rule, bench
from tests.reliability.leak import _variants, _walk
from tests.support import ROOT, TOKEN_VAULT_GRANT, Result, by_name, cli
from tests.support import tenant as tenant_of
from tokenvault.cli.app import command_line
from tokenvault.sandbox import open_sandbox

BEFORE, AFTER = "before", "after"
ARGUMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "init": (BEFORE, ("--no-input", "--app-name", HOSTILE["command"], "--type", "m2m", "--flavor", "privileged_worker",
                      "--generate-key", "--ip", "192.0.2.1", "--grant", "google-oauth2=email", "--connection",
                      "google-oauth2", "-o", "new.yaml")),
    "validate": (BEFORE, (SPEC, "wrong.yaml")),
    "plan": (BEFORE, (SPEC, "--out", "new-plan.json")),
    "apply": (BEFORE, (SPEC, "-y")),
    "show": (BEFORE, ("plan.json",)),
    "explain": (BEFORE, ("*", SPEC)),
    "graph": (BEFORE, (SPEC,)),
    "schema": (BEFORE, ()),
    "sandbox serve": (BEFORE, ("--name", HOSTILE["escape"])),
    "sandbox reset": (BEFORE, ()),
    "sandbox load": (BEFORE, (HOSTILE["bidi"],)),
    "sandbox show": (BEFORE, ()),
    "sandbox variants": (BEFORE, ()),
    "sandbox connect": (AFTER, ("auth0|##[group]", HOSTILE["command"])),
    "destroy": (AFTER, (SPEC, "-y")),
    "drift": (AFTER, (SPEC,)),
    "doctor": (AFTER, (SPEC,)),
    "usage": (AFTER, (SPEC,)),
    "exchange": (AFTER, ("new0", "google-oauth2", "--spec", SPEC, "-o", "provider.token")),
    "output": (AFTER, (SPEC, "--out", "apps.env", "--force")),
    "export": (AFTER, ("-o", "exported.yaml", "--force")),
    "snapshot": (AFTER, ("-o", "snapshot.json")),
    "auth status": (AFTER, ()),
    "fleet validate": (BEFORE, (FLEET,)),
    "fleet plan": (BEFORE, (FLEET, "--out", "plans")),
    "fleet apply": (BEFORE, (FLEET, "-y")),
    "fleet destroy": (AFTER, (FLEET, "-y")),
    "fleet drift": (AFTER, (FLEET,)),
    "fleet doctor": (AFTER, (FLEET,)),
    "completion": (BEFORE, ("bash",)),
    "operator run": (BEFORE, ()),
    "operator crd": (BEFORE, ()),
}  # fmt: skip
GRANTS = ["authorization_code", "refresh_token", TOKEN_VAULT_GRANT]
OFFLINE = ("validate", "show", "explain", "schema", "sandbox variants", "completion")
HOLDS_ALL = {("plan", "json"), ("show", "json"), ("output", "json"), ("sandbox show", "")}
"""What shows every name, and so must mean each of them when it was parsed."""


def commands() -> dict[str, list[tuple[str, ...]]]:
    """Every command that is registered, in every form."""
    found = _walk(typer.main.get_command(command_line()), ())
    return {" ".join(path): [(), *_variants(command)] for path, command in found}


RUNS = [(name, variant) for name, variants in commands().items() for variant in variants]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The hostile tenant before and after an apply, somebody having changed it since; with a plan, and a wrong spec."""
    before = tmp_path_factory.mktemp("before")
    plant(before)
    (before / "wrong.yaml").write_text(_wrong())
    assert run(before, "plan", SPEC, "--out", "plan.json").code == 0
    after = Path(shutil.copytree(before, tmp_path_factory.mktemp("after") / "world"))
    assert run(after, "apply", SPEC, "-y").code == 0
    edit(after / TENANT, _tampered)
    return {BEFORE: before, AFTER: after}


def _wrong() -> str:
    """Mistakes of which every text is a part: keys, values, references."""
    mistakes = {text: {"type": text, "flavors": [text], "client_id": text} for text in HOSTILE.values()}
    references = {
        f"a{n}": {"connections": [text], "flavors": ["connected_accounts"]} for n, text in enumerate(HOSTILE.values())
    }
    return json.dumps(
        {"version": 1, "name": HOSTILE["command"], "tenant": HOSTILE["bidi"], "applications": mistakes | references}
    )


def _tampered(objects: dict[str, dict[str, Any]]) -> None:
    """What drift finds: settings that somebody made hostile, and a connection that was switched off."""
    for client, text in zip(objects["clients"].values(), [*HOSTILE.values()] * 9, strict=False):
        if "tokenvault" in (client.get("client_metadata") or {}):
            client["grant_types"] = [text]
    by_name(objects["connections"], "github")["connected_accounts"] = {"active": False}


def _environment(folder: Path) -> dict[str, str]:
    """A user who logged in at the first application, which may log in again, and connected an account."""
    name = f"{HOSTILE['escape']} (ours)"
    edit(folder / TENANT, lambda objects: by_name(objects["clients"], name).update(grant_types=GRANTS))
    sandbox = open_sandbox(folder / TENANT)
    try:
        sandbox.connect("auth0|alice", "google-oauth2", client_id=name)
        token = sandbox.issue_refresh_token("auth0|alice", name)
    finally:
        sandbox.close()
    secret = by_name(tenant_of(folder / TENANT)["clients"], name)["client_secret"]
    return {"AUTH0_SUBJECT_TOKEN": token, "NEW0_CLIENT_SECRET": secret}


def _ran(folder: Path, name: str, arguments: tuple[str, ...], env: dict[str, str]) -> Result:
    place = ("--state", TENANT) if name.startswith("sandbox") and name != "sandbox variants" else ("--sandbox", TENANT)
    options = () if name in OFFLINE or name.split()[0] in ("fleet", "operator") else place
    env = {"NO_COLOR": "1", "KUBECONFIG": HOSTILE["escape"], **env}  # there is no cluster, and its file is called so
    return cli(*name.split(), *arguments, *options, cwd=folder, env=env)


def found_in(folder: Path, before: set[Path]) -> Iterator[tuple[str, str]]:
    """What a command wrote into files, but for the sandbox's own and what is a secret by itself."""
    for path in sorted(set(folder.rglob("*")) - before):
        if path.is_file() and path.name != "provider.token" and not path.name.startswith(TENANT):
            yield path.name, path.read_text()


def test_every_command_is_tried() -> None:
    assert commands().keys() == ARGUMENTS.keys(), "give a new command arguments in ARGUMENTS, full of hostile text"


@pytest.mark.parametrize(("name", "variant"), RUNS, ids=[" ".join((name, *variant)) for name, variant in RUNS])
def test_nothing_hostile_gets_through(
    worlds: dict[str, Path], tmp_path: Path, name: str, variant: tuple[str, ...]
) -> None:
    world, arguments = ARGUMENTS[name]
    folder = Path(shutil.copytree(worlds[world], tmp_path / "world"))
    there = set(folder.rglob("*"))
    env = _environment(folder) if name == "exchange" else {}
    given = arguments if not variant or variant[0] not in arguments else tuple(a for a in arguments if a != variant[0])
    ended = _ran(folder, name, (*given, *variant), env)
    assert "failed unexpectedly" not in ended.err
    annotated = variant == ("--format", "github")
    outputs = [("stdout", ended.out), ("stderr", ended.err), *found_in(folder, there)]
    for where, text in outputs:
        assert not list(harm(text, annotations=annotated and where == "stdout")), where
    assert any(text for _, text in outputs)
    for where, text in outputs:
        by_line = ("apply", "destroy", "operator run")  # these say it line by line
        is_json = where == "stdout" and variant[-1:] == ("json",) and name not in by_line
        if where.endswith(".json") or is_json:
            json.loads(text)
    if (name, (*variant, "")[-2] if variant else "") in HOLDS_ALL or (
        name,
        variant[-1] if variant else "",
    ) in HOLDS_ALL:
        assert carried(texts_in(ended.json)) == HOSTILE.keys() - _lost(name)
    if variant == ("--json",) and name in ("apply", "destroy"):
        assert carried(t for line in ended.out.splitlines() for t in texts_in(json.loads(line)))


def _lost(name: str) -> set[str]:
    return set()


def test_saved_files_mean_what_the_tenant_says(worlds: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(worlds[AFTER], tmp_path / "world"))
    run(folder, "snapshot", "-o", "snapshot.json")
    assert carried(texts_in(json.loads((folder / "snapshot.json").read_text()))) == HOSTILE.keys()
    assert carried(texts_in(json.loads((folder / "plan.json").read_text()))) == HOSTILE.keys()
    live = run(folder, "plan", SPEC, "--format", "json")
    frozen = cli(
        "plan", SPEC, "--live", "snapshot.json", "--format", "json", cwd=folder, env={"AUTH0_DOMAIN": "x.auth0.com"}
    )
    assert frozen.code == live.code == 0, frozen.err
    assert [c["address"] for c in frozen.json["changes"]] == [c["address"] for c in live.json["changes"]]


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_the_doctor_of_a_whole_tenant_names_its_applications(worlds: dict[str, Path], form: str) -> None:
    """With a spec it calls them by their keys there; without one, by the names that anybody gave them."""
    found = run(worlds[AFTER], "doctor", "--format", form)
    assert found.code == 1 and not list(harm(found.out)) and not list(harm(found.err))
    if form == "json":
        assert carried(texts_in(found.json)) == HOSTILE.keys()


# ---- what a server says


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("served")) as there:
        yield there


def _says(status: int) -> Rule:
    said = "::error::x\n" + "\n".join(HOSTILE.values())
    body = {"statusCode": status, "error": said, "message": said, "errorCode": said, "error_description": said}
    return {"fault": status, "body": body, "path": "*", "times": None}


READING = (
    "plan",
    "apply",
    "destroy",
    "drift",
    "doctor",
    "usage",
    "output",
    "export",
    "snapshot",
    "auth status",
    "exchange",
)


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize("status", [400, 403])
def test_what_a_server_answers_is_shown_harmlessly(served: Bench, tmp_path: Path, name: str, status: int) -> None:
    served.reset(_says(status))
    spec = ROOT / "examples" / "quickstart.yaml"
    arguments = {"export": (), "snapshot": (), "auth status": (), "apply": (spec, "-y", "--json"), "destroy": (spec, "-y"),
                 "exchange": ("assistant", "google-oauth2", "--spec", spec)}.get(name, (spec,))  # fmt: skip
    secrets = {"AUTH0_SUBJECT_TOKEN": "subject", "ASSISTANT_CLIENT_SECRET": "secret", "ASSISTANT_CLIENT_ID": "id"}
    refused = cli(*name.split(), *arguments, "--debug", cwd=tmp_path, env={**served.env, **secrets})
    assert refused.code == 1, refused.out
    assert not list(harm(refused.out)) and not list(harm(refused.err))
    assert "failed unexpectedly" not in refused.err
