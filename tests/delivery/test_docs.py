"""What the documentation shows is what happens: its commands run, its output is their output, its reference is the code's.

Every ```sh block of the README and of each guide runs, in the order of the page, in a copy of this tree, beside the page. A
```text block after it is what it prints, where `…` stands for anything. `<!-- exit 2 -->` before a block is its exit code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import ROOT, cli, my_env

GUIDES = sorted((ROOT / "examples").glob("*/README.md"))
PAGES = [ROOT / "README.md", *GUIDES]
LINKED = [
    *PAGES,
    ROOT / "examples" / "COMPARED.md",
    ROOT / ".github" / "CONTRIBUTING.md",
    ROOT / ".github" / "ARCHITECTURE.md",
]
BLOCK = re.compile(r"(?P<marks>(?:<!--[^>]*-->\n)*)```(?P<kind>sh|text)\n(?P<body>.*?)```(?:\n|$)", re.DOTALL)
RUN_ELSEWHERE = ("<!-- quickstart -->", "<!-- tests -->")  # .ci/run runs these two: they make their own Python
FEW = 7


@dataclass(frozen=True)
class Step:
    """A block of commands and what the page says that it prints."""

    commands: str
    code: int
    prints: str | None


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    for found in BLOCK.finditer(page.read_text()):
        yield found["marks"], found["kind"], found["body"]


def steps(page: Path) -> Iterator[Step]:
    found = list(blocks(page))
    for (marks, kind, body), following in zip(found, [*found[1:], ("", "", "")], strict=True):
        if kind == "sh" and "not run:" not in marks and not any(mark in marks for mark in RUN_ELSEWHERE):
            code = re.search(r"exit (\d+)", marks)
            prints = following[2] if following[1] == "text" else None
            yield Step(body, int(code[1]) if code else 0, prints)


def as_pattern(shown: str) -> str:
    """The output as a pattern: a line of `…` stands for any lines, `…` in a line for anything in it."""
    lines = (r"(?:.*\n)*?" if line.strip() == "…" else f"{inline(line)}[ ]*\n" for line in shown.splitlines())
    return "".join(lines)


def inline(line: str) -> str:
    return ".*?".join(re.escape(part) for part in line.rstrip().split("…"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a clone has, with `tokenvault` as a command."""
    for folder in ("examples", "schemas"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    command = tmp_path / ".commands" / "tokenvault"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tokenvault "$@"\n')
    command.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name if page.parent != ROOT else "README")
def test_every_command_runs_and_prints_what_the_page_shows(page: Path, tree: Path) -> None:
    env = my_env(PATH=f"{tree / '.commands'}{os.pathsep}{os.environ['PATH']}", PYTHONPATH=str(ROOT))
    for step in steps(page):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"exec 2>&1\n{step.commands}"],
            cwd=tree / page.parent.relative_to(ROOT),
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == step.code, f"{step.commands}\n{done.stdout}"
        if step.prints is not None:
            assert re.search(as_pattern(step.prints), done.stdout), f"{step.commands}\n{done.stdout}"


def test_each_guide_has_commands_that_run() -> None:
    for page in GUIDES:
        assert list(steps(page)), page


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    left_out = [marks for page in PAGES for marks, kind, _ in blocks(page) if kind == "sh" and "not run" in marks]
    assert len(left_out) <= FEW
    assert all(re.search(r"<!-- not run: \S.{10,} -->", marks) for marks in left_out)


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_comparison_counts_our_lines_right() -> None:
    lines = [line.strip() for line in (ROOT / "examples" / "quickstart.yaml").read_text().splitlines()]
    written = sum(1 for line in lines if line and not line.startswith("#"))
    assert f"{written} lines, [`quickstart.yaml`]" in (ROOT / "examples" / "COMPARED.md").read_text()


