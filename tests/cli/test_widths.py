"""In a terminal what is said fits it, broken between words; in a pipe a sentence is one line, however long."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import ROOT, my_env, process, write_spec

MISTAKES = """\
version: 1
name: My App
connections:
  google-oauth2: {scope: [email, profile]}
  github:
  microsoft: {strategy: microsoft, client_id: abc, client_secret: in-clear}
applications:
  web: {type: web, callback: https://acme.example/cb, flavors: [refresh_token_exchang, access_token_exchange]}
  phone: {type: native, callbacks: [https://a.example], flavors: [refresh_token_exchange], connections: [gogle-oauth2]}
  worker: {type: m2m, flavors: [privileged_worker]}
"""
COMMANDS = {
    "validate spec.yaml": MISTAKES,
    "plan spec.yaml": "version: 1\nname: acme\nconnections: {github: {}}\n",  # no tenant, no credentials
    "plan": "",
}


def in_terminal(columns: int, folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> list[str]:
    """The lines that a command shows in a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    terminal = {
        name: value
        for name, value in my_env(NO_COLOR="1", TERM="xterm", HOME=str(folder)).items()
        if name not in ("COLUMNS", "CI")
    }
    command = [sys.executable, "-m", "tokenvault", *arguments]
    shown = b""
    with subprocess.Popen(
        command, cwd=folder, env={**terminal, **(env or {})}, stdin=theirs, stdout=theirs, stderr=theirs
    ):
        os.close(theirs)
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # Linux says so of a terminal that nobody holds open any more
                break
    os.close(ours)
    return shown.decode().replace("\r\n", "\n").split("\n")


def words(text: str) -> list[str]:
    """The words of what is said, without the quoted lines of files, of which as much is shown as fits."""
    said = [line for line in text.split("\n") if not re.match(r" *\d+: | *\^+$", line)]
    return " ".join(said).split()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("columns", [30, 40, 80])
def test_no_word_is_broken_and_no_line_too_long(tmp_path: Path, command: str, columns: int) -> None:
    if COMMANDS[command]:
        write_spec(tmp_path, COMMANDS[command])
    shown = in_terminal(columns, tmp_path, *command.split())
    piped = process(*command.split(), cwd=tmp_path, env={"HOME": str(tmp_path)}).err
    assert words("\n".join(shown)) == words(piped)
    whole = r"\s*(\S+|.*(tokenvault|auth0) .*|\s*`.*`\S*|  (AUTH0_\S+|auth0).*)"  # a word or a command longer than the terminal
    too_long = [line for line in shown if len(line) > columns and not re.fullmatch(whole, line)]
    assert not too_long, too_long


def test_commands_are_made_whole_before_lines_are_broken(tmp_path: Path) -> None:
    """The end of what doctor says suggests a command that repeats the user's sandbox, and is wrapped all the same."""
    old = ROOT / "examples" / "adopting" / "old-tenant.json"
    assert process("sandbox", "load", old, "--state", "a long name of a file.db", cwd=tmp_path).code == 0
    shown = in_terminal(80, tmp_path, "doctor", "--all", "--sandbox=a long name of a file.db")
    command = "`tokenvault export --adopt-all --out tokenvault.yaml '--sandbox=a long name of a file.db'`"
    assert command in shown
    others = [line for line in shown if line != command and "https://" not in line]
    assert max(map(len, others)) <= 80


def test_a_sentence_that_begins_with_tokenvault_is_no_command(tmp_path: Path) -> None:
    shown = in_terminal(30, tmp_path, "usage", "--app", "nobody")
    assert shown[:2] == ["Error: tokenvault usage has no", "option --app  [command-option]"], shown


def test_in_a_pipe_a_sentence_is_one_line(tmp_path: Path) -> None:
    write_spec(tmp_path, MISTAKES)
    said = process("validate", "spec.yaml", cwd=tmp_path).err.split("\n")
    long = "A public client holds no Token Vault grant: use access_token_exchange with a backend API, or regular_web;"
    assert f"{long} write `confidential: true` if its backend keeps a client secret." in said
    assert any(line.startswith("Error: ") and line.endswith("exchanged  [spec-missing]") for line in said)


def test_the_last_line_says_how_many_errors_there_are(tmp_path: Path) -> None:
    write_spec(tmp_path, MISTAKES)
    said = process("validate", "spec.yaml", cwd=tmp_path).err
    assert said.endswith(f"\nFound {said.count('Error: ')} errors.\n")
    write_spec(tmp_path, "version: 1\nname: acme\nconections: {}\n")
    assert "Found" not in process("validate", "spec.yaml", cwd=tmp_path).err
