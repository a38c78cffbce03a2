"""Every example under every variant of the sandbox: applied, planned, judged, used, and taken away again.

    python -m tests.reliability.variants [--only TEXT] [--combinations N] [--seed N] [--jobs N]

A life holds when the apply succeeds (or says what the tenant does not let it do, and why), the plan after it is empty and
nothing has drifted, an exchange works exactly where `doctor` says so, and `destroy` leaves the tenant as it was.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from tests.support import EXAMPLE_VARIABLES, EXAMPLES, Objects, Result, cli, tenant
from tests.world import World
from tokenvault.sandbox import open_sandbox
from tokenvault.sandbox.errors import OAuthError
from tokenvault.sandbox.variants import VARIABLE, VARIANTS

RIGHTLY = {  # what no request can make work; the apply has to say so in these words
    "user-grant-as-client": "kept as a grant of subject type client",
    "exclusive-credentials": "`authentication_keys` beside `public_keys`",
    "purpose-of-six-strategies": "not supported for this connection",
}
USER, HERE = "auth0|alice", "127.0.0.1"
WORKER_OPTIONS = ("--user", USER, "--audit-context", "variants")


@dataclass(frozen=True)
class Life:
    """One example under some variants, and what was wrong with how it went."""

    example: str
    variants: tuple[str, ...]
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.example} × {' + '.join(self.variants) or 'none'}"


# ---- one life


class Company(World):
    """A folder with an example whose keys are ours, and a tenant that behaves by the variants."""

    def __init__(self, folder: Path, example: Path, variants: Sequence[str]) -> None:
        spec = yaml.safe_load(example.read_text())
        (folder / "keys").mkdir(parents=True)
        for name in dict.fromkeys(Path(file).name.removesuffix(".pub.pem") for file in _key_files(spec)):
            self.folder = folder
            self.make_key(f"keys/{name}")
        for settings in _workers(spec):
            settings["ip_allowlist"] = [HERE]
        super().__init__(folder, spec)
        self.variants = {VARIABLE: ",".join(variants)}
        cli("sandbox", "reset", "--state", "tenant.db", cwd=folder)

    def run(self, *arguments: object, env: Mapping[str, str] | None = None, stdin: str = "") -> Result:
        return super().run(*arguments, env={**EXAMPLE_VARIABLES, **self.variants, **(env or {})}, stdin=stdin)

    @property
    def objects(self) -> Mapping[str, Objects]:
        return tenant(self.folder / "tenant.db")


def _workers(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for application in spec["applications"].values():
        for flavor in application["flavors"]:
            if isinstance(flavor, dict) and "privileged_worker" in flavor:
                yield flavor["privileged_worker"]


def _key_files(spec: Mapping[str, Any]) -> Iterator[str]:
    for settings in _workers(spec):
        for entry in (*settings["public_keys"], *settings.get("authentication_keys", ())):
            yield entry["file"]


def lived(example: Path, variants: Sequence[str]) -> Life:
    """Lives one life in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        company = Company(Path(folder) / "company", example, variants)
        before = company.objects
        try:
            wrong = [*_while_applied(company, variants), *_taken_away(company, before)]
        finally:
            company.close()
    return Life(example.stem, tuple(variants), tuple(wrong))


def _while_applied(company: Company, variants: Sequence[str]) -> Iterator[str]:
    applied = company.run("apply", "spec.yaml", "-y")
    if applied.code:
        said = " ".join((applied.out + applied.err).split())
        if not any(RIGHTLY[name] in said for name in variants if name in RIGHTLY):
            yield f"apply: {_first_error(applied)}"
        return
    planned = company.run("plan", "spec.yaml", "--detailed-exitcode")
    if planned.code:
        yield f"plan exits {planned.code}: {_changes(planned)}"
    drift = company.run("drift", "spec.yaml")
    if drift.code:
        yield f"drift exits {drift.code}: {drift.out[:200]}"
    yield from _used(company, variants)


def _used(company: Company, variants: Sequence[str]) -> Iterator[str]:
    """Where using an application ends otherwise than the doctor says."""
    judged = company.run("doctor", "spec.yaml", "--format", "json")
    if not judged.out:
        yield f"doctor: {_first_error(judged)}"
        return
    secrets = _secrets(company)
    for case in judged.json["cases"]:
        if case["flavor"] == "connected_accounts" or case["state"] == "unknown":
            continue
        refused = _refusal(company, case, secrets, variants)
        if (case["state"] == "not ready") != bool(refused) and not (case["state"] == "check" and refused):
            name = f"{case['application']} × {case['connection']} ({case['flavor']})"
            yield f"doctor says {case['state']} of {name}; using it: {refused or 'works'}"


def _secrets(company: Company) -> dict[str, str]:
    """The variables that `exchange` takes, of every application: secrets from the tenant, keys from the folder."""
    clients = company.objects["clients"]
    found: dict[str, str] = {}
    for one in company.run("output", "spec.yaml", "--format", "json").json["applications"]:
        names = one["variables"]
        if "client_secret" in names:
            found[names["client_secret"]] = str(clients[one["client_id"]].get("client_secret", ""))
    for settings, application in _worker_names(company.spec):
        prefix = application.upper().replace("-", "_")
        signing, proving = settings["public_keys"], settings.get("authentication_keys", settings["public_keys"])
        for name, keys in (("PRIVATE_KEY_FILE", signing), ("AUTHENTICATION_KEY_FILE", proving)):
            found[f"{prefix}_{name}"] = keys[0]["file"].replace(".pub.pem", ".key.pem")
    return found