def test_the_reference_is_current() -> None:
    command = [sys.executable, "-m", "schemas.generate"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kept = (ROOT / "schemas" / "REFERENCE.md").read_text()
    assert kept == made, "run: python -m schemas.generate > schemas/REFERENCE.md"
    assert cli("schema", "--reference").out == kept


def test_the_reference_holds_every_command_field_flavor_and_scope() -> None:
    from tokenvault.cli.app import COMMANDS
    from tokenvault.flavors import flavors
    from tokenvault.kinds import kinds

    text = (ROOT / "schemas" / "REFERENCE.md").read_text()
    names = [f"tokenvault {name}" for name in COMMANDS] + list(flavors()) + list(kinds())
    scopes = [scope for kind in kinds().values() for scope in (*kind.scopes.read, *kind.scopes.create)]
    assert [name for name in (*names, *scopes) if name not in text] == []


def test_the_examples_in_the_help_name_options_that_there_are_and_fit_a_terminal() -> None:
    from tokenvault.cli.app import COMMANDS

    seen = 0
    for name in COMMANDS:
        shown = cli(name, "--help").out
        for example in re.findall(rf"^  (tokenvault {name} (?!\[).+)$", shown, re.MULTILINE):
            seen += 1
            assert len(example) <= 78, example
            options = set(re.split(r"[\s,]+", shown.split("Options:")[1]))
            assert options >= set(re.findall(r" (-[-a-z]+)", example)), example
    assert seen > 10


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("version: 2\nname: a\n", "spec-version"),
        ("a: [", "spec-yaml"),
        ("name: a\nversion: 1\nx: 1\n", "spec-unknown-key"),
    ],
)
def test_an_error_that_happens_has_its_code_in_the_reference(tmp_path: Path, spec: str, code: str) -> None:
    (tmp_path / "tokenvault.yaml").write_text(spec)
    found = {problem["code"] for problem in cli("validate", "--format", "json", cwd=tmp_path).json["problems"]}
    assert code in found
    reference = (ROOT / "schemas" / "REFERENCE.md").read_text()
    assert all(re.search(rf"^\| `{name}` \| \S", reference, re.MULTILINE) for name in found)


def test_the_picture_of_a_plan_is_current(tmp_path: Path) -> None:
    drawn = cli("graph", ROOT / "examples" / "quickstart.yaml", "--format", "svg", "--sandbox=t.db", cwd=tmp_path)
    again = "run: tokenvault graph examples/quickstart.yaml --sandbox=new.db --format svg > examples/quickstart.svg"
    assert drawn.out == (ROOT / "examples" / "quickstart.svg").read_text(), again


def test_the_architecture_page_names_files_that_are_there() -> None:
    page = (ROOT / ".github" / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`((?:\w+/)*\w+\.py)`", page))
    places = (ROOT, *(ROOT / "tokenvault").glob("**/"))
    assert len(named) > 15
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
@pytest.mark.parametrize("is_changed", [False, True])
def test_a_signed_plan_is_applied_and_a_changed_one_is_not(tmp_path: Path, is_changed: bool) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=60)
    (tmp_path / "allowed_signers").write_text(f"planner@acme.example {key.with_suffix('.pub').read_text()}")
    cli("plan", ROOT / "examples" / "quickstart.yaml", "--sandbox", "--out", "plan.json", cwd=tmp_path)
    page = (ROOT / "examples" / "ci" / "README.md").read_text()
    (body,) = (body for body in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "ssh-keygen" in body)
    sign, verify = (
        body.replace("~/.ssh/id_ed25519", str(key))
        .replace("apply plan.json", "apply plan.json -y --sandbox")
        .splitlines()
    )
    env = my_env(PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    subprocess.run(sign, shell=True, cwd=tmp_path, check=True, timeout=60)
    if is_changed:
        (tmp_path / "plan.json").write_text((tmp_path / "plan.json").read_text() + " ")
    done = subprocess.run(verify, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode == 0, "Apply complete!" in done.stdout) == (not is_changed, not is_changed), done.stderr


def test_the_pages_of_the_site_lead_to_each_other_and_into_the_repository(tmp_path: Path) -> None:
    """`.ci/run site` builds them strictly; here every link between them is followed."""
    done = subprocess.run([sys.executable, ROOT / ".ci" / "pages.py", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = sorted(tmp_path.rglob("*.md"))
    assert {"index.md", "reference.md", "changelog.md", "first-tenant.md"} <= {page.name for page in pages}
    assert len(pages) >= len(PAGES) + 4
    for page in pages:
        for target in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).is_file(), f"{page.name}: {target}"
