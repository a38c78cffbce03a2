"""Current releases of the clients, installed into folders outside the repository that later runs use again."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

UNREACHABLE = re.compile(
    r"ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|E407|"
    r"NewConnectionError|Failed to establish a new connection|Name or service not known|name resolution|"
    r"ConnectTimeoutError|ReadTimeoutError|Read timed out|ProxyError|Network is unreachable|Connection refused|"
    r"Could not fetch URL|no internet|HTTP error 5\d\d|50[234] (Server Error|Bad Gateway|Service Unavailable)",
    re.IGNORECASE,
)
RESOLVER = Path(__file__).parent / "resolve"
# what would change how a client installs or behaves; CI constrains our own packages, not these
FOREIGN = (
    "AUTH0_",
    "TOKENVAULT_",
    "PIP_CONSTRAINT",
    "PIP_REQUIRE",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "NODE_OPTIONS",
)


class Unreachable(Exception):
    """An index cannot be reached, or what would ask it is not on this machine."""


class InstallFailed(Exception):
    """The index was reached, and the release cannot be installed."""


def cache_folder() -> Path:
    """Where the installs are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tokenvault-clients"


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what is not the clients' business."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)} | more


def _run(command: Sequence[str | Path], seconds: float, cwd: Path | None = None) -> None:
    options = {"cwd": cwd, "env": environment(), "stdin": subprocess.DEVNULL, "timeout": seconds}
    try:
        result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    except subprocess.TimeoutExpired:
        raise Unreachable(f"{command[0]} took more than {seconds:.0f} s") from None
    if result.returncode == 0:
        return
    output = result.stdout + result.stderr
    lines = [line for line in output.strip().splitlines() if line.strip()]
    if found := UNREACHABLE.search(output):
        raise Unreachable(found[0])
    raise InstallFailed("\n".join(lines[-8:]))


# ---- Python


def python_environment(name: str, packages: Sequence[str], seconds: float) -> Path:
    """A virtual environment with the current releases of these packages; its interpreter."""
    folder = cache_folder() / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", folder], 120)
    pip = [
        interpreter,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--retries",
        "1",
        "--timeout",
        "20",
    ]
    _run([*pip, "--upgrade", *packages], seconds)
    return interpreter


def python_versions(interpreter: Path, packages: Sequence[str]) -> dict[str, str]:
    """The installed version of each package."""
    code = "import json, sys; from importlib.metadata import version; print(json.dumps({n: version(n) for n in sys.argv[1:]}))"
    told = subprocess.run(
        [interpreter, "-c", code, *packages], capture_output=True, text=True, check=True, env=environment()
    )
    versions: dict[str, str] = json.loads(told.stdout)
    return versions


# ---- Node.js


def node_folder(group: str, packages: Sequence[str], seconds: float) -> Path:
    """A folder with the current releases of these packages in `node_modules`, or with the ones that they name."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Unreachable("Node.js with npm is not on this machine")
    folder = cache_folder() / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
    quiet = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=30000"]
    _run(
        [npm, "install", *quiet, *(name if "@" in name[1:] else f"{name}@latest" for name in packages)], seconds, folder
    )
    return folder


def node_versions(folder: Path, packages: Sequence[str]) -> dict[str, str]:
    """The installed version of each package."""
    found = {name: folder / "node_modules" / name / "package.json" for name in packages}
    return {name: json.loads(path.read_text())["version"] for name, path in found.items()}
