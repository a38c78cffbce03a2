"""`--env-file`: what it gives, and what is said of one that cannot be used, which is never its text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import cli, write_spec

SPEC = "version: 1\nname: ${env:NAME}\nvariables: [NAME]\nconnections:\n  google-oauth2: {}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_spec(tmp_path, SPEC)
    return tmp_path


def test_quotes_comments_exports_and_empty_lines_are_understood(folder: Path) -> None:
    text = "# of acme\n\nexport NAME='acme'  # ours\nUNSET\nEMPTY=\nCRM_SECRET=\"two\nlines\"\n"
    (folder / ".env").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert cli("validate", "spec.yaml", "--env-file", ".env", cwd=folder).code == 0


@dataclass(frozen=True)
class Bad:
    """The file, the line that is wrong, and a word of what is said of it."""

    content: bytes
    line: int
    says: str


BAD = {
    "no UTF-8": Bad(b"NAME=acme\nCRM_SECRET=canary-\xe9t\xe9\n", 2, "UTF-8"),
    "no name": Bad(b"NAME=acme\n\n\n=canary-secret\n", 4, "NAME=value"),
    "an open quote": Bad(b"NAME=acme\nCRM_SECRET='canary-secret\n", 2, "NAME=value"),
    "words after a quote": Bad(b"NAME='acme' canary-secret\n", 1, "NAME=value"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_line_that_cannot_be_read_is_told_by_file_and_number_and_not_by_text(folder: Path, bad: Bad) -> None:
    (folder / "prod.env").write_bytes(bad.content)
    result = cli("validate", "spec.yaml", "--env-file", "prod.env", cwd=folder)
    assert result.code == 1
    assert "[env-file]" in result.err and f"on prod.env:{bad.line}:" in result.err, result.err
    assert bad.says in result.err
    assert "canary" not in result.err + result.out and "python-dotenv" not in result.err


def test_every_bad_line_is_told(folder: Path) -> None:
    (folder / "prod.env").write_text("=one\nNAME=acme\n=two\n")
    err = cli("validate", "spec.yaml", "--env-file", "prod.env", cwd=folder).err
    assert "prod.env:1:" in err and "line 3" in err


def test_what_is_no_file_is_called_what_it_is(folder: Path) -> None:
    gone = cli("validate", "spec.yaml", "--env-file", "gone.env", cwd=folder)
    assert gone.code == 1 and "There is no file gone.env" in gone.err and "[env-file]" in gone.err
    dot = cli("validate", "spec.yaml", "--env-file", ".", cwd=folder)
    assert dot.code == 1 and "[env-file]" in dot.err
    assert "no file" not in dot.err and "folder" in dot.err


def test_a_pipe_is_read_as_a_file(folder: Path) -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"NAME=acme\n")
        os.close(writing)
        assert cli("validate", "spec.yaml", "--env-file", f"/dev/fd/{reading}", cwd=folder).code == 0
    finally:
        os.close(reading)
