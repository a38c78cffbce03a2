"""Whatever stands in a spec, or is passed off as one: an answer comes soon, is an error that says so, and shows nothing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reliability.fuzz import BUG, ENV, UNSAFE, Tally, case, judged
from tests.support import ROOT, Result, cli, write_spec

HEAD = "version: 1\nname: acme\nconnections: {google-oauth2: {}}\napplications:\n"
APP = "  a: {type: spa, flavors: [connected_accounts]"
SECONDS, MEGABYTES = 20, 600


def _bomb(kind: str) -> str:
    """Ten lists of ten of the list before, or ten mappings that merge ten of the mapping before."""
    opening, closing = {"lists": ("[", "]"), "merges": ("{<<: [", "]}")}[kind]
    text = "a: &b {x: 1}\n"
    for level in range(12):
        before = "b" if level == 0 else f"b{level - 1}"
        text += f"c{level}: &b{level} {opening}{', '.join([f'*{before}'] * 10)}{closing}\n"
    return text


BOMBS: dict[str, tuple[str, str]] = {
    "anchors in lists": (_bomb("lists"), "spec-too-large"),
    "anchors in merges": (_bomb("merges"), "spec-too-large"),
    "anchors of long text": (f"a: &a {'x' * 9000}\nb: [{'*a, ' * 1000}]\n", "spec-too-large"),
    "an anchor in itself": ("a: &a [*a]\n", "spec-too-large"),
    "a merge of itself": ("a: &a {<<: *a}\n", "spec-key"),
    "brackets without end": ("[" * 50_000, "spec-yaml"),
    "braces without end": ("{a: " * 50_000, "spec-yaml"),
    "dashes without end": ("- " * 5000 + "x", "spec-yaml"),
    "blocks without end": ("".join(" " * depth + "a:\n" for depth in range(1500)), "spec-yaml"),
    "five megabytes": ("#" * 5_000_000, "spec-too-large"),
    "one long line": (HEAD + APP + ", callbacks: [" + ", ".join(["x"] * 40_000) + "]}\n", "spec-value"),
    "a long name": (HEAD + APP + f", name: {'x' * 1_000_000}}}\n", "spec-value"),
    "a long number": (HEAD + APP + f", name: {'9' * 100_000}}}\n", "spec-value"),
    "a number to the base of sixty": (HEAD + APP + f", name: {'1:' * 100_000}1}}\n", "spec-value"),
    "references without end": (HEAD + APP + f", name: '{'${' * 100_000}'}}\n", "spec-reference"),
    "ten thousand unknown keys": (HEAD + APP + "}\n" + "".join(f"k{n}: 1\n" for n in range(10_000)), "spec-more"),
    "ten thousand equal keys": (HEAD + APP + "}\n" + "name: x\n" * 10_000, "spec-duplicate-key"),
    "ten thousand unknown flavors": (HEAD + f"  a: {{type: spa, flavors: [{'x, ' * 10_000}]}}\n", "spec-more"),
    "ten thousand unknown connections": (
        HEAD + APP + f", connections: [{', '.join(f'c{n}' for n in range(9999))}]}}\n",
        "spec-more",
    ),
    "carriage returns": ("a: 1\r" * 20_000, "spec-duplicate-key"),
    "secrets in a line that is no YAML": ("api_secret: canary-x ]\nb: [", "spec-yaml"),
    "a lone surrogate": (HEAD + APP + ', name: "\\ud800"}\n', "spec-"),
    "a null character": (HEAD + APP + ", name: \x00}\n", "spec-yaml"),
    "an escape sequence": (HEAD + APP + ', name: "\\e[31mred\\e]0;owned\\a", typ: 1}\n', "spec-unknown-key"),
    "letters that run backwards": (HEAD + APP + ', "\\u202egnp.exe": 1}\n', "spec-unknown-key"),
    "UTF-16": ("version: 1".encode("utf-16").decode("latin-1"), "spec-"),
    "a byte order mark in the middle": (HEAD + "  \ufeffa: {}\n", "spec-"),
    "another version of YAML": ("%YAML 9.9\n---\nversion: 1\n", "spec-yaml"),
    "a tag that runs code": ("a: !!python/object/apply:os.system ['touch owned']\n", "spec-tag"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code"), BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_an_error(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    done = subprocess.run(
        [sys.executable, "-m", "tokenvault", "validate", "spec.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=SECONDS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20)),
    )
    said = done.stderr.decode()
    assert done.returncode == 1 and f"[{code}" in said, said[-2000:]
    assert not BUG.search(said) and not UNSAFE.search(said) and "canary" not in said
    assert len(said) < 150_000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["spec.yaml"]


def _symlink(folder: Path) -> str:
    (folder / "link.txt").symlink_to("/etc/hostname")
    return "${file:link.txt}"


def _symlinked_folder(folder: Path) -> str:
    (folder / "out").symlink_to("/etc")
    return "${file:out/hostname}"


def _fifo(folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    return "${file:pipe}"


def _loop(folder: Path) -> str:
    (folder / "loop").symlink_to("loop")
    return "${file:loop}"


def _device(folder: Path) -> str:
    (folder / "zero").symlink_to("/dev/zero")
    return "${file:zero}"


def _huge(folder: Path) -> str:
    (folder / "huge").write_bytes(b"x" * 200_000)
    return "${file:huge}"


def _binary(folder: Path) -> str:
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    return "${file:binary}"


FILES: dict[str, tuple[Callable[[Path], str], str]] = {
    "a symbolic link out of the folder": (_symlink, "spec-file-outside"),
    "a file behind a symbolic link out of the folder": (_symlinked_folder, "spec-file-outside"),
    "a device": (_device, "spec-file-outside"),
    "a pipe": (_fifo, "spec-missing-file"),
    "a link to itself": (_loop, "spec-"),
    "a folder": (lambda folder: "${file:.}", "spec-missing-file"),
    "too much": (_huge, "spec-missing-file"),
    "no text": (_binary, "spec-missing-file"),
    "a parent": (lambda folder: "${file:../x}", "spec-file-outside"),
    "a parent in the middle": (lambda folder: "${file:keys/../../x}", "spec-file-outside"),
    "an absolute path": (lambda folder: "${file:/etc/hostname}", "spec-file-outside"),
    "a home": (lambda folder: "${file:~/x}", "spec-missing-file"),
    "a URL": (lambda folder: "${file:file:///etc/hostname}", "spec-missing-file"),
    "a long name": (lambda folder: f"${{file:{'x' * 5000}}}", "spec-missing-file"),
    "nothing": (lambda folder: "${file:}", "spec-missing-file"),
}


@pytest.mark.parametrize(("make", "code"), FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("place", ["a value", "a key"])
def test_a_file_that_must_not_be_read_is_not(
    tmp_path: Path, make: Callable[[Path], str], code: str, place: str
) -> None:
    reference = make(tmp_path)
    if place == "a value":
        spec = f"{HEAD}{APP}, callbacks: ['{reference}']}}\n"
    else:
        name = reference.removeprefix("${file:").removesuffix("}")
        worker = f"public_keys: [{{file: '{name}'}}], ip_allowlist: [192.0.2.1], grants: {{google-oauth2: [x]}}"
        spec = f"{HEAD}  a: {{type: m2m, flavors: [{{privileged_worker: {{{worker}}}}}]}}\n"
    result = cli("validate", write_spec(tmp_path, spec), cwd=tmp_path)
    assert_refused(result, code if place == "a value" or name else "spec-")


def assert_refused(result: Result, code: str) -> None:
    assert result.code == 1 and f"[{code}" in result.err, result.err
    assert not BUG.search(result.err) and not UNSAFE.search(result.err)
    hostname = Path("/etc/hostname").read_text().strip()
    assert not hostname or hostname not in result.err


def test_a_spec_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for path in ("pipe.yaml", "/dev/zero", "/dev/null", "loop.yaml", "none.yaml", "a\0b", "x" * 5000, ""):
        for command in (["validate"], ["plan", "--sandbox=t.db"], ["apply", "-y", "--sandbox=t.db"], ["explain", "*"]):
            result = cli(*command, path, cwd=tmp_path)
            assert_refused(result, "")
    assert not (tmp_path / "t.db").exists()


def test_a_folder_of_specs_does_not_lead_out_of_itself(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "secret.yaml").write_text("canary: stolen\n")
    (tmp_path / "specs" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    result = cli("validate", "specs", cwd=tmp_path)
    assert_refused(result, "spec-file-outside")
    assert "stolen" not in result.err


def test_a_secret_of_the_environment_cannot_be_smuggled_into_what_is_shown(tmp_path: Path) -> None:
    env = {"DEPLOY_SECRET": "canary-deploy"}
    for key in ("name: '${env:DEPLOY_SECRET}'", "callbacks: ['https://x.example/${env:DEPLOY_SECRET}']"):
        result = cli("validate", write_spec(tmp_path, f"{HEAD}{APP}, {key}}}\n"), env=env)
        assert result.code == 1 and "[spec-secret-in-clear]" in result.err and "canary" not in result.err


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_an_error_or_a_spec(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    tally = Tally()
    judged(tmp_path_factory.mktemp("bytes"), raw, tally, "")
    assert tally.bugs == {}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["${env:X}", "${file:x}"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=12,
)
keys = st.sampled_from(
    ["version", "name", "tenant", "connections", "apis", "applications", "my_account_api", "mfa_policy", "overlay"]
)


@given(st.dictionaries(keys, values))
def test_any_values_in_the_right_places_are_an_error_or_a_spec(
    tmp_path_factory: pytest.TempPathFactory, spec: dict[str, object]
) -> None:
    import yaml

    tally = Tally()
    judged(tmp_path_factory.mktemp("values"), yaml.safe_dump(spec).encode("utf-8", "surrogatepass"), tally, "")
    assert tally.bugs == {}


def test_mutations_of_the_examples_are_errors_or_specs(tmp_path: Path) -> None:
    """A sample of what `python -m tests.reliability.fuzz` does twenty thousand times."""
    write_spec(tmp_path, "")
    tally = Tally()
    for number in range(150):
        judged(tmp_path, case(7, number), tally, f"case {number}")
    assert tally.bugs == {}
    assert tally.cases == 150 and tally.valid > 5


def test_the_judge_of_mutations_is_awake(tmp_path: Path) -> None:
    write_spec(tmp_path, "")
    assert ENV["CRM_CLIENT_SECRET"].startswith("canary")
    for text in ("failed unexpectedly (KeyError at x.py:1)", "Traceback (most recent call last)"):
        assert BUG.search(text)
    assert UNSAFE.search("\x1b[31m") and UNSAFE.search("\u202e")
