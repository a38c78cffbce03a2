"""Terraform for Auth0 Token Vault, without the state file. The public Python API is `load_spec`, `make_plan` and `apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenvault.api import apply, load_spec, make_plan

__version__ = "0.1.0"
__all__ = ["__version__", "apply", "load_spec", "make_plan"]


def __getattr__(name: str) -> Any:
    """Loads the API when it is first used: the command line needs only the version."""
    if name in ("apply", "load_spec", "make_plan"):
        from tokenvault import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
