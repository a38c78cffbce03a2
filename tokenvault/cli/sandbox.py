"""`tokenvault sandbox …`: the simulated tenant as a server, and what one does to its state from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenvault.cli.console import Console
from tokenvault.errors import Diagnostic, RefusedError, did_you_mean
from tokenvault.text import json_page

if TYPE_CHECKING:
    from tokenvault.sandbox import Sandbox
    from tokenvault.sandbox.certificate import Files
    from tokenvault.sandbox.errors import OAuthError

DEFAULT_STATE = Path(".tokenvault/sandbox.db")
app = typer.Typer(help="A simulated Auth0 tenant: serve it, reset it, look at it.", no_args_is_help=True)

State = Annotated[Path, typer.Option("--state", metavar="PATH", help="The file that holds the tenant.")]
Empty = Annotated[bool, typer.Option("--empty", help="A bare tenant instead of the sample company.")]
Variants = Annotated[
    list[str] | None,
    typer.Option(
        "--variant", metavar="NAME", help="Another way of the server to behave; `sandbox variants` lists them."
    ),
]


@contextmanager
def _opened(
    state: Path, *, empty: bool = False, scopes: str | None = None, variants: list[str] | None = None
) -> Iterator[Sandbox]:
    from tokenvault.sandbox import open_sandbox
    from tokenvault.tenant.connect import file_troubles

    with file_troubles():
        allowed = scopes.replace(",", " ").split() if scopes else None
        sandbox = open_sandbox(state, empty=empty, scopes=allowed, variants=variants)
        with closing(sandbox):
            yield sandbox


def _print(document: Any) -> None:
    Console().out(json_page(document))


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one.")] = 0,
    state: State = DEFAULT_STATE,
    empty: Empty = False,
    scopes: Annotated[str | None, typer.Option(help="What the token `sandbox` may do; default everything.")] = None,
    latency_ms: Annotated[float, typer.Option(min=0, help="Delay of every answer.")] = 0,
    rate_limit: Annotated[
        str | None,
        typer.Option(metavar="RPS[:BURST]", help="Also clients=…,connections=…,rest=… for separate budgets."),
    ] = None,
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="Rules of what goes wrong, as JSON.")] = None,
    name: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Also be the tenant of this name; may be repeated.")
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Speak TLS too, on the same port, with a certificate of its own.")
    ] = False,
    variant: Variants = None,
) -> None:
    """Serve the tenant on a loopback port (AUTH0_DOMAIN=127.0.0.1:PORT, token `sandbox`)."""
    from tokenvault.sandbox import server

    if empty and state.exists():
        Console().err(
            f"Warning: {state} holds a tenant already and is served as it is; `sandbox reset --empty` empties it.\n"
        )
    names = _names(name or [])
    with _opened(state, empty=empty, scopes=scopes, variants=variant) as sandbox:
        sandbox.traffic.latency = latency_ms / 1000
        _shape(sandbox, rate_limit, faults)
        try:
            listener = server.listen(port)
        except OSError as problem:
            raise typer.BadParameter(f"port {port}: {problem.strerror}", param_hint="--port") from problem
        certificate = _certificate(state, names) if tls else None
        server.run(sandbox, listener, names, certificate)


def _names(names: list[str]) -> list[str]:
    from tokenvault.sandbox.server import check_name

    try:
        return [check_name(name) for name in names]
    except ValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--name") from problem


def _certificate(state: Path, names: list[str]) -> Files:
    from tokenvault.sandbox import certificate

    hosts = [name.partition(":")[0] for name in names]
    try:
        files = certificate.ensure(certificate.folder_of(state), hosts)
    except OSError as problem:
        raise typer.BadParameter(f"the certificate cannot be written: {problem}", param_hint="--tls") from problem
    authority = files.authority.resolve()
    Console().err(
        f"To trust its certificate, which is for {', '.join([*hosts, 'localhost'])} on this machine alone:\n"
        f"  curl        --cacert {authority}\n"
        f"  Python      SSL_CERT_FILE={authority} REQUESTS_CA_BUNDLE={authority}\n"
        f"  Node.js     NODE_EXTRA_CA_CERTS={authority}\n"
        f"  browsers    import {authority} as an authority\n"
        + "".join(f"{host} must lead here: put `127.0.0.1 {host}` into the hosts file\n" for host in hosts)
    )
    return files


def _shape(sandbox: Sandbox, rate_limit: str | None, faults: Path | None) -> None:
    from tokenvault.sandbox.faults import parse_rules
    from tokenvault.sandbox.throttle import parse_rate_limit

    try:
        if rate_limit:
            sandbox.traffic.rate_limit = parse_rate_limit(rate_limit)
        if faults:
            sandbox.traffic.faults.replace(parse_rules(json.loads(faults.read_text())))
    except (OSError, ValueError) as problem:
        raise typer.BadParameter(str(problem)) from problem


@app.command()
def reset(state: State = DEFAULT_STATE, empty: Empty = False, variant: Variants = None) -> None:
    """Start over: the sample company, or a bare tenant. Variants are kept in the file."""
    with _opened(state, empty=empty) as sandbox:
        sandbox.reset(empty=empty, variants=variant or ())
    Console().err(f"{state}: {'a bare tenant' if empty else 'the sample company'}\n")


@app.command()
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A state as `sandbox show` prints it.")],
    state: State = DEFAULT_STATE,
) -> None:
    """Replace the tenant by a saved state."""
    try:
        document = json.loads(file.read_text())
        with _opened(state) as sandbox:
            sandbox.load_state(document)
    except (OSError, ValueError, RecursionError) as problem:
        raise typer.BadParameter(f"{file}: {problem}", param_hint="FILE") from problem
    Console().err(f"{state}: loaded from {file}\n")


@app.command()
def show(
    state: State = DEFAULT_STATE,
    reveal_secrets: Annotated[
        bool, typer.Option("--reveal-secrets", help="Also what is secret, real or fake.")
    ] = False,
) -> None:
    """Print the whole state as JSON, secrets hidden."""
    with _opened(state) as sandbox:
        _print(sandbox.export_state(masked=not reveal_secrets))


class Form(StrEnum):
    """The forms that variants are listed in."""

    TEXT = "text"
    JSON = "json"


@app.command("variants")
def list_variants(
    form: Annotated[Form, typer.Option("--format", help="How to show them.")] = Form.TEXT,
) -> None:
    """List what nobody has seen a real tenant do: the switches of `--variant` and $TOKENVAULT_SANDBOX_VARIANTS."""

    from tokenvault.sandbox.variants import VARIANTS

    if form is Form.JSON:
        _print([asdict(variant) for variant in VARIANTS.values()])
        return
    for variant in VARIANTS.values():
        lines = (f"usually  {variant.usually}", f"instead  {variant.instead}", f"known    {variant.known}")
        Console().out("\n  ".join((variant.name, *lines)) + "\n\n")


@app.command()
def connect(
    user: Annotated[str, typer.Argument(metavar="USER", help="A user id, as auth0|alice; made up when new.")],
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection's name.")],
    client: Annotated[
        str | None,
        typer.Option(metavar="CLIENT", help="Application (id or name) that connects; its token is printed."),
    ] = None,
    audience: Annotated[
        str | None, typer.Option(metavar="API", help="Also print an access token of the client for this API.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="Provider scopes; default the connection's.")
    ] = None,
    login_hint: Annotated[str | None, typer.Option(metavar="HINT", help="Names this account among several.")] = None,
    state: State = DEFAULT_STATE,
) -> None:
    """Plant a user with a connected account, and mint the subject tokens for an exchange."""
    from tokenvault.sandbox.errors import OAuthError

    with _opened(state) as sandbox:
        try:
            account = sandbox.connect(user, connection, scopes=scope, client_id=client, login_hint=login_hint)
            result: dict[str, Any] = {name: account[name] for name in ("user_id", "id", "connection", "scopes")}
            result["provider_refresh_token"] = account["refresh_token"]
            result |= _subject_tokens(sandbox, user, client, audience)
        except OAuthError as refusal:
            raise RefusedError(_refused(sandbox, refusal, client)) from None
    _print(result)


def _refused(sandbox: Sandbox, refusal: OAuthError, client: str | None) -> Diagnostic:
    """Why nothing was connected; of an application that is not there, which ones are."""
    names = sorted(str(each.get("name")) for each in sandbox.export_state()["objects"]["clients"].values())
    hint = ""
    if client and refusal.description == f"Unknown client: {client}":
        hint = (
            did_you_mean(client, names) or f"The sandbox has: {', '.join(names[:20])}. --client takes an id or a name."
        )
    summary = f"The sandbox refuses it ({refusal.error}): {refusal.description}"
    return Diagnostic(code="sandbox-refused", summary=summary, hint=hint or "A real tenant would refuse it, too.")


def _subject_tokens(sandbox: Sandbox, user: str, client: str | None, audience: str | None) -> dict[str, str]:
    tokens: dict[str, str] = {}
    if client:
        tokens["refresh_token"] = sandbox.issue_refresh_token(user, client)
    if client and audience:
        tokens["access_token"] = sandbox.issue_access_token(user, client, audience)
    return tokens
