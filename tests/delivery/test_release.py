"""What is released: sdist and wheel build clean, hold what they should and nothing else, and work from the wheel alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

import pytest

from tests.support import ROOT, cli, my_env
from tokenvault import __version__

LEFT_HERE = shutil.ignore_patterns(".git", ".venv*", ".ci-venv", ".*_cache", "__pycache__", ".hypothesis", "*.egg-info")
NOT_FOR_OTHERS = re.compile(r"(^|/)(\.env|\.tokenvault|.*\.key\.pem|.*\.db|__pycache__|.*\.pyc)(/|$)")


@dataclass(frozen=True)
class Built:
    """What was built, and from which tree."""

    tree: Path
    wheel: Path
    sdist: Path


def run(command: Sequence[object], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(
        words,
        cwd=cwd,
        env=my_env(**env),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both, built by the backend that pyproject names from a copy of this tree."""
    folder = tmp_path_factory.mktemp("release")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", folder / "backend"]
    if run([*pip, "hatchling>=1.27"], folder).returncode:
        pytest.skip("the package index that the build backend comes from is not reachable")
    tree = shutil.copytree(ROOT, folder / "tree", ignore=LEFT_HERE, symlinks=True)
    done = run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder / "dist"], tree, PYTHONPATH=str(folder / "backend")
    )
    assert done.returncode == 0, done.stderr
    wheels, sdists = list((folder / "dist").glob("*.whl")), list((folder / "dist").glob("*.tar.gz"))
    assert (len(wheels), len(sdists)) == (1, 1)
    return Built(tree, wheels[0], sdists[0])


def test_the_wheel_holds_the_package_its_license_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
    about = f"auth0_tokenvault-{__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"tokenvault", about}
    source = {
        path.relative_to(built.tree).as_posix() for path in (built.tree / "tokenvault").rglob("*") if path.is_file()
    }
    assert {name for name in names if name.startswith("tokenvault/")} == source | {"tokenvault/REFERENCE.md"}
    assert "tokenvault/py.typed" in names
    assert f"{about}/licenses/LICENSE" in names
    assert not [name for name in names if NOT_FOR_OTHERS.search(name) or name.endswith(".pem")]


def test_the_sdist_holds_what_a_packager_needs_and_no_key(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "tokenvault/py.typed"} <= names
    assert {"schemas/tokenvault.schema.json", "examples/quickstart.yaml", "tests/operations/test_examples.py"} <= names
    assert {
        ".pre-commit-hooks.yaml",
        ".github/actions/tokenvault/action.yml",
        ".ci/lock.txt",
    } <= names  # tests read them
    assert not [name for name in names if NOT_FOR_OTHERS.search(name)]


def test_the_version_comes_from_one_place(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        metadata = Parser().parsestr(archive.read(f"auth0_tokenvault-{__version__}.dist-info/METADATA").decode())
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert cli("--version").out == f"tokenvault {__version__}\n"
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_a_fresh_environment_with_the_wheel_runs_the_main_command(built: Built, tmp_path: Path) -> None:
    """The dependencies are those of this Python, so that the test needs no index; tokenvault is the wheel's."""
    assert run([sys.executable, "-m", "venv", "--without-pip", "fresh"], tmp_path).returncode == 0
    fresh = tmp_path / "fresh" / "bin"
    pip = [sys.executable, "-m", "pip", "--python", fresh / "python", "install", "-q", "--no-deps", "--no-index"]
    done = run([*pip, "--disable-pip-version-check", built.wheel], tmp_path)
    assert done.returncode == 0, done.stderr
    site = Path(
        run([fresh / "python", "-c", "import sysconfig as s; print(s.get_path('purelib'))"], tmp_path).stdout.strip()
    )
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run([fresh / "python", "-c", "import tokenvault; print(tokenvault.__file__)"], tmp_path).stdout
    assert Path(where.strip()).is_relative_to(site)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    applied = run([fresh / "tokenvault", "apply", "examples/quickstart.yaml", "--sandbox", "-y"], tmp_path)
    assert applied.returncode == 0, applied.stderr
    assert "Apply complete!" in applied.stdout
    again = run(
        [fresh / "tokenvault", "plan", "examples/quickstart.yaml", "--sandbox", "--detailed-exitcode"], tmp_path
    )
    assert again.returncode == 0, again.stdout
