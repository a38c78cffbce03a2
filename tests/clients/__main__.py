"""Runs other people's software against a served sandbox: `python -m tests.clients [CLIENT …]`.

Installs current releases from the package indexes, runs each against a tenant of its own that tokenvault prepared, and
asks tokenvault's plan afterwards what it changed. Exits 1 when a client fails; where an index cannot be reached it says
so, and that is no failure.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import by_name, tenant
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET, TOKEN

from . import installs
from .catalogue import AT, CLIENTS, COMPANIONS, NODE_GROUPS, PREPARED, RT, Client
from .person import USER, Person, Tenant, person_service

NAME, API, CONNECTION = "acme.us.auth0.test", "https://calendar.acme.example", "google-oauth2"
HERE = Path(__file__).parent
SPEC, DRIVERS = HERE / "spec.yaml", HERE / "drivers"
PYTHON_INSTALL, NODE_INSTALL, DRIVER_LIMIT = 240.0, 240.0, 240.0
FAILED, UNREACHABLE = "FAILED", "not reached"


@dataclass(frozen=True)
class Outcome:
    """What became of one client."""

    client: Client
    version: str
    flows: tuple[str, ...]
    plan: str
    problem: str = ""
    reached: bool = True

    @property
    def passed(self) -> bool:
        return self.reached and not self.problem and self.flows == self.client.flows


@dataclass(frozen=True)
class Installed:
    """Where a group of clients is installed, and which releases they are."""

    place: Path
    versions: dict[str, str]


def main(arguments: list[str] | None = None) -> int:
    """Runs the named clients, or all; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__.splitlines()[0])
    parser.add_argument("client", nargs="*", help=f"one of {', '.join(client.name for client in CLIENTS)}")
    wanted = parser.parse_args(arguments).client
    known = {client.name for client in CLIENTS}
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"unknown client: {', '.join(unknown)}")
    chosen = [client for client in CLIENTS if not wanted or client.name in wanted]
    began = time.monotonic()
    outcomes = run_all(chosen)
    print(table(outcomes))
    for problem, names in problems(outcomes).items():
        print(f"\n{', '.join(names)}: {problem}")
    print(
        f"\n{sum(one.passed for one in outcomes)} of {len(outcomes)} clients passed, {time.monotonic() - began:.0f} s"
    )
    return 1 if any(one.reached and not one.passed for one in outcomes) else 0


