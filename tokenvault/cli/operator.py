"""`tokenvault operator …`: tokenvault on Kubernetes."""

from __future__ import annotations

import os
import uuid
from typing import Annotated

import typer

from tokenvault.cli.console import Console
from tokenvault.cli.options import TextOrJson
from tokenvault.errors import Diagnostic, RefusedError

app = typer.Typer(help="Kubernetes: objects of the kind TokenVault, each one spec on one tenant.", no_args_is_help=True)


@app.command()
def run(
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace", "-n", metavar="NAME", help="Serve this namespace; may be repeated. Default: its own."
        ),
    ] = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Serve every namespace.")] = False,
    kubeconfig: Annotated[
        str | None,
        typer.Option(envvar="KUBECONFIG", metavar="FILE", help="How to reach the API server, outside of a pod."),
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where /healthz, /readyz and /metrics are.")
    ] = "127.0.0.1:8080",
    identity: Annotated[
        str | None,
        typer.Option(envvar="POD_NAME", metavar="NAME", help="The name of this replica. Default: a new one."),
    ] = None,
    lease_namespace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where the Lease of the replicas is. Default: its own namespace.")
    ] = None,
    parallel: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many objects are reconciled side by side.")
    ] = 8,
    log_format: Annotated[TextOrJson, typer.Option("--log-format", help="The form of the logs on stderr.")] = "json",
) -> None:
    """Run the operator: reconcile every TokenVault object of the namespace with its tenant, until stopped.

    Of several replicas one works and the others wait. Needs the extra: pip install "auth0-tokenvault[operator]".
    """
    import asyncio
    import socket

    try:
        from tokenvault.operator.run import Settings
        from tokenvault.operator.run import run as run_operator
        from tokenvault.operator.telemetry import configure
    except ModuleNotFoundError as missing:
        raise RefusedError(_no_extra(missing)) from None
    if kubeconfig:
        os.environ["KUBECONFIG"] = kubeconfig
    host, port = _address(listen)
    configure(text=log_format == "text")
    settings = Settings(
        namespaces=tuple(namespace or ()),
        everywhere=all_namespaces,
        host=host,
        port=port,
        identity=identity or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
        lease_namespace=lease_namespace or "",
        parallel=parallel,
    )
    asyncio.run(run_operator(settings))


def _no_extra(missing: ModuleNotFoundError) -> Diagnostic:
    hint = 'Install it: pip install "auth0-tokenvault[operator]".'
    return Diagnostic(
        code="operator-extra", summary=f"The operator needs {missing.name}, which is not installed", hint=hint
    )


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        summary = f"--listen {listen} is not HOST:PORT"
        raise RefusedError(Diagnostic(code="operator-port", summary=summary, hint="For example 0.0.0.0:8080."))
    return host.strip("[]"), int(port)


@app.command()
def crd() -> None:
    """Print the CustomResourceDefinition, for `kubectl apply -f -`."""
    import yaml

    from tokenvault.operator.crd import crd

    Console().out(yaml.safe_dump(crd(), sort_keys=False, allow_unicode=True, width=120))
