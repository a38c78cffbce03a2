"""What a command suggests as the next one works as it is printed: it repeats the options that the user gave."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support import ROOT, Result, cli

SPEC = "version: 1\nname: acme\nconnections: {github: {}}\napplications:\n  web:\n    type: regular_web\n"
SPEC += '    callbacks: ["https://${env:APP_HOST}/cb"]\n    flavors: [refresh_token_exchange]\n'


@pytest.mark.parametrize("sandbox", ["--sandbox", "--sandbox=its own.db"])
@pytest.mark.parametrize("opened", [["--env-file", "the vars.env", "--allow-env", "APP_HOST"]])
@pytest.mark.parametrize("file", ["p.json", "-p.json", "--prune", "the plan.json"])
def test_the_next_command_works_as_printed(tmp_path: Path, sandbox: str, opened: list[str], file: str) -> None:
    (tmp_path / "the spec.yaml").write_text(SPEC)
    (tmp_path / "the vars.env").write_text("APP_HOST=app.example.com\n")
    planned = cli("plan", "the spec.yaml", sandbox, *opened, "--out", file, cwd=tmp_path)
    applied = follow(planned.err, r"Apply exactly this with: tokenvault (.+)", tmp_path)
    judged = follow(applied.out, r"Next: `tokenvault (.+?)` shows", tmp_path)  # code 0: ready
    assert "refresh_token_exchange" in judged.out


def follow(text: str, pattern: str, folder: Path) -> Result:
    """Runs what was suggested, word for word."""
    found = re.search(pattern, text)
    assert found, text
    ran = cli(*shlex.split(found[1]), cwd=folder)
    assert ran.code == 0, ran.err
    return ran


def test_the_quickstart_of_the_readme_leads_on(tmp_path: Path) -> None:
    applied = cli("apply", ROOT / "examples" / "quickstart.yaml", "--sandbox", "-y", cwd=tmp_path)
    assert follow(applied.out, r"Next: `tokenvault (.+?)` shows", tmp_path).code == 0


def test_the_fix_of_the_doctor_works_as_printed(tmp_path: Path) -> None:
    spec = SPEC.replace("${env:APP_HOST}", "app.example.com")
    (tmp_path / "tokenvault.yaml").write_text(spec)
    cli("apply", "-y", "--sandbox", "--target", "application.web", cwd=tmp_path)
    judged = cli("doctor", "tokenvault.yaml", "--sandbox", cwd=tmp_path)
    fix = re.search(r"fix +tokenvault (apply .+)", judged.out)
    assert fix and cli(*shlex.split(fix[1]), "-y", cwd=tmp_path).code == 0
    assert cli("doctor", "tokenvault.yaml", "--sandbox", cwd=tmp_path).code == 0
