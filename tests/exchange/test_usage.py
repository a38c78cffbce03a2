"""`tokenvault usage`: its programs run as they are printed, and nothing in them is more than text."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.support import Result, cli, served
from tests.world import API, ASSISTANT, SPA, WORKER, World
from tokenvault.exchange.sdks import SDKS
from tokenvault.exchange.usage import SECRET, Example, Signer
from tokenvault.flavors.runtime.request import ACCESS_TOKEN_REQUEST, REFRESH_TOKEN_REQUEST, ExchangeRequest

GOOGLE, USER = "google-oauth2", "auth0|alice"
COMMANDS = {"curl": ["sh"], "python": [sys.executable], "node": ["node"]}
ENDINGS = {"curl": "sh", "python": "py", "node": "js"}
LANGUAGES = [
    pytest.param(name, marks=pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is not here"))
    for name, tool in (("curl", "curl"), ("python", sys.executable), ("node", "node"))
]


class Served:
    """A world behind a port, with everything that its programs find in the environment."""

    def __init__(self, world: World, address: str, env: Mapping[str, str]) -> None:
        self.world, self.address, self.env = world, address, env

    def usage(self, *arguments: object) -> Result:
        env = {"AUTH0_API_TOKEN": "sandbox", "PROVIDER_SECRET": "x"}
        return cli("usage", *arguments, "--tenant", self.address, cwd=self.world.folder, env=env)

    def run(self, language: str, program: str, **env: str) -> subprocess.CompletedProcess[str]:
        file = self.world.folder / f"program.{ENDINGS[language]}"
        file.write_text(program)
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.world.folder), **self.env, **env}
        command = [*COMMANDS[language], str(file)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def running(template: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    world = template.copy(tmp_path_factory.mktemp("usage"))
    ids = {name: world.client(name)["client_id"] for name in (ASSISTANT, SPA)}
    env = {
        "ASSISTANT_CLIENT_SECRET": world.secret(ASSISTANT),
        "CALENDAR_API_CLIENT_SECRET": world.secret(API),
        "NIGHTLY_SYNC_PRIVATE_KEY_FILE": str(world.folder / "worker.key.pem"),
        "AUTH0_USER_ID": USER,
        "AUDIT_CONTEXT": "nightly sync",
    }
    for client_id in ids.values():
        world.sandbox.connect(USER, GOOGLE, client_id=client_id)
    world.sandbox.connect(USER, "acme-id", client_id=ids[ASSISTANT])
    subjects = {
        ASSISTANT: world.sandbox.issue_refresh_token(USER, ids[ASSISTANT]),
        SPA: world.sandbox.issue_access_token(USER, ids[SPA], API),
        WORKER: "",
    }
    (world.folder / "subjects.json").write_text(json.dumps(subjects))
    world.close()
    with served(world.folder / "tenant.db") as address:
        yield Served(world, address, env)


def subject(running: Served, application: str) -> str:
    found: str = json.loads((running.world.folder / "subjects.json").read_text())[application]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("application", [ASSISTANT, SPA, WORKER])
def test_programs_run_as_they_are_printed(running: Served, application: str, language: str) -> None:
    printed = running.usage("spec.yaml", application, "--lang", language)
    assert printed.code == 0, printed.err
    done = running.run(language, printed.out, AUTH0_SUBJECT_TOKEN=subject(running, application))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "calendar.events" in done.stdout and ("3599" in done.stdout)


@pytest.mark.parametrize("language", LANGUAGES)
def test_programs_end_with_what_auth0_says_when_it_declines(running: Served, language: str) -> None:
    printed = running.usage("spec.yaml", ASSISTANT, "--lang", language).out
    done = running.run(language, printed, AUTH0_SUBJECT_TOKEN="v1.wrong")
    assert done.returncode != 0 and "invalid_grant" in done.stdout + done.stderr


@pytest.fixture(scope="module", params=["RS384", "PS256"])
def two_keys(
    request: pytest.FixtureRequest, template: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A worker with two keys, the first of them signing with another algorithm than the second."""
    world = template.copy(tmp_path_factory.mktemp("keys"))
    world.make_key("second")
    spec = json.loads(json.dumps(world.spec))
    keys = [{"file": "second.pub.pem", "alg": request.param}, {"file": "worker.pub.pem"}]
    spec["applications"][WORKER]["flavors"][0]["privileged_worker"]["public_keys"] = keys
    world.write(spec)
    assert world.apply().code == 0
    world.sandbox.connect(USER, GOOGLE)
    world.close()
    env = {
        "NIGHTLY_SYNC_PRIVATE_KEY_FILE": str(world.folder / "second.key.pem"),
        "AUTH0_USER_ID": USER,
        "AUDIT_CONTEXT": "x",
    }
    with served(world.folder / "tenant.db") as address:
        yield Served(world, address, env)


