"""Shell completion in the protocols that bash, zsh and fish speak: from the spec, without a tenant, never an error."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, my_env

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the quickstart as its spec."""
    shutil.copytree(ROOT / "examples" / "keys", tmp_path / "keys")
    shutil.copy(ROOT / "examples" / "quickstart.yaml", tmp_path / "tokenvault.yaml")
    shutil.copy(ROOT / "examples" / "multi-provider-saas.yaml", tmp_path)
    return tmp_path


def complete(folder: Path, line: str, shell: str = "bash") -> list[str]:
    """What the shell is offered for the last word of the line."""
    typed = line.split(" ")
    protocol = {
        "bash": {"COMP_WORDS": "\n".join(typed), "COMP_CWORD": str(len(typed) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    env = my_env(_TOKENVAULT_COMPLETE=f"complete_{shell}", **protocol[shell])
    done = subprocess.run(
        [sys.executable, "-m", "tokenvault"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    if shell == "zsh":
        return re.findall(r'"((?:[^"\\]|\\.)*?)(?:"|\\?:\S.*?")', done.stdout)
    return [offered.split("\t")[0] for offered in done.stdout.split("\n") if offered]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_is_offered_the_addresses_that_begin_so(folder: Path, shell: str) -> None:
    offered = complete(folder, "tokenvault plan --target application.", shell)
    assert offered == [
        "application.assistant",
        "application.calendar-spa",
        "application.nightly-sync",
        "application.calendar.api_client",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_is_offered_the_connections_that_the_application_uses(folder: Path, shell: str) -> None:
    assert complete(folder, "tokenvault exchange nightly-sync ", shell) == ["google-oauth2"]
    assert complete(folder, "tokenvault exchange assistant ", shell) == ["google-oauth2", "github"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tokenvault usage ", ["assistant", "calendar-spa", "nightly-sync"]),
        ("tokenvault exchange a", ["assistant"]),
        ("tokenvault explain connection.", ["connection.google-oauth2", "connection.github"]),
        ("tokenvault apply --exclude mfa", ["mfa_policy"]),
        ("tokenvault destroy --also my", ["my_account_api"]),
        ("tokenvault plan --format m", ["markdown"]),
        ("tokenvault usage --lang p", ["python"]),
        ("tokenvault exchange assistant github --flavor pri", ["privileged_worker"]),
        ("tokenvault vali", ["validate"]),
    ],
)
def test_what_is_offered_fits_where_it_stands(folder: Path, line: str, expected: list[str]) -> None:
    assert complete(folder, line) == expected


def test_a_spec_on_the_line_is_the_one_that_is_read(folder: Path) -> None:
    assert complete(folder, "tokenvault plan multi-provider-saas.yaml --target application.") == [
        "application.web",
        "application.backend.api_client",
    ], "it needs variables that are not set: a completion does not"


def test_a_sandbox_without_a_value_does_not_take_the_next_word(folder: Path) -> None:
    assert complete(folder, "tokenvault plan --sandbox --target api") == ["api.calendar"]
    assert complete(folder, "tokenvault plan --sandbox t.db --target api") == ["api.calendar"]


@pytest.mark.parametrize("spec", ["", "version: [", "version: 1\nname: x\napplications: {a: {flavors: [nothing]}}\n"])
def test_a_broken_or_missing_spec_offers_nothing_and_says_nothing(tmp_path: Path, spec: str) -> None:
    if spec:
        (tmp_path / "tokenvault.yaml").write_text(spec)
    for line in (
        "tokenvault plan --target ",
        "tokenvault usage ",
        "tokenvault exchange ",
        "tokenvault destroy --also ",
    ):
        assert complete(tmp_path, line) == []


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_the_script_works_in_a_real_bash(folder: Path) -> None:
    command = Path(sys.executable).parent / "tokenvault"
    if not command.exists():
        pytest.skip("tokenvault is not installed as a command beside this Python")
    program = """
        eval "$(_TOKENVAULT_COMPLETE=source_bash tokenvault)"
        COMP_WORDS=(tokenvault explain api) COMP_CWORD=2
        _tokenvault_completion tokenvault
        printf '%s\\n' "${COMPREPLY[@]}"
        complete -p tokenvault
    """
    env = my_env(PATH=f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(
        ["bash", "--norc", "-c", program], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines()[0] == "api.calendar", done.stderr
    assert "_tokenvault_completion" in done.stdout.splitlines()[-1]
