"""The plans of the gallery, as they were when somebody last looked at them: JSON of all, the drawn forms of some."""

from __future__ import annotations

import difflib
import json
import re
from itertools import islice
from pathlib import Path

import pytest

from tests.plan.applied import APPLIED, PORT
from tests.plan.gallery import CASES, GOLDEN
from tests.plan.tenants import SECRETS, run, stable
from tests.support import cli
from tokenvault.plan.document import plan_document
from tokenvault.plan.file import plan_of
from tokenvault.secrets import Secret

FORMS = {"json": "json", "md": "markdown", "html": "html"}
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def looked_at(file: Path, text: str, update: bool) -> None:
    """Compares with what somebody looked at, or replaces it."""
    if update:
        file.write_text(text)
    lines = difflib.unified_diff(file.read_text().splitlines(), text.splitlines(), str(file), "now", lineterm="", n=1)
    differing = "\n".join(islice(lines, 30))
    if differing:
        pytest.fail(f"look at what has changed, then run pytest with --update-golden\n{differing}", pytrace=False)


@pytest.mark.parametrize("name", CASES)
def test_a_plan_reads_as_it_did_when_it_was_looked_at(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    case, update = CASES[name], request.config.getoption("--update-golden")
    case.prepare(name, tmp_path)
    made = run(tmp_path, "plan", "spec.yaml", "--out", "plan.json", *case.options, env=case.env)
    assert made.code == 0, made.err
    if "txt" in case.drawn:
        looked_at(GOLDEN / name / "plan.txt", stable(made.out), update)
    for ending in ("json", *(form for form in case.drawn if form in FORMS)):
        shown = cli("show", "plan.json", "--format", FORMS[ending], cwd=tmp_path)
        assert shown.code == 0, shown.err
        looked_at(GOLDEN / name / f"plan.{ending}", stable(_STYLE.sub("<style>…</style>", shown.out)), update)


@pytest.mark.parametrize("name", APPLIED)
def test_what_comes_out_reads_as_it_did_when_it_was_looked_at(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for file, text in APPLIED[name](tmp_path).items():
        looked_at(
            GOLDEN / name / file, stable(PORT.sub("127.0.0.1:54321", text)), request.config.getoption("--update-golden")
        )


def test_every_folder_of_the_gallery_is_looked_at_and_listed(request: pytest.FixtureRequest) -> None:
    titles = {name: case.title for name, case in CASES.items()}
    titles |= {name: (outputs.__doc__ or "").rstrip(".") for name, outputs in APPLIED.items()}
    assert {folder.name for folder in GOLDEN.iterdir() if folder.is_dir()} == titles.keys()
    for name, case in CASES.items():
        kept = {path.name for path in (GOLDEN / name).glob("plan.*")}
        assert kept == {"plan.json", *(f"plan.{form}" for form in case.drawn)}
    lines = [f"- {title}: {_links(name)}" for name, title in titles.items()]
    text = "\n".join(["# What tokenvault says", "", *lines]) + "\n"
    looked_at(GOLDEN / "README.md", text, request.config.getoption("--update-golden"))


def _links(name: str) -> str:
    files = sorted(path.name for path in (GOLDEN / name).iterdir())
    return ", ".join(f"[{file}]({name}/{file})" for file in files)


@pytest.mark.parametrize("name", ["create-everything", "unknown-values", "purpose-off", "targets", "hostile"])
def test_what_is_read_back_from_a_saved_plan_is_the_plan(name: str, tmp_path: Path) -> None:
    CASES[name].prepare(name, tmp_path)
    assert run(tmp_path, "plan", "spec.yaml", "--out", "plan.json", *CASES[name].options).code == 0
    document = json.loads((tmp_path / "plan.json").read_text())
    plan = plan_of(document, lambda reference, folder: Secret(SECRETS["CRM_CLIENT_SECRET"], reference, folder))
    assert plan_document(plan) == {key: value for key, value in document.items() if key not in ("apply", "integrity")}


def test_what_is_shown_of_a_saved_plan_is_what_was_planned(tmp_path: Path) -> None:
    CASES["create-everything"].prepare("create-everything", tmp_path)
    planned = run(tmp_path, "plan", "spec.yaml", "--out", "plan.json", "--format", "json")
    assert json.loads(cli("show", "plan.json", "--format", "json", cwd=tmp_path).out) == planned.json
