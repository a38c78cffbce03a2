"""What a command suggests as the next one works as it is printed: it repeats the options that the user gave."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.generate.code import modules, template
from tests.support import ROOT, Result, cli
from tokenvault.cli.app import command_of

SPEC = "version: 1\nname: acme\nconnections: {github: {}}\napplications:\n  web:\n    type: regular_web\n"
SPEC += '    callbacks: ["https://${env:APP_HOST}/cb"]\n    flavors: [refresh_token_exchange]\n'
WITHOUT = "version: 1\nname: acme\nconnections: {github: {}}\napplications: {}\n"
SANDBOX = "--sandbox=its own.db"
OPENED = ("--env-file", "the vars.env", "--allow-env", "APP_HOST")
GIVEN = ("the spec.yaml", SANDBOX, *OPENED)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "the spec.yaml").write_text(SPEC)
    (tmp_path / "the vars.env").write_text("APP_HOST=app.example.com\n")
    return tmp_path


def applied(folder: Path, *more: str) -> Result:
    return cli("apply", *GIVEN, "-y", *more, cwd=folder)


def change(folder: Path, old: str, new: str) -> None:
    file = folder / "the spec.yaml"
    file.write_text(file.read_text().replace(old, new))


def edited(folder: Path, **body: object) -> None:
    from tokenvault.sandbox import open_sandbox

    sandbox = open_sandbox(folder / "its own.db")
    state = sandbox.export_state()
    for client in state["objects"]["clients"].values():
        if client.get("name") == "web":
            client.update(body)
    sandbox.load_state(state)
    sandbox.close()


# ---- one message each: what leads to it


def empty_spec(folder: Path) -> Result:
    (folder / "the spec.yaml").write_text("")
    return cli("plan", *GIVEN, cwd=folder)


def no_spec(folder: Path) -> Result:
    return cli("plan", SANDBOX, *OPENED, cwd=folder)


def plan_as_spec(folder: Path) -> Result:
    cli("plan", *GIVEN, "--out", "p.json", cwd=folder)
    return cli("drift", "p.json", SANDBOX, *OPENED, cwd=folder)


def plan_to_look_at(folder: Path) -> Result:
    (folder / "p.json").write_text(cli("plan", *GIVEN, "--format", "json", cwd=folder).out)
    return cli("apply", "p.json", SANDBOX, *OPENED, cwd=folder)


def no_plan(folder: Path) -> Result:
    (folder / "p.json").write_text("{}")
    (folder / "tokenvault.yaml").write_text(WITHOUT)
    return cli("graph", "--plan", "p.json", SANDBOX, cwd=folder)


def plan_of_another_time(folder: Path) -> Result:
    cli("plan", *GIVEN, "--out", "p.json", cwd=folder)
    text = (folder / "p.json").read_text()
    (folder / "p.json").write_text(text.replace("refresh_token_exchange", "connected_accounts", 1))
    return cli("apply", "p.json", SANDBOX, *OPENED, cwd=folder)


def nothing_applied(folder: Path) -> Result:
    return cli("output", *GIVEN, cwd=folder)


def nothing_to_exchange(folder: Path) -> Result:
    named = ("--spec", *GIVEN)
    return cli("exchange", "web", "github", *named, cwd=folder)


def no_secret(folder: Path) -> Result:
    applied(folder)
    return cli("exchange", "web", "github", "--spec", *GIVEN, cwd=folder, stdin="token")


def no_token(folder: Path) -> Result:
    applied(folder)
    return cli("exchange", "web", "github", "--spec", *GIVEN, cwd=folder)


def with_certificate(folder: Path) -> Result:
    applied(folder)
    edited(
        folder, token_endpoint_auth_method=None, client_authentication_methods={"tls_client_auth": {"credentials": []}}
    )
    return cli("exchange", "web", "github", "--spec", *GIVEN, cwd=folder, stdin="token")


def public(folder: Path) -> Result:
    applied(folder)
    edited(folder, token_endpoint_auth_method="none")
    return cli("exchange", "web", "github", "--spec", *GIVEN, cwd=folder, stdin="token")


def refused_exchange(folder: Path) -> Result:
    applied(folder)
    cli("output", *GIVEN, "--out", "web.env", cwd=folder)
    (folder / "the vars.env").write_text("APP_HOST=app.example.com\n" + (folder / "web.env").read_text())
    edited(folder, grant_types=["authorization_code"])
    return cli("exchange", "web", "github", "--spec", *GIVEN, cwd=folder, stdin="t")


def of_no_use(folder: Path) -> Result:
    cli("plan", *GIVEN, cwd=folder)
    return cli("export", SANDBOX, "--app", "Storefront", cwd=folder)


def bare(folder: Path) -> Result:
    cli("sandbox", "reset", "--empty", "--state", "its own.db", cwd=folder)
    return cli("export", SANDBOX, "--out", "found.yaml", cwd=folder)


def bad_snapshot(folder: Path) -> Result:
    (folder / "live.json").write_text("{}")
    return cli("plan", *GIVEN, "--live", "live.json", cwd=folder)


def narrow_snapshot(folder: Path) -> Result:
    (folder / "small.yaml").write_text("version: 1\nname: acme\nconnections: {github: {}}\n")
    cli("snapshot", "small.yaml", SANDBOX, "--out", "small.json", cwd=folder)
    return cli("plan", *GIVEN, "--live", "small.json", cwd=folder)


def drifted(folder: Path) -> Result:
    applied(folder)
    edited(folder, callbacks=[])
    return cli("drift", *GIVEN, cwd=folder)


def dropped(folder: Path) -> Result:
    applied(folder)
    (folder / "the spec.yaml").write_text(WITHOUT)
    return cli("drift", *GIVEN, cwd=folder)


def pending(folder: Path) -> Result:
    applied(folder)
    change(folder, "/cb", "/callback")
    return cli("drift", *GIVEN, cwd=folder)


def unmarked(folder: Path) -> Result:
    other = "  other: {type: regular_web, callbacks: [https://o.example.com/cb], flavors: [connected_accounts]}\n"
    change(folder, "applications:\n", f"applications:\n{other}")
    applied(folder)
    edited(folder, client_metadata={})
    return cli("destroy", *GIVEN, "-y", cwd=folder)


def judged(folder: Path) -> Result:
    applied(folder, "--target", "application.web")
    return cli("doctor", SANDBOX, cwd=folder)


def next_step(folder: Path) -> Result:
    return applied(folder)


def embedded(folder: Path) -> Result:
    applied(folder)
    return cli("usage", *GIVEN, cwd=folder)


MESSAGES: tuple[Callable[[Path], Result], ...] = (
    empty_spec,
    no_spec,
    plan_as_spec,
    plan_to_look_at,
    no_plan,
    plan_of_another_time,
    nothing_applied,
    nothing_to_exchange,
    no_secret,
    no_token,
    with_certificate,
    public,
    refused_exchange,
    of_no_use,
    bare,
    bad_snapshot,
    narrow_snapshot,
    drifted,
    dropped,
    pending,
    unmarked,
    judged,
    next_step,
    embedded,
)
NOT_FOUND = (
    "command-",
    "spec-no-file",
    "spec-is-plan",
    "auth-",
    "spec-variable-not-allowed",
    "spec-unset-variable",
    "env-file",
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_what_a_message_suggests_works_as_printed(folder: Path, message: Callable[[Path], Result]) -> None:
    said = message(folder)
    suggested = list(dict.fromkeys(re.findall(r"`tokenvault ([^`]+)`", said.out + said.err)))
    assert suggested, said.out + said.err
    for line in suggested:
        if line.startswith("sandbox serve"):
            continue  # it runs until it is ended
        ran = cli(*shlex.split(line), cwd=folder)
        assert not [code for code in re.findall(r"\[([a-z-]+)\]", ran.err) if code.startswith(NOT_FOUND)], ran.err
        assert "Usage:" not in ran.err and "unexpectedly" not in ran.err, (line, ran.err)


def suggestions() -> Iterator[tuple[str, str]]:
    """Every command between backticks in a text of the source, docstrings left out; what is filled in as `…`."""
    for module, tree in modules():
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in said | inner:
                for line in re.findall(r"`tokenvault ([^`]+)`", template(node)):
                    if not module.endswith("suggestions.py"):
                        yield module, line


@pytest.mark.parametrize(("module", "line"), sorted(set(suggestions())))
def test_every_suggestion_in_the_source_names_what_there_is(module: str, line: str) -> None:
    words = shlex.split(line)
    if words[0] == "…" or line == "help COMMAND":
        return
    depth, parameters = command_of(words)
    assert depth and {word.split("=")[0] for word in words if word.startswith("--")} <= {
        option for parameter in parameters for option in parameter.opts
    }
    placeholders = [word for word in words if re.fullmatch("[A-Z]+", word)]
    assert not placeholders or line == "doctor --user ID", (
        "a placeholder cannot be pasted"
    )  # a user only the reader knows


def follow(text: str, pattern: str, folder: Path) -> Result:
    """Runs what was suggested, word for word."""
    found = re.search(pattern, text)
    assert found, text
    ran = cli(*shlex.split(found[1]), cwd=folder)
    assert ran.code == 0, ran.err
    return ran


@pytest.mark.parametrize("sandbox", ["--sandbox", SANDBOX])
def test_the_next_command_works_as_printed(folder: Path, sandbox: str) -> None:
    planned = cli("plan", "the spec.yaml", sandbox, *OPENED, "--out", "p.json", cwd=folder)
    done = follow(planned.err, r"Apply exactly this with: tokenvault (.+)", folder)
    after = follow(done.out, r"Next: `tokenvault (.+?)` shows", folder)  # code 0: ready
    assert "refresh_token_exchange" in after.out


def test_the_quickstart_of_the_readme_leads_on(tmp_path: Path) -> None:
    done = cli("apply", ROOT / "examples" / "quickstart.yaml", "--sandbox", "-y", cwd=tmp_path)
    assert follow(done.out, r"Next: `tokenvault (.+?)` shows", tmp_path).code == 0


def test_the_fix_of_the_doctor_works_as_printed(tmp_path: Path) -> None:
    (tmp_path / "tokenvault.yaml").write_text(SPEC.replace("${env:APP_HOST}", "app.example.com"))
    cli("apply", "-y", "--sandbox", "--target", "application.web", cwd=tmp_path)
    found = cli("doctor", "tokenvault.yaml", "--sandbox", cwd=tmp_path)
    fix = re.search(r"fix +tokenvault (apply .+)", found.out)
    assert fix and cli(*shlex.split(fix[1]), "-y", cwd=tmp_path).code == 0
    assert cli("doctor", "tokenvault.yaml", "--sandbox", cwd=tmp_path).code == 0
