"""What somebody who writes a spec sees in an editor: the real yaml-language-server, with the published schema."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.lsp import Editor
from tests.support import EXAMPLES, ROOT

SERVER = "yaml-language-server@1"
HEAD = "# yaml-language-server: $schema=../schemas/tokenvault.schema.json\nversion: 1\nname: acme\n"


def installed() -> Path:
    """The server's program, installed once for all runs; or the test is skipped, with the reason."""
    if not (shutil.which("node") and (npm := shutil.which("npm"))):
        pytest.skip("node and npm are not installed")
    folder = Path(tempfile.gettempdir()) / f"tokenvault-{SERVER.replace('@', '-')}"
    program = folder / "node_modules" / ".bin" / "yaml-language-server"
    if not program.exists():
        command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", SERVER]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("the npm registry did not answer within two minutes")
        if done.returncode or not program.exists():
            pytest.skip(f"npm could not install {SERVER}")
    return program


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    opened = Editor([str(installed()), "--stdio"])
    yield opened
    opened.close()


def spec(name: str) -> Path:
    """A file of an editor that is not saved yet, where the schema is a neighbour."""
    return ROOT / "examples" / f"unsaved-{name}.yaml"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_have_no_problems(editor: Editor, example: Path) -> None:
    assert editor.open(example, example.read_text()) == []


def test_every_field_of_an_application_is_offered_with_its_meaning(editor: Editor) -> None:
    path, text = spec("application"), f"{HEAD}applications:\n  web:\n    type: spa\n    \n"
    editor.open(path, text)
    offered = editor.completions(path, 6, 4)
    assert {"name", "client_id", "callbacks", "flavors", "connections", "protect"} <= set(offered)
    assert "Callback URLs" in str(offered["callbacks"]["documentation"])


def test_the_flavors_and_the_types_are_offered(editor: Editor) -> None:
    path, text = spec("flavors"), f"{HEAD}applications:\n  web:\n    type: \n    flavors:\n      - \n"
    editor.open(path, text)
    assert {"regular_web", "m2m", "spa", "native"} <= set(editor.completions(path, 5, 10))
    offered = set(editor.completions(path, 7, 8))
    assert {"connected_accounts", "refresh_token_exchange", "access_token_exchange", "privileged_worker"} <= offered


def test_the_settings_of_a_flavor_are_offered(editor: Editor) -> None:
    lines = "applications:\n  job:\n    type: m2m\n    flavors:\n      - privileged_worker:\n          \n"
    path = spec("settings")
    editor.open(path, HEAD + lines)
    assert {"public_keys", "ip_allowlist", "grants", "authentication"} <= set(editor.completions(path, 8, 10))


def test_hovering_says_what_a_field_is_for(editor: Editor) -> None:
    path, text = spec("hover"), f"{HEAD}connections:\n  google-oauth2:\n    offline_access: true\n"
    editor.open(path, text)
    assert "refresh tokens" in editor.hover(path, 5, 8)
    assert "mark" in editor.hover(path, 2, 1)


@pytest.mark.parametrize(
    ("name", "lines", "line", "says"),
    [
        ("value", "applications:\n  web: {type: sap, flavors: []}\n", 4, "not accepted"),
        ("missing", "applications:\n  web: {type: spa}\n", 4, "flavors"),
        ("key", "connections:\n  github: {scops: []}\n", 4, "scops"),
        ("secret", "connections:\n  crm: {credentials: {client_id: c, client_secret: in-clear}}\n", 4, "pattern"),
        ("section", "conections: {}\n", 3, "conections"),
        (
            "type",
            "applications:\n  web:\n    type: spa\n    flavors: [refresh_token_exchange]\n",
            6,
            "use access_token_exchange",
        ),
        (
            "bare",
            "applications:\n  job:\n    type: m2m\n    flavors: [privileged_worker]\n",
            6,
            "below it: `public_keys`, `ip_allowlist`",
        ),
    ],
)
def test_a_mistake_is_marked_on_its_line(editor: Editor, name: str, lines: str, line: int, says: str) -> None:
    problems = editor.open(spec(f"broken-{name}"), HEAD + lines)
    assert {problem["range"]["start"]["line"] for problem in problems} == {line}, problems
    assert any(says in problem["message"] for problem in problems), problems
