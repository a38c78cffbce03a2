"""Canaries through everything: no secret may come out of any command, in any form, on any occasion.

    python -m tests.reliability.leak

The secrets of a tenant, a spec and its environment are planted as words that occur nowhere else, and everything that a
command leaves behind is searched for them: stdout, stderr, the files that it wrote, tracebacks. Only files of mode 0600
that a user asked a secret into may hold one. The commands and their forms are read from the command line itself.
References to secrets (`references.py`) are tried at every field of a spec besides.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer.main
import yaml

from tests.reliability.bench import QUICKSTART, Bench, Rule, bench
from tests.reliability.references import CANARY, ENVIRONMENT, FIELDS, plant_files, references, spec_with
from tests.support import Result, by_name, cli, write_spec
from tokenvault.cli.app import command_line
from tokenvault.sandbox import open_sandbox

SPEC = "spec.yaml"
FLEET = "fleet.yaml"
JWT = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}")
PRIVATE = "PRIVATE KEY"
BUG = re.compile(r"failed unexpectedly(?! \(…\))")
"""What a command says that met a bug; the reference lists the sentence too, with a `…` for the place."""
SECRET_FILES = ("apps.env", "provider.token")
SECRET_VARIABLES = (
    "ONE_AUTH0_CLIENT_SECRET",
    "AUTH0_SUBJECT_TOKEN",
    "ASSISTANT_CLIENT_SECRET",
    "AUTH0_CLIENT_SECRET",
    "CRM_CLIENT_SECRET",
)
REVEALING = frozenset({"--reveal"})
APP_SECRET = 'canary "quoted\\" app secret'
EXEMPT = frozenset({"sandbox"})  # a simulated tenant: its secrets are fake, and printing them is what it is for
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "init": ("--no-input", "--app-name", "New", "--type", "m2m", "--flavor", "privileged_worker", "--generate-key", "--ip",
             "192.0.2.1", "--grant", "google-oauth2=email", "--connection", "google-oauth2", "-o", "new.yaml", "--force"),
    "validate": (SPEC,),
    "plan": (SPEC, "--out", "plan.json"),
    "apply": (SPEC, "-y"),
    "destroy": (SPEC, "-y"),
    "show": ("plan.json",),
    "explain": ("application.*", SPEC),
    "drift": (SPEC,),
    "graph": (SPEC,),
    "doctor": (SPEC,),
    "usage": (SPEC,),
    "exchange": ("assistant", "google-oauth2", "--spec", SPEC, "-o", "provider.token", "--force"),
    "output": (SPEC, "--out", "apps.env", "--force"),
    "export": (),
    "snapshot": ("-o", "snapshot.json"),
    "schema": (),
    "auth status": (),
    "completion": ("bash",),
    "fleet validate": (FLEET,),
    "fleet plan": (FLEET,),
    "fleet apply": (FLEET, "-y"),
    "fleet drift": (FLEET,),
    "fleet doctor": (FLEET,),
    "fleet destroy": (FLEET, "-y"),
    "operator crd": (),
    "operator run": (),
}  # fmt: skip


@dataclass
class Search:
    """What was searched, and what was found."""

    outputs: int = 0
    comparisons: int = 0
    canaries: set[str] = field(default_factory=set)
    leaks: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)


# ---- what is planted


def planted(folder: Path, there: Bench) -> dict[str, str]:
    """Plants canaries in the spec's folder and in the tenant; the environment that goes with them."""
    spec = yaml.safe_load(QUICKSTART.read_text())
    spec["connections"]["crm"] = {
        "strategy": "oauth2",
        "credentials": {"client_id": "crm", "client_secret": "${env:CRM_CLIENT_SECRET}"},
        "options": {"tokenURL": "https://crm.example.com/token", "app_secret": "${file:app-secret.txt}"},
    }
    write_spec(folder, spec, SPEC)
    member = {
        "domain": there.env["AUTH0_DOMAIN"],
        "spec": [SPEC],
        "credentials": {"prefix": "ONE_"},
        "variables": {"CRM_CLIENT_SECRET": "${env:CRM_CLIENT_SECRET}"},
    }
    write_spec(folder, {"version": 1, "fleet": "acme", "tenants": {"one": member}}, FLEET)
    (folder / "keys" / "nightly-sync.pub.pem").write_text(_pem(_key().public_key()))
    (folder / "keys" / "worker.key.pem").write_text(_pem(_key()))
    (folder / "app-secret.txt").write_text(f"{APP_SECRET}\n")
    state = json.loads(json.dumps(there.start))
    for number, client in enumerate(state["objects"]["clients"].values()):
        client["client_secret"] = f"canary-client-secret-{number}-0123456789"
    for connection in state["objects"]["connections"].values():
        connection.setdefault("options", {}).update(
            client_secret=f"canary-connection-{connection['name']}", app_secret="canary-app", api_key="canary-api-key"
        )
    there.start = state
    there.reset()
    deploy = there.env["AUTH0_CLIENT_ID"]
    secret = state["objects"]["clients"][deploy]["client_secret"]
    return {
        **there.env,
        "AUTH0_CLIENT_SECRET": secret,
        "ONE_AUTH0_CLIENT_ID": deploy,
        "ONE_AUTH0_CLIENT_SECRET": secret,
        "KUBECONFIG": "there-is-none",
        "CRM_CLIENT_SECRET": "canary crm:secret/with+odd&signs",
        "AUTH0_SUBJECT_TOKEN": "canary-subject-token",
        "ASSISTANT_CLIENT_SECRET": "canary-assistant-secret",
        "TOKENVAULT_TRACEBACK": "1",
    }


