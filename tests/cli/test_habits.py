"""What people type out of habit works, or is refused with what to write; one option means one thing in all commands."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import typer

from schemas.generate.commands import commands
from tests.support import ROOT, cli
from tokenvault.cli.app import command_line

ALL = dict(commands(typer.main.get_command(command_line())))
SPEC = """\
version: 1
name: acme
connections: {github: {}}
applications:
  web: {type: regular_web, callbacks: [https://app.example.com/cb], flavors: [refresh_token_exchange]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tokenvault.yaml").write_text(SPEC)
    return tmp_path


REFUSED = {
    "plan -out=p.json": ("plan --out=p.json", "p.json"),
    "plan -out p.json": ("plan --out p.json", "p.json"),
    "plan --sandbox -out=p.json": ("plan --sandbox --out=p.json", "p.json"),
    "plan -o=p.json": ("plan -o p.json", "p.json"),
    "plan -detailed-exitcode": ("plan --detailed-exitcode", ""),
    "plan -target=application.web": ("plan --target=application.web", ""),
    "apply -auto-approve": ("apply --auto-approve", ""),
    "plan -json": ("plan --json", ""),
    "plan -no-color": ("plan --no-color", ""),
    "plan -help": ("plan --help", ""),
    "-version": ("--version", ""),
    "plan -o json": ("plan --format json", "json"),
    "plan -ojson": ("plan --format json", "json"),
    "plan --out=json --sandbox": ("plan --format json --sandbox", "json"),
    "plan -o markdown": ("plan --format markdown", "markdown"),
    "plan -o yaml": ("plan --out ./yaml", "yaml"),
    "export -o json": ("export --out ./json", "json"),
    "--sandbox plan": ("plan --sandbox", ""),
    "--tenant=acme.us.auth0.com plan": ("plan --tenant=acme.us.auth0.com", ""),
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_would_do_something_else_is_refused_with_the_line_to_type(folder: Path, line: str) -> None:
    right, file = REFUSED[line]
    result = cli(*shlex.split(line), cwd=folder)
    assert result.code == 1 and f"`tokenvault {right}`" in " ".join(result.err.split()), result.err
    assert [path.name for path in folder.iterdir()] == ["tokenvault.yaml"], file


@pytest.mark.parametrize(
    "line", [line for line in REFUSED if "--sandbox" in line or "help" in line or "version" in line]
)
def test_the_line_to_type_works(folder: Path, line: str) -> None:
    said = " ".join(cli(*shlex.split(line), cwd=folder).err.split())
    found = re.findall(r"`tokenvault (.+?)`", said)
    assert found and cli(*shlex.split(found[0]), cwd=folder).code == 0


def test_a_file_of_such_a_name_can_be_written(folder: Path) -> None:
    assert cli("plan", "--sandbox", "--out", "./plan.json", cwd=folder).code == 0
    (folder / "json").write_text((folder / "plan.json").read_text())
    assert cli("plan", "--sandbox", "-o", "json", cwd=folder).code == 0  # it is there: it is replaced


MEANT = {
    "login": "auth0 login",
    "logout": "auth0 login",
    "whoami": "tokenvault auth status",
    "status": "tokenvault auth status",
    "auth login": "auth0 login",
    "destory": "tokenvault destroy",
    "paln": "tokenvault plan",
    "diff": "tokenvault plan",
    "preview": "tokenvault plan",
    "deploy": "tokenvault apply",
    "import": "tokenvault export",
    "check": "tokenvault validate",
    "lint": "tokenvault validate",
    "setup": "tokenvault init",
    "wizzard": "tokenvault init",
    "delete": "tokenvault destroy",
    "refresh": "tokenvault drift",
    "rule": "tokenvault explain",
    "outputs": "tokenvault output",
    "serve": "tokenvault sandbox serve",
    "sandbox serv": "tokenvault sandbox serve",
    "sandbox start": "tokenvault sandbox serve",
    "state": "no state",
    "workspace": "tokenvault plan base.yaml",
    "qqqq": "tokenvault --help",
    "auth qqqq": "tokenvault auth --help",
}


@pytest.mark.parametrize("line", MEANT)
def test_a_command_that_there_is_none_of_leads_to_one(line: str) -> None:
    result = cli(*line.split())
    assert result.code == 1 and MEANT[line] in " ".join(result.err.split()) and "[command-unknown]" in result.err


def test_every_word_that_stands_for_a_command_leads_to_one_that_there_is() -> None:
    from tokenvault.cli import habits

    assert set(habits._MEANT) <= {*ALL}
    assert not {*habits._SYNONYMS, *habits._ADVICE} & {*ALL}
    for said in (*habits._ADVICE.values(), *habits._OPTIONS.values()):
        for words in re.findall(r"`tokenvault ([^`]+)`", said):
            assert any(f"{words} ".startswith(f"{name} ") for name in ALL), words


OPTIONS = {
    "plan --formt json": "--format",
    "plan --yml": "--help",
    "plan --domain acme.us.auth0.com": "--tenant",
    "plan --verbose": "--debug",
    "plan --var a=b": "${env:NAME}",
    "plan -var a=b": "${env:NAME}",
    "plan -var-file=prod.tfvars": "--env-file",
    "plan --file spec.yaml": "tokenvault plan spec.yaml",
    "plan -f spec.yaml": "tokenvault plan spec.yaml",
    "apply --dry-run": "tokenvault plan",
    "apply --force": "--auto-approve",
    "plan --lock=false": "no state",
    "apply --token abc": "AUTH0_API_TOKEN",
    "exchange --app web --connection github": "`tokenvault exchange APP CONNECTION`",
    "exchange spec.yaml web github --sandbox": "`tokenvault exchange web github --sandbox --spec spec.yaml`",
}


@pytest.mark.parametrize("line", OPTIONS)
def test_an_option_that_there_is_none_of_leads_to_one(folder: Path, line: str) -> None:
    result = cli(*line.split(), cwd=folder)
    assert result.code == 1 and OPTIONS[line] in " ".join(result.err.split()) and "[command-option]" in result.err


@pytest.mark.parametrize("words", [["help"], ["--help"], ["-h"]])
def test_help_is_found_under_each_of_its_names(words: list[str]) -> None:
    assert cli(*words).out == cli("--help").out


def test_help_of_a_command() -> None:
    assert cli("help", "plan").out == cli("plan", "--help").out
    assert cli("help", "auth", "status").out == cli("auth", "status", "--help").out
    assert cli("help", "plna").code == 1


def test_the_version_is_found_under_each_of_its_names() -> None:
    assert len({cli(name).out for name in ("version", "--version", "-V")}) == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_is_printed_for_each_shell(tmp_path: Path, shell: str) -> None:
    result = cli("completion", shell)
    assert result.code == 0 and "_TOKENVAULT_COMPLETE" in result.out
    if program := shutil.which(shell):
        (tmp_path / "script").write_text(result.out)
        assert subprocess.run([program, "-n", tmp_path / "script"], check=False).returncode == 0


@pytest.mark.parametrize("place", ["before", "after"])
def test_no_color_stands_before_or_after_the_command(folder: Path, place: str) -> None:
    env = {"FORCE_COLOR": "1"}
    words = ["validate", "--no-color"] if place == "after" else ["--no-color", "validate"]
    assert "\x1b" in cli("validate", cwd=folder, env=env).out
    assert "\x1b" not in cli(*words, cwd=folder, env=env).out


@pytest.mark.parametrize("name", [name for name, one in ALL.items() if any("--format" in p.opts for p in one.params)])
def test_json_is_short_for_format_json(name: str) -> None:
    forms = next(p.type.choices for p in ALL[name].params if "--format" in p.opts)
    flags = [p for p in ALL[name].params if "--json" in p.opts]
    assert len(flags) == ("json" in [str(form) for form in forms])


def test_json_says_the_same_as_format_json(folder: Path) -> None:
    short, long = (
        cli("explain", "application.web", "--json", cwd=folder),
        cli("explain", "application.web", "--format", "json", cwd=folder),
    )
    assert short.code == 0 and json.loads(short.out) == json.loads(long.out)
    both = cli("explain", "application.web", "--json", "--format", "text", cwd=folder)
    assert both.code == 1 and "json" in both.err
    assert cli("validate", "--json", "--format", "json", cwd=folder).json["valid"]
    assert cli("apply", "--sandbox", "-y", "--format", "json", cwd=folder).out.startswith('{"')


def test_tokenvault_yml_is_found(folder: Path) -> None:
    (folder / "tokenvault.yaml").rename(folder / "tokenvault.yml")
    assert cli("validate", cwd=folder).code == 0
    assert cli("plan", "--sandbox", cwd=folder).code == 0
    shutil.copy(folder / "tokenvault.yml", folder / "tokenvault.yaml")
    both = cli("validate", cwd=folder)
    assert both.code == 1 and "tokenvault.yaml" in both.err and "tokenvault.yml" in both.err


def test_a_file_that_is_not_there_leads_to_the_one_beside_it(folder: Path) -> None:
    assert "Did you mean tokenvault.yaml?" in cli("validate", "tokenvalt.yaml", cwd=folder).err


EXCEPTIONS = {
    "--name": "the sandbox's server has a name of its own, as a host has",
    "--connection": "init takes scopes behind the name",
    "--user": "a worker signs for an id alone, doctor looks up an e-mail address, too",
    "--exclude": "a fleet leaves out members, a plan addresses",
    "--sandbox": "a fleet has a folder of simulated tenants, everything else one file",
}
"""Where one name stands for two things, with why; each must still differ."""


def test_one_option_means_one_thing() -> None:
    spelled: dict[str, set[tuple[object, ...]]] = defaultdict(set)
    for command in ALL.values():
        for parameter in command.params:
            if parameter.param_type_name == "option":
                kind = (
                    "flag"
                    if parameter.is_flag
                    else ("choice" if getattr(parameter.type, "choices", None) else parameter.metavar)
                )
                spelled[max(parameter.opts[:1])].add((tuple(sorted(parameter.opts)), kind))
    assert {option for option, ways in spelled.items() if len(ways) > 1} == {*EXCEPTIONS}


def test_what_options_say_is_said_alike() -> None:
    for option in ("--env-file", "--allow-env", "--tenant", "--sandbox", "--force", "--debug", "--max-rps", "--json"):
        said = {p.help for name, one in ALL.items() for p in one.params if option in p.opts and "fleet" not in name}
        assert len(said) == 1, option
    writing = [p.help for one in ALL.values() for p in one.params if "--out" in p.opts]
    assert len(writing) >= 6 and all(says.startswith("Write ") for says in writing)


def test_what_asks_a_tenant_can_be_told_how_fast_and_how_long() -> None:
    """An error of the rate limit says "with a greater --max-wait", whatever the command."""
    asking = {name: {opt for p in one.params for opt in p.opts} for name, one in ALL.items()}
    asking = {name: options for name, options in asking.items() if "--tenant" in options}
    assert len(asking) > 10 and {"usage", "exchange", "auth status"} <= asking.keys()
    assert not [name for name, options in asking.items() if not {"--max-rps", "--max-wait"} <= options]


def test_the_reference_has_every_option_with_its_commands() -> None:
    text = (ROOT / "schemas" / "REFERENCE.md").read_text()
    rows: dict[str, str] = defaultdict(str)
    for option, used in re.findall(r"^\| `(--[a-z-]+)`.*? \| (.+?) \|$", text[text.index("### All options") :], re.M):
        rows[option] += used
    for name, command in ALL.items():
        for parameter in command.params:
            if parameter.param_type_name == "option" and not {"--json", "--no-color"} & set(parameter.opts):
                assert f"`{name}`" in rows[parameter.opts[0]], (name, parameter.opts)


@pytest.mark.parametrize("line", ["graph -o graph.svg", "doctor --out report.html", "drift --output=drift.md"])
def test_a_command_that_writes_no_file_says_how_to_get_one(folder: Path, line: str) -> None:
    command, *rest = line.split()
    result = cli(command, *rest, cwd=folder)
    assert result.code == 1 and "[command-option]" in result.err and "add > FILE" in result.err, result.err