def problems(outcomes: list[Outcome]) -> dict[str, list[str]]:
    """What went wrong, and for whom."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.problem:
            found.setdefault(outcome.problem, []).append(outcome.client.name)
    return found


def run_all(chosen: list[Client]) -> list[Outcome]:
    """The outcome of each client."""
    with tempfile.TemporaryDirectory(prefix="tokenvault-clients-") as scratch:
        prepared = prepare(Path(scratch))
        outcomes = []
        for group in dict.fromkeys(client.group for client in chosen):
            clients = [client for client in chosen if client.group == group]
            outcomes += run_group(group, clients, prepared)
        return [next(one for one in outcomes if one.client is client) for client in chosen]


def run_group(group: str, clients: list[Client], prepared: Path) -> list[Outcome]:
    """Installs what belongs together, and runs each."""
    packages = list(dict.fromkeys(client.package for client in CLIENTS if client.group == group))
    try:
        installed = install(group, packages)
    except installs.Unreachable as problem:
        return [
            Outcome(client, "-", (), "-", f"the package index is not reached: {problem}", False) for client in clients
        ]
    except installs.InstallFailed as problem:
        return [Outcome(client, "-", (), "-", f"cannot be installed: {problem}") for client in clients]
    return [run_client(client, installed, prepared) for client in clients]


def install(group: str, packages: list[str]) -> Installed:
    """The current releases of a group."""
    everything = [*packages, *COMPANIONS.get(group, ())]
    print(f"installing {', '.join(packages)} …", flush=True)
    if group in NODE_GROUPS:
        folder = installs.node_folder(group, everything, NODE_INSTALL)
        return Installed(folder, installs.node_versions(folder, packages))
    interpreter = installs.python_environment(group, everything, PYTHON_INSTALL)
    return Installed(interpreter, installs.python_versions(interpreter, packages))


# ---- the tenant


def prepare(scratch: Path) -> Path:
    """A tenant to which tokenvault has applied the spec; each client gets a copy."""
    state = scratch / "prepared" / "tenant.db"
    applied = tokenvault("apply", SPEC, "-y", f"--sandbox={state}")
    if applied.returncode != 0:
        raise SystemExit(f"tokenvault apply exits {applied.returncode}:\n{applied.stdout}{applied.stderr}")
    return state


def tokenvault(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command of ours."""
    command = [sys.executable, "-m", "tokenvault", *map(str, arguments)]
    full = {**installs.environment(**(env or {})), "PYTHONPATH": str(HERE.parent.parent)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=full, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def served(state: Path) -> Iterator[tuple[str, Tenant]]:
    """The tenant under its name with TLS; its plain address, and how clients know it."""
    command = [sys.executable, "-m", "tokenvault", "sandbox", "serve", "--port", "0", "--state", str(state),
               "--name", NAME, "--tls"]  # fmt: skip
    full = {**installs.environment(), "PYTHONPATH": str(HERE.parent.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=full) as server:
        assert server.stdout is not None
        try:
            addresses = [server.stdout.readline().rsplit("//", 1)[-1].strip() for _ in range(2)]
            yield addresses[0], Tenant(addresses[1], state.with_name(f"{state.stem}-tls") / "ca.pem")
        finally:
            server.terminate()
            server.wait(10)


# ---- one client


def run_client(client: Client, installed: Installed, prepared: Path) -> Outcome:
    """Runs a client's driver against a tenant of its own."""
    version = installed.versions[client.package]
    print(f"running {client.name} {version} …", flush=True)
    folder = prepared.parent.parent / re.sub(r"\W+", "-", client.name)
    shutil.copytree(prepared.parent, folder)
    state = folder / prepared.name
    with served(state) as (plain, known):
        flows, problem = (
            drive(client, installed, known, state, plain)
            if client.driver
            else drive_usage(client, installed, known, state, plain)
        )
        plan, unplanned = planned(plain)
        return Outcome(client, version, flows, plan, problem or unplanned)


def drive(client: Client, installed: Installed, known: Tenant, state: Path, plain: str) -> tuple[tuple[str, ...], str]:
    """The flows that the driver reports, and what went wrong."""
    person = Person(known)
    with person_service(person) as address:
        variables = (
            facts(client, person, state)
            | {
                "CLIENTS_DOMAIN": known.name if client.takes_port else known.host,
                "CLIENTS_PORT": known.port,
                "CLIENTS_EXAMPLE": str(HERE.parent.parent / client.example),
                "CLIENTS_PERSON": address,
                "SSL_CERT_FILE": str(known.authority),
                "REQUESTS_CA_BUNDLE": str(known.authority),
                "NODE_EXTRA_CA_CERTS": str(known.authority),
                "NO_PROXY": "*",
                "no_proxy": "*",
            }
            | session(client, known, state, plain)
        )
        command, cwd = driver_command(client, installed, state.parent, variables)
        try:
            result = subprocess.run(command, cwd=cwd, env=installs.environment(**variables), capture_output=True,
                                    text=True, timeout=DRIVER_LIMIT, stdin=subprocess.DEVNULL, check=False)  # fmt: skip
        except subprocess.TimeoutExpired as late:
            return flows_in(str(late.stdout or "")), f"took more than {DRIVER_LIMIT:.0f} s"
    flows = flows_in(result.stdout)
    missing = [flow for flow in client.flows if flow not in flows]
    if result.returncode == 0 and not missing:
        return flows, ""
    told = "\n".join((result.stdout + result.stderr).strip().splitlines()[-25:])
    return flows, f"exits {result.returncode}, without {', '.join(missing) or 'a reason'}:\n{told}"


SESSION = {
    "AUTH0_SECRET": "0123456789abcdef" * 4,
    "APP_BASE_URL": "https://app.example.com",
    "AUTH0_REDIRECT_URI": "https://app.example.com/auth/callback",
}


def session(client: Client, known: Tenant, state: Path, plain: str) -> dict[str, str]:
    """For a driver of what `tokenvault usage` prints: writes that beside it; the environment of an application with it."""
    if not client.usage:
        return {}
    env = {"AUTH0_DOMAIN": plain, "AUTH0_API_TOKEN": TOKEN, "NO_COLOR": "1"}
    printed = tokenvault("usage", SPEC, "web", "--lang", client.usage, env=env).stdout
    name = known.name if client.takes_port else known.host
    node = client.group in NODE_GROUPS
    place = state.parent / "drivers" / "program.mjs" if node else state.parent / "program.py"
    place.parent.mkdir(exist_ok=True)
    place.write_text(printed.replace(plain, name))
    secret = by_name(tenant(state)["clients"], "Clients Web")["client_secret"]
    return {**SESSION, **dict.fromkeys(re.findall(r"[A-Z_]+_CLIENT_SECRET", printed), secret)}


EXCHANGES = {RT: ("web", "REFRESH_TOKEN", "WEB"), AT: ("spa", "ACCESS_TOKEN", "API_CLIENT")}
SCOPE = "https://www.googleapis.com/auth/calendar.events"


def drive_usage(
    client: Client, installed: Installed, known: Tenant, state: Path, plain: str
) -> tuple[tuple[str, ...], str]:
    """Runs what `tokenvault usage` prints for each flow; the flows that gave a token with the scope, and what went wrong."""
    told, flows = facts(client, Person(known), state), []
    for flow in client.flows:
        application, token, by = EXCHANGES[flow]
        env = {"AUTH0_DOMAIN": plain, "AUTH0_API_TOKEN": TOKEN, "NO_COLOR": "1"}
        printed = tokenvault("usage", SPEC, application, "--lang", client.usage, env=env)
        names = set(re.findall(r"[A-Z_]+_CLIENT_SECRET", printed.stdout))
        secret = json.loads(told[f"CLIENTS_{by}"])["client_secret"]
        variables = {"AUTH0_SUBJECT_TOKEN": told[f"CLIENTS_{token}"], **dict.fromkeys(names, secret), "NO_PROXY": "*"}
        trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(known.authority))
        variables |= trust | {"no_proxy": "*", "CLIENTS_DOMAIN": known.name, "CLIENTS_PORT": known.port}
        program = printed.stdout.replace(plain, known.name)
        command, cwd = program_command(client, installed, state.parent, program, variables)
        result = subprocess.run(command, cwd=cwd, env=installs.environment(**variables), capture_output=True,
                                text=True, timeout=DRIVER_LIMIT, stdin=subprocess.DEVNULL, check=False)  # fmt: skip
        if result.returncode or SCOPE not in result.stdout:
            lines = (printed.stderr + result.stdout + result.stderr).strip().splitlines()
            return tuple(flows), f"{flow}: exits {result.returncode}:\n" + "\n".join(lines[-25:])
        flows.append(flow)
    return tuple(flows), ""


def program_command(
    client: Client, installed: Installed, folder: Path, program: str, variables: dict[str, str]
) -> tuple[list[str], Path]:
    """How a printed program is started."""
    if client.group not in NODE_GROUPS:
        (folder / "program.py").write_text(program)
        variables["PYTHONPATH"] = str(installs.RESOLVER)
        return [str(installed.place), str(folder / "program.py")], folder
    (folder / "program.mjs").write_text(program)
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(installed.place / "node_modules", target_is_directory=True)
    resolver = (installs.RESOLVER / "resolve.mjs").as_uri()
    return ["node", "--preserve-symlinks", "--import", resolver, str(folder / "program.mjs")], folder


def flows_in(output: str) -> tuple[str, ...]:
    """The flows that a driver reported."""
    return tuple(line.removeprefix("flow ") for line in output.splitlines() if line.startswith("flow "))


def driver_command(
    client: Client, installed: Installed, folder: Path, variables: dict[str, str]
) -> tuple[list[str], Path]:
    """How a driver is started; Node.js finds packages beside the driver alone, so it is copied to them."""
    if client.group not in NODE_GROUPS:
        variables["PYTHONPATH"] = os.pathsep.join([str(installs.RESOLVER), str(DRIVERS), str(folder)])
        return [str(installed.place), str(DRIVERS / client.driver)], folder
    place = folder / "drivers"
    place.mkdir(exist_ok=True)
    for name in ("common.mjs", client.driver):
        shutil.copy(DRIVERS / name, place)
    (place / "node_modules").symlink_to(installed.place / "node_modules", target_is_directory=True)
    resolver = (installs.RESOLVER / "resolve.mjs").as_uri()
    return ["node", "--preserve-symlinks", "--import", resolver, str(place / client.driver)], place


def facts(client: Client, person: Person, state: Path) -> dict[str, str]:
    """What a driver is told: its applications, and for some the tokens of a login with a connected account."""
    clients = tenant(state)["clients"]
    web, spa = by_name(clients, "Clients Web"), by_name(clients, "Clients SPA")
    told: dict[str, Any] = {"WEB": web, "API_CLIENT": by_name(clients, "Clients API Client"), "REFRESH_TOKEN": "",
                            "DEPLOY": {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
                            "ACCESS_TOKEN": "", "API": API, "USER": USER}  # fmt: skip
    if client.name in PREPARED or not client.driver:
        told["REFRESH_TOKEN"] = person.log_in(web)["refresh_token"]
        person.connect(web, told["REFRESH_TOKEN"], CONNECTION)
        told["ACCESS_TOKEN"] = person.log_in(spa, API, "read:calendar")["access_token"]
    return {f"CLIENTS_{name}": value if isinstance(value, str) else json.dumps(value) for name, value in told.items()}


# ---- what is told


def planned(address: str) -> tuple[str, str]:
    """What tokenvault's plan says after the client: nothing, or what the client changed; and why there is no plan."""
    env = {"AUTH0_DOMAIN": address, "AUTH0_API_TOKEN": TOKEN, "NO_COLOR": "1"}
    result = tokenvault("plan", SPEC, "--detailed-exitcode", env=env)
    if result.returncode == 0:
        return "empty", ""
    if result.returncode != 2:
        return FAILED, f"tokenvault plan exits {result.returncode} after it:\n{result.stdout}{result.stderr}"
    lines = [line.strip() for line in result.stdout.splitlines()]
    changes = [line.removeprefix("# ").split("  ")[0] for line in lines if re.match(r"# \S+ will be ", line)]
    return "; ".join(changes) or "changes", ""


def table(outcomes: list[Outcome]) -> str:
    """Client, version, flows, plan."""
    rows = [("client", "version", "flows", "plan afterwards")]
    for one in outcomes:
        missing = [flow for flow in one.client.flows if flow not in one.flows]
        state = (
            UNREACHABLE if not one.reached else ", ".join([*one.flows, *(f"{FAILED}: {flow}" for flow in missing[:1])])
        )
        rows.append((one.client.name, one.version, state, one.plan))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n" + "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