def canaries(there: Bench, env: Mapping[str, str], folder: Path) -> set[str]:
    """Every secret that there is by now: of the environment, and all that the tenant holds or has handed out."""
    found = {value for name, value in env.items() if name in SECRET_VARIABLES or value.startswith("canary")} | {
        APP_SECRET
    }
    found |= set(_secrets(there.snapshot()))
    if (provider := folder / "provider.token").exists():
        found.add(provider.read_text().strip())
    found |= set(_pem(_key()).split("\n")[1:-2])
    return {secret for secret in found if len(secret) >= 10}


def _secrets(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, name)
    elif isinstance(value, str) and re.search(r"secret|password|signing_key|_key$|refresh_token$|access_token$", name):
        yield value


@cache
def forms(secret: str) -> tuple[str, ...]:
    """A secret as it is, and as it would come out of JSON, a URL, a repr or base64."""
    raw = secret.encode()
    written = {
        secret,
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
        repr(secret)[1:-1],
        base64.b64encode(raw).decode(),
    }
    return tuple(written | {base64.urlsafe_b64encode(raw).decode().rstrip("=")})


# ---- what is run


def commands() -> dict[str, list[tuple[str, ...]]]:
    """Every command that is registered, with the options that change what it shows, one by one."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for path, command in _walk(typer.main.get_command(command_line()), ()):
        if path[0] not in EXEMPT:
            found[" ".join(path)] = [(), *_variants(command)]
    return found


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inside in command.commands.items():
        yield from _walk(inside, (*path, name))


def _variants(command: Any) -> Iterator[tuple[str, ...]]:
    for parameter in command.params:
        if parameter.param_type_name != "option" or REVEALING & set(parameter.opts):
            continue
        if parameter.is_flag:
            yield (parameter.opts[0],)
        else:
            yield from ((parameter.opts[0], choice) for choice in getattr(parameter.type, "choices", None) or ())


def echo(method: str, path: str, *sent: str) -> Rule:
    """An answer that repeats what was sent: the worst that a server or a proxy can do."""
    said = f"You said: {' '.join(sent)}"
    body = {"statusCode": 400, "error": said, "message": said, "errorCode": said, "error_description": said}
    return {"fault": 400, "body": body, "method": method, "path": path, "times": None}


class Searching:
    """Runs commands in one folder against one tenant, and searches what they leave behind."""

    def __init__(self, there: Bench, folder: Path) -> None:
        self.there, self.folder = there, folder
        self.env = planted(folder, there)
        self.search = Search()
        self._inputs = {path for path in folder.rglob("*") if path.is_file()}

    def run(self, name: str, *more: str, instead: tuple[str, ...] = (), **env: str) -> Result:
        """One command, with its usual arguments or `instead` of them."""
        result = self._ran(*name.split(), *(instead or ARGUMENTS[name]), *more, env={**self.env, **env})
        title = f"{name} {' '.join(more)}".strip()
        self.search.codes[title] = result.code
        known = canaries(self.there, {**self.env, **env}, self.folder)
        self.search.canaries |= known
        for where, text in (("stdout", result.out), ("stderr", result.err), *self._files()):
            self._look(title, where, text, known)
        return result

    def _ran(self, *arguments: str, env: Mapping[str, str]) -> Result:
        try:
            return cli(*arguments, cwd=self.folder, env=env)
        except Exception:
            return Result(1, "", f"failed unexpectedly: {traceback.format_exc()}")

    def _files(self) -> Iterator[tuple[str, str]]:
        for path in self.folder.rglob("*"):
            if not path.is_file() or path in self._inputs:
                continue
            name = str(path.relative_to(self.folder))
            if path.name in SECRET_FILES or path.name.endswith(".key.pem"):
                mode = path.stat().st_mode & 0o777
                self.search.leaks += [f"{name} has mode {mode:o}"] if mode != 0o600 else []
            else:
                yield name, path.read_text(errors="replace")

    def _look(self, title: str, where: str, text: str, known: set[str]) -> None:
        self.search.outputs += 1
        self.search.comparisons += len(known)
        found = [form for secret in known for form in forms(secret) if form in text]
        found += JWT.findall(text) + ([PRIVATE] if PRIVATE in text and where != SPEC else [])
        found += ["a bug"] if BUG.search(text) else []
        self.search.leaks += [f"{title}: {where} holds {secret[:60]}" for secret in found]

    def log_in(self) -> None:
        """A user logs in at the application and connects an account: now there is something to exchange."""
        sandbox = open_sandbox(self.there.file)
        try:
            sandbox.connect("auth0|alice", "google-oauth2", client_id="Acme Assistant")
            self.env["AUTH0_SUBJECT_TOKEN"] = sandbox.issue_refresh_token("auth0|alice", "Acme Assistant")
            client = by_name(sandbox.export_state()["objects"]["clients"], "Acme Assistant")
        finally:
            sandbox.close()
        self.env["ASSISTANT_CLIENT_SECRET"] = client["client_secret"]

    # ---- the occasions

    def every_command(self, names: tuple[str, ...], **env: str) -> None:
        """These commands in every form."""
        for name, variants in commands().items():
            if name in names:
                for variant in variants:
                    self.run(name, *variant, **env)

    def when_things_go_wrong(self) -> None:
        """Refusals that repeat what was sent, wrong credentials, a broken spec, answers that are none."""
        spec_secrets = (self.env["CRM_CLIENT_SECRET"], APP_SECRET)
        self.there.reset(echo("POST", "*/connections", *spec_secrets))
        self.run("apply", "--debug")
        self.run("apply", "--json")
        self.there.reset(echo("POST", "/oauth/token", self.env["AUTH0_CLIENT_SECRET"]))
        for name in ("plan", "apply", "doctor", "export", "auth status", "output"):
            self.run(name, "--debug")
        for fault in ({"fault": "html"}, {"fault": 401}, {"fault": 403, "body": "scope"}, {"fault": 500}):
            self.there.reset({**fault, "path": "/api/v2/*", "times": None})
            self.run("plan", "--debug", "--max-wait", "1")
        self.there.reset({"fault": 503, "method": "POST", "when": "after", "path": "*/connections", "times": None})
        self.run("apply", "--debug", "--max-wait", "1")
        self.there.reset()
        self.run("plan", AUTH0_CLIENT_SECRET="canary-wrong-secret")
        self.run("plan", AUTH0_CLIENT_SECRET="", AUTH0_CLIENT_ASSERTION_PRIVATE_KEY="canary-not-a-key")
        self.run("plan", AUTH0_API_TOKEN="canary-api-token-ü\u2026")
        self.run("plan", AUTH0_API_TOKEN="canary-api-token\nX-Injected: 1")

    def with_a_token(self) -> None:
        """With an access token and a private key instead of a client secret, and answers that repeat the token."""
        token = "canary-api-token-0123456789"
        for status in (400, 401, 403, 500):
            self.there.reset({**echo("GET", "*", token), "fault": status})
            for name in ("plan", "auth status", "export"):
                self.run(name, "--debug", AUTH0_API_TOKEN=token)
        self.there.reset()
        self.run("auth status", AUTH0_CLIENT_SECRET="", AUTH0_CLIENT_ASSERTION_PRIVATE_KEY=_pem(_key()))


@cache
def _key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: Any) -> str:
    from cryptography.hazmat.primitives import serialization as s

    if hasattr(key, "public_key"):
        return str(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode())
    return str(key.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo).decode())


WORKER = ("nightly-sync", "google-oauth2", "--spec", SPEC, "-o", "provider.token", "--force", "--audit-context", "test")
OFFLINE = ("validate", "explain", "schema", "completion", "fleet validate", "operator crd", "operator run")
FLEETS = ("fleet plan", "fleet drift", "fleet doctor")
BEFORE = (*OFFLINE, "plan", "show", "graph", "doctor", "usage", "drift", "export", "snapshot", "auth status", *FLEETS)
AFTER = (*BEFORE, "output", "exchange", "init")


def searched(there: Bench, folder: Path) -> Search:
    """Every command before and after an apply, the apply itself, its accidents, and the end."""
    searching = Searching(there, folder)
    searching.every_command(BEFORE)
    searching.when_things_go_wrong()
    searching.with_a_token()
    searching.every_command(("fleet apply", "apply"))
    searching.log_in()
    searching.every_command(AFTER)
    searching.run("exchange", instead=(*WORKER, "--user", "auth0|alice", "--private-key", "keys/worker.key.pem"))
    searching.every_command(("destroy", "fleet destroy"))
    return searching.search


FORMS = (
    ("validate", SPEC),
    ("validate", SPEC, "--format", "json"),
    ("validate", SPEC, "--format", "github"),
    ("explain", "*", SPEC, "--format", "json"),
    ("plan", SPEC, "--sandbox=t.db", "--format", "markdown"),
)


def searched_references(folder: Path, fields: Iterable[str] = FIELDS, every: int = 1) -> Search:
    """Every field of a spec × every reference to a secret (or each nth), in the forms that tell of it."""
    search = Search()
    plant_files(folder)
    for field_name in fields:
        for title, reference in islice(references(), 0, None, every):
            write_spec(folder, spec_with(field_name, reference), SPEC)
            search.canaries.add(title)
            for form in FORMS:
                result = cli(*form, cwd=folder, env=ENVIRONMENT)
                search.outputs += 2
                search.comparisons += 2
                said = result.out + result.err
                found = [word for word in (CANARY, "failed unexpectedly") if word in said]
                search.leaks += [f"{title} at {field_name}: {' '.join(form)} holds {word}" for word in found]
    return search


def main() -> int:
    """Prints the figures and what leaked; 1 when anything did."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as state, tempfile.TemporaryDirectory() as folder, bench(Path(state)) as there:
        found = searched(there, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        read = searched_references(Path(folder))
    for leak in dict.fromkeys([*found.leaks, *read.leaks]):
        print(f"LEAK {leak}")
    print(f"leaks: {len(set(found.leaks))} of {len(found.canaries)} canaries × {found.outputs} outputs "
          f"({found.comparisons} searches)")  # fmt: skip
    print(f"references that show a secret: {len(set(read.leaks))} of {len(FIELDS)} fields × {len(read.canaries)} references "
          f"× {len(FORMS)} forms ({read.outputs} outputs)")  # fmt: skip
    return bool(found.leaks or read.leaks)


if __name__ == "__main__":
    sys.exit(main())
