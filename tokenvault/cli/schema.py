"""`tokenvault schema`."""

from __future__ import annotations

from tokenvault.cli.console import Console


def schema() -> None:
    """Print the JSON Schema of a spec, for editors and other tools."""
    import json

    from tokenvault.spec.schema import spec_schema

    Console().out(json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n")
