"""`tokenvault operator …`: tokenvault on Kubernetes."""

from __future__ import annotations

import typer

from tokenvault.cli.console import Console

app = typer.Typer(help="Kubernetes: objects of the kind TokenVault, each one spec on one tenant.", no_args_is_help=True)


@app.command()
def crd() -> None:
    """Print the CustomResourceDefinition, for `kubectl apply -f -`."""
    import yaml

    from tokenvault.operator.crd import crd

    Console().out(yaml.safe_dump(crd(), sort_keys=False, allow_unicode=True, width=120))