def _worker_names(spec: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for key, application in spec["applications"].items():
        for settings in _workers({"applications": {key: application}}):
            yield settings, key


def _refusal(company: Company, case: Mapping[str, Any], secrets: Mapping[str, str], variants: Sequence[str]) -> str:
    """How a user is turned away who connects an account, logs in, and has it exchanged; empty where that works."""
    if case["flavor"] != "access_token_exchange" or case["client_id"] != case["exchanging_client_id"]:
        return _turned_away(company, case, secrets, variants)
    client_id = _caller(company, case)
    try:
        return _turned_away(company, {**case, "client_id": client_id, "connects": False}, secrets, variants)
    finally:
        company.api("DELETE", f"/clients/{client_id}")


def _caller(company: Company, case: Mapping[str, Any]) -> str:
    """An application that no spec lists and that may call the API, on behalf of users who connect elsewhere."""
    api = company.objects["clients"][case["exchanging_client_id"]]["resource_server_identifier"]
    client_id = str(company.api("POST", "/clients", {"name": "Some Agent", "app_type": "native"})["client_id"])
    company.api(
        "POST", "/client-grants", {"client_id": client_id, "audience": api, "scope": [], "subject_type": "user"}
    )
    return client_id


def _turned_away(company: Company, case: Mapping[str, Any], secrets: Mapping[str, str], variants: Sequence[str]) -> str:
    options, env, connection = [], dict(secrets), case["connection"]
    sandbox = open_sandbox(company.folder / "tenant.db", variants=list(variants))
    try:
        if case["flavor"] == "privileged_worker":
            sandbox.connect(USER, connection)
            options = [*WORKER_OPTIONS]
        else:
            api = company.objects["clients"].get(case["exchanging_client_id"], {}).get("resource_server_identifier")
            audience = str(api) if api else None
            connects = case.get("connects", True)
            sandbox.connect(USER, connection, client_id=case["client_id"] if connects else None)
            token = sandbox.issue_refresh_token(USER, case["client_id"], audience=audience) if connects else ""
            if case["flavor"] == "access_token_exchange":
                token = sandbox.issue_access_token(USER, case["client_id"], str(audience))
            env["AUTH0_SUBJECT_TOKEN"] = token
    except OAuthError as error:
        return f"{error.error}: {error.description}"
    finally:
        sandbox.close()
    flavor = ("--flavor", case["flavor"])
    result = company.run("exchange", case["application"], connection, "--spec", "spec.yaml", *flavor, *options, env=env)
    return _first_error(result) if result.code else ""


def _taken_away(company: Company, before: Mapping[str, Objects]) -> Iterator[str]:
    destroyed = company.run("destroy", "spec.yaml", "-y")
    if destroyed.code:
        yield f"destroy: {_first_error(destroyed)}"
        return
    after = company.objects
    for kind in ("clients", "client_grants", "resource_servers", "credentials"):
        left = [
            str(item.get("name") or key)
            for key, item in after.get(kind, {}).items()
            if key not in before.get(kind, {}) and not str(item.get("identifier")).endswith("/me/")
        ]
        if left:
            yield f"destroy left {kind}: {', '.join(left)}"
    marked = [c["name"] for c in after["connections"].values() if (c.get("metadata") or {}).get("tokenvault")]
    if marked:
        yield f"destroy left marks on {', '.join(marked)}"


def _first_error(result: Result) -> str:
    lines = [line for line in (result.err + result.out).splitlines() if line.startswith(("Error", "Refused", "  "))]
    return " / ".join(line.strip() for line in lines[:3]) or f"exit {result.code}"


def _changes(result: Result) -> str:
    return "; ".join(line.strip(" #") for line in result.out.splitlines() if " will be " in line)[:300]


# ---- all of them


def singles() -> list[tuple[Path, tuple[str, ...]]]:
    """Every example under every variant, and under none."""
    return [(example, names) for example in EXAMPLES for names in ((), *((name,) for name in VARIANTS))]


def combinations(count: int, seed: int) -> list[tuple[Path, tuple[str, ...]]]:
    """Examples under two to six variants at once, drawn at random; those that nobody can live under are left out."""
    drawn = random.Random(seed)
    names = [name for name in VARIANTS if name != "user-grant-as-client"]
    return [(drawn.choice(EXAMPLES), tuple(sorted(drawn.sample(names, drawn.randint(2, 6))))) for _ in range(count)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Lives them all and prints figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="lives whose name has this in it")
    parser.add_argument("--combinations", type=int, default=40)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(arguments)
    chosen = [*singles(), *combinations(given.combinations, given.seed)]
    chosen = [(example, names) for example, names in chosen if given.only in str(Life(example.stem, names))]
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        lives = []
        for life in pool.map(lived, *zip(*chosen, strict=True)):
            lives.append(life)
            for wrong in life.wrong:
                print(f"{life}: {wrong}", flush=True)
    alone = [life for life in lives if len(life.variants) <= 1]
    together = [life for life in lives if len(life.variants) > 1]
    for what, some in (("singly", alone), ("combined", together)):
        print(f"{what}: {len(some)} lives tried, {sum(not life.wrong for life in some)} held")
    return int(any(life.wrong for life in lives))


if __name__ == "__main__":
    sys.exit(main())