@pytest.mark.parametrize("language", LANGUAGES)
def test_programs_sign_with_each_algorithm_and_name_the_key(two_keys: Served, language: str) -> None:
    done = two_keys.run(language, two_keys.usage("spec.yaml", WORKER, "--lang", language).out)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def with_basic(template: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An application that sends its secret in a header."""
    world = template.copy(tmp_path_factory.mktemp("basic"))
    world.patch_client(ASSISTANT, token_endpoint_auth_method="client_secret_basic")
    client_id = world.client(ASSISTANT)["client_id"]
    world.sandbox.connect(USER, GOOGLE, client_id=client_id)
    env = {"ASSISTANT_CLIENT_SECRET": world.secret(ASSISTANT)}
    env["AUTH0_SUBJECT_TOKEN"] = world.sandbox.issue_refresh_token(USER, client_id)
    world.close()
    with served(world.folder / "tenant.db") as address:
        yield Served(world, address, env)


@pytest.mark.parametrize("language", LANGUAGES)
def test_programs_use_the_header_where_the_application_does(with_basic: Served, language: str) -> None:
    program = with_basic.usage("spec.yaml", ASSISTANT, "--lang", language).out
    done = with_basic.run(language, program)
    assert "client_secret=" not in program
    assert done.returncode == 0, done.stdout + done.stderr


# ---- what is printed


def test_the_worker_asks_differently_from_the_others(running: Served) -> None:
    document = running.usage("spec.yaml", "--format", "json").json
    asked = {one["flavor"]: one["parameters"] for one in document["exchanges"]}
    token_types = {flavor: parameters["requested_token_type"].rsplit("/")[-1] for flavor, parameters in asked.items()}
    assert token_types == {
        "refresh_token_exchange": "federated-connection-access-token",
        "access_token_exchange": "federated-connection-access-token",
        "privileged_worker": "token-vault-access-token",
    }
    subjects = {flavor: parameters["subject_token_type"].rsplit(":")[-1] for flavor, parameters in asked.items()}
    assert set(subjects.values()) == {"refresh_token", "access_token", "jwt"}
    for program in next(o for o in document["exchanges"] if o["flavor"] == "privileged_worker")["programs"].values():
        for part in ("token-vault-req+jwt", "jti", "audit_context", "AUDIT_CONTEXT"):
            assert part in program


def test_ids_are_real_and_secrets_are_variables(running: Served) -> None:
    document = running.usage("spec.yaml", "--format", "json").json
    assert (document["format"], document["format_version"], document["offline"]) == ("tokenvault-usage", "1.1", False)
    exchange = next(one for one in document["exchanges"] if one["application"] == SPA)
    assert exchange["client_id"] != next(o for o in document["connecting"] if o["application"] == SPA)["client_id"]
    assert set(exchange["variables"]) == {"CALENDAR_API_CLIENT_SECRET", "AUTH0_SUBJECT_TOKEN"}
    everything = json.dumps(document)
    assert not [secret for secret in running.env.values() if len(secret) > 30 and secret in everything]
    assert all(one["documentation"].startswith("https://auth0.com/docs/") for one in document["exchanges"])


def test_how_users_connect_is_told_step_by_step(running: Served) -> None:
    printed = running.usage("spec.yaml", SPA).out
    for part in (
        "offline_access",
        f"audience={quote(API, safe='')}",
        "/me/v1/connected-accounts/connect",
        "/connected-accounts/complete",
    ):
        assert part in printed
    assert "connect an account" not in running.usage("spec.yaml", WORKER).out


def steps(world: World, tenant: str) -> list[str]:
    """How users of the SPA connect an account of a tenant that is not asked."""
    env = {"PROVIDER_SECRET": "x"}
    arguments = ("usage", "spec.yaml", SPA, "--offline", "--tenant", tenant, "--format", "json")
    document = cli(*arguments, cwd=world.folder, env=env).json
    (found,) = document["connecting"]
    told: list[str] = found["steps"]
    return told


@pytest.mark.parametrize(
    "callback", ["https://new.example/cb?a=b&c=#d", "http://localhost:3000/cb", "com.acme.app://{tenant}/cb +ü"]
)
def test_the_login_url_means_what_the_spec_says(template: World, tmp_path: Path, callback: str) -> None:
    world = template.copy(tmp_path)
    spec = json.loads(json.dumps(world.spec))
    spec["apis"]["calendar"]["identifier"] = "https://calendar.acme.example/?v=1&w=2"
    spec["applications"][SPA]["callbacks"] = [callback]
    world.write(spec)
    login, _, connect, *_ = (step.split("\n")[1:] for step in steps(world, "acme.eu.auth0.com"))
    query = parse_qs(urlsplit(login[0]).query, strict_parsing=True)
    assert query["redirect_uri"] == [callback]
    assert query["audience"] == ["https://calendar.acme.example/?v=1&w=2"]
    assert query["scope"] == ["openid profile offline_access"] and query["client_id"] == ["<CLIENT_ID>"]
    assert json.loads(connect[1])["redirect_uri"] == callback


def test_the_connect_request_asks_for_the_scopes_of_the_spec(template: World) -> None:
    """Scopes in the request replace those of the connection: a second feature's must not cost the first's."""
    connect = next(step for step in steps(template, "acme.eu.auth0.com") if "/connect\n" in step)
    begin = json.loads(connect.split("\n")[2])
    assert begin["scopes"] == template.spec["connections"][GOOGLE]["scopes"] and begin["connection"] == GOOGLE


def test_the_connect_request_is_for_the_connection_that_was_chosen(running: Served) -> None:
    document = running.usage("spec.yaml", ASSISTANT, "--connection", "github", "--json").json
    connect = next(step for step in document["connecting"][0]["steps"] if "/connect\n" in step)
    assert json.loads(connect.split("\n")[2]) == {
        "connection": "github",
        "redirect_uri": "https://assistant.acme.example/callback",
        "state": "...",
    }


STRICT = {
    "organizations": (
        {"organization_usage": "require", "organization_require_behavior": "no_prompt"},
        ["organization=<ORGANIZATION_ID>"],
    ),
    "pushed": (
        {"require_pushed_authorization_requests": True},
        ["/oauth/par", "redirect_uri=https://assistant.acme.example/callback", "request_uri=<REQUEST_URI>"],
    ),
    "possession": ({"require_proof_of_possession": True}, ["DPoP: <a proof", "requires DPoP"]),
}


@pytest.mark.parametrize("what", STRICT)
def test_what_the_application_requires_of_a_login_is_in_what_is_printed(world: World, what: str) -> None:
    patch, parts = STRICT[what]
    before = world.run("usage", "spec.yaml", ASSISTANT).out
    assert not [part for part in parts if part in before and not part.startswith("redirect_uri")]
    world.patch_client(ASSISTANT, **patch)
    printed = world.run("usage", "spec.yaml", ASSISTANT).out
    assert [part for part in parts if part not in printed.replace("\n#", "")] == []


def test_an_application_that_asks_for_the_organization_needs_none_in_the_request(world: World) -> None:
    world.patch_client(ASSISTANT, organization_usage="require", organization_require_behavior="pre_login_prompt")
    assert "organization=" not in world.run("usage", "spec.yaml", ASSISTANT).out


def test_a_pushed_request_holds_what_the_login_would(world: World) -> None:
    world.patch_client(ASSISTANT, require_pushed_authorization_requests=True)
    login = world.run("usage", "spec.yaml", ASSISTANT, "--json").json["connecting"][0]["steps"][1].split("\n")[1]
    assert set(parse_qs(urlsplit(login).query)) == {"client_id", "request_uri"}


def test_placeholders_stay_readable(template: World) -> None:
    assert "client_id=<CLIENT_ID>&" in steps(template, "acme.eu.auth0.com")[0]


def test_a_tenant_on_this_machine_is_spoken_to_as_its_programs_do(template: World) -> None:
    asked = [line for step in steps(template, "127.0.0.1:8765") for line in step.split("\n") if "://127.0.0.1" in line]
    requests = [line for line in asked if not line.strip().startswith("audience=")]
    assert len(requests) == 4 and all("http://127.0.0.1:8765/" in line for line in requests), requests
    assert [line for line in asked if line not in requests] == ["  audience=https://127.0.0.1:8765/me/"]


def test_another_connection_can_be_chosen(running: Served) -> None:
    printed = running.usage("spec.yaml", ASSISTANT, "--connection", "acme-id").out
    assert '"connection=acme-id"' in printed
    done = (
        running.run("curl", printed, AUTH0_SUBJECT_TOKEN=subject(running, ASSISTANT)) if shutil.which("curl") else None
    )
    assert done is None or done.returncode == 0, done.stdout


def test_without_credentials_ids_are_placeholders(template: World) -> None:
    for options in ((), ("--offline",)):
        result = cli("usage", "spec.yaml", *options, cwd=template.folder, env={"PROVIDER_SECRET": "x"})
        assert result.code == 0, result.err
        assert "client_id=<CLIENT_ID>" in result.out and "https://<YOUR_DOMAIN>/oauth/token" in result.out
    named = cli(
        "usage",
        "spec.yaml",
        "--tenant",
        "acme.eu.auth0.com",
        "--offline",
        cwd=template.folder,
        env={"PROVIDER_SECRET": "x"},
    )
    assert "https://acme.eu.auth0.com/oauth/token" in named.out


@pytest.mark.parametrize(
    ("name", "told"), [("asistant", 'Did you mean "assistant"?'), ("other", "The spec has: assistant")]
)
def test_an_unknown_application_is_told(template: World, name: str, told: str) -> None:
    result = cli("usage", "spec.yaml", name, "--offline", cwd=template.folder, env={"PROVIDER_SECRET": "x"})
    assert result.code == 1 and told in result.err
    missing = cli(
        "usage", "spec.yaml", "--connection", name, "--offline", cwd=template.folder, env={"PROVIDER_SECRET": "x"}
    )
    assert missing.code == 1 and "no connection" in missing.err


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_of_strangers_runs_nothing(running: Served, tmp_path: Path, language: str) -> None:
    """Client ids and domains that try to leave their quotes and comments."""
    from tokenvault.exchange.programs import usage_document
    from tokenvault.exchange.usage import SECRET, Connecting, Example, Signer
    from tokenvault.flavors.runtime.request import REFRESH_TOKEN_REQUEST

    pwned = running.world.folder / f"pwned-{language}"
    nasty = f"a\"'`$(touch {pwned})`touch {pwned}`\\\n; touch {pwned} \u2028touch('x') ${{x}} END"
    key = Signer(file="KEY", algorithm="RS256", kid=nasty)
    example = Example(
        application=nasty,
        flavor="refresh_token_exchange",
        client_id=nasty,
        connection=nasty,
        connections=(nasty, nasty + "2"),
        domain=running.address,
        base_url=f"http://{running.address}",
        request=REFRESH_TOKEN_REQUEST,
        proof=SECRET,
        prefix="ASSISTANT",
        key=key,
        authentication_key=key,
    )
    connecting = Connecting(
        application=nasty,
        client_id=nasty,
        domain=nasty,
        base_url=f"https://{nasty}",
        callback=nasty,
        audience=nasty,
        connections=(nasty,),
    )
    from tokenvault.render.exchange_text import usage_text

    document = usage_document("tenant", [example], [connecting], offline=False)
    done = running.run(language, usage_text(document, language), AUTH0_SUBJECT_TOKEN="x")
    assert "access_denied" in done.stdout + done.stderr, done.stdout + done.stderr
    assert not pwned.exists()


# ---- SDKs; `python -m tests.clients` runs their programs where the packages can be installed


SESSIONS = {"nextjs-auth0", "auth0-server-python"}
"""They have the subject token of the user's login themselves."""


def sdk_programs(document: dict[str, Any], application: str) -> dict[str, str]:
    exchange = next(one for one in document["exchanges"] if one["application"] == application)
    return {name: text for name, text in exchange["programs"].items() if name in SDKS}


def test_each_sdk_is_offered_for_the_exchanges_that_it_performs(running: Served) -> None:
    document = running.usage("spec.yaml", "--json").json
    both = {"auth0-ai", "auth0-ai-js", "vercel-ai", "auth0-auth-js"}
    assert set(sdk_programs(document, ASSISTANT)) == both | {"langchain", "langchain-js"} | SESSIONS
    assert set(sdk_programs(document, SPA)) == both | {"auth0-api-python"}
    assert sdk_programs(document, WORKER) == {}
    needs = document["exchanges"][0]["needs"]
    assert needs["langchain"].startswith("pip install auth0-ai-langchain==") and "@auth0/ai@" in needs["auth0-ai-js"]


def test_sdk_programs_name_the_scopes_and_the_variables(running: Served) -> None:
    for name, program in sdk_programs(running.usage("spec.yaml", "--json").json, ASSISTANT).items():
        asks = "TokenVault" in program or "Token_vault" in program or "token_vault" in program or name == "nextjs-auth0"
        assert ("calendar.events" in program) == asks and "ASSISTANT_CLIENT_SECRET" in program, name
        assert ("AUTH0_SUBJECT_TOKEN" in program) != (name in SESSIONS)


def test_what_an_sdk_does_not_perform_is_said(running: Served) -> None:
    printed = running.usage("spec.yaml", WORKER, "--lang", "langchain").out
    assert "langchain does not perform this exchange" in printed and "--lang curl, python, node." in printed
    assert all(line.startswith("#") for line in printed.splitlines() if line)


@pytest.mark.parametrize("request_", [REFRESH_TOKEN_REQUEST, ACCESS_TOKEN_REQUEST], ids=["refresh", "access"])
@pytest.mark.parametrize("name", SDKS)
def test_text_of_strangers_stays_inside_the_quotes_of_an_sdks_program(
    tmp_path: Path, name: str, request_: ExchangeRequest
) -> None:
    nasty = "a\"'`$(touch x)`\\\n; touch(\u2028) ${x} */ END"
    key = Signer(file="KEY", algorithm="RS256", kid=nasty)
    example = Example(
        application=nasty, flavor="refresh_token_exchange", client_id=nasty, connection=nasty, connections=(nasty,),
        domain=nasty, base_url="https://x.example", request=request_, proof=SECRET, prefix="ASSISTANT", key=key,
        authentication_key=key, scopes=(nasty,), api=nasty,
    )  # fmt: skip
    if not SDKS[name].serves(example):
        return
    program = SDKS[name].program(example)
    if SDKS[name].install.startswith("pip "):
        constants = {node.value for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Constant)}
        assert nasty in constants
    elif shutil.which("node"):
        file = tmp_path / "program.mjs"
        file.write_text(program)
        assert subprocess.run(["node", "--check", file], check=False, capture_output=True).returncode == 0
