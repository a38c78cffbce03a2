"""The options of `init`: one for every question that it asks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokenvault.cli.completion import flavors
from tokenvault.cli.options import DEFAULT_SPEC

APPLICATION, FLAVORS, RESULT = "Application", "Flavors and connections", "Result"
Many = list[str] | None

AppName = Annotated[
    str | None,
    typer.Option("--app-name", metavar="NAME", help="Create an application of this name.", rich_help_panel=APPLICATION),
]
ClientIds = Annotated[
    Many,
    typer.Option("--client-id", metavar="ID", help="Adopt this application. Repeatable.", rich_help_panel=APPLICATION),
]
Type = Annotated[
    str | None,
    typer.Option("--type", metavar="TYPE", help="regular_web, m2m, spa or native.", rich_help_panel=APPLICATION),
]
Callbacks = Annotated[
    Many,
    typer.Option("--callback", metavar="URL", help="A callback URL. Repeatable.", rich_help_panel=APPLICATION),
]
LogoutUrls = Annotated[
    Many,
    typer.Option("--logout-url", metavar="URL", help="A logout URL. Repeatable.", rich_help_panel=APPLICATION),
]
FlavorNames = Annotated[
    Many,
    typer.Option(
        "--flavor",
        metavar="NAME",
        help="A Token Vault flavor. Repeatable.",
        rich_help_panel=FLAVORS,
        autocompletion=flavors,
    ),
]
Connections = Annotated[
    Many,
    typer.Option(
        "--connection",
        metavar="NAME[=SCOPE,…]",
        help="A connection that it uses, and scopes to add to it; NAME= uses it as it is. Repeatable.",
        rich_help_panel=FLAVORS,
    ),
]
ApiIdentifier = Annotated[
    str | None,
    typer.Option(
        "--api-identifier", metavar="URI", help="The API whose access tokens are exchanged.", rich_help_panel=FLAVORS
    ),
]
ApiName = Annotated[
    str | None, typer.Option("--api-name", metavar="NAME", help="The API's name.", rich_help_panel=FLAVORS)
]
ApiClientName = Annotated[
    str | None,
    typer.Option(
        "--api-client-name", metavar="NAME", help="The name of its Custom API Client.", rich_help_panel=FLAVORS
    ),
]
Authentication = Annotated[
    str | None,
    typer.Option(
        "--authentication",
        metavar="HOW",
        help="How a worker authenticates: private_key_jwt or client_secret_post.",
        rich_help_panel=FLAVORS,
    ),
]
PublicKeys = Annotated[
    Many,
    typer.Option("--public-key", metavar="FILE", help="A worker's public key, as PEM.", rich_help_panel=FLAVORS),
]
GenerateKey = Annotated[
    bool,
    typer.Option("--generate-key", help="Make an RSA key pair for the worker, in keys/.", rich_help_panel=FLAVORS),
]
Ips = Annotated[
    Many,
    typer.Option("--ip", metavar="ADDRESS", help="An address or network of the worker.", rich_help_panel=FLAVORS),
]
Grants = Annotated[
    Many,
    typer.Option(
        "--grant",
        metavar="NAME=SCOPE,…",
        help="A connection and the scopes that the worker may get of it. Repeatable.",
        rich_help_panel=FLAVORS,
    ),
]
Sets = Annotated[
    Many,
    typer.Option(
        "--set", metavar="FLAVOR.SETTING=VALUE", help="Any other setting of a flavor, as YAML.", rich_help_panel=FLAVORS
    ),
]
SpecName = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME", help="The spec's name; default after the application.", rich_help_panel=RESULT
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Where the spec goes.", rich_help_panel=RESULT)
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file that is there.", rich_help_panel=RESULT)]
NoInput = Annotated[bool, typer.Option("--no-input", help="Ask nothing: the flags say it all.", rich_help_panel=RESULT)]
DEFAULT_OUTPUT = Path(DEFAULT_SPEC)
