"""Terraform for Auth0 Token Vault, without the state file. What is public in Python stands in `tokenvault.api`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenvault.api import (
        apply,
        destroy,
        diagnose,
        find_drift,
        load_plan,
        load_spec,
        load_spec_text,
        make_destroy_plan,
        make_plan,
        save_plan,
        show,
    )

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "apply",
    "destroy",
    "diagnose",
    "find_drift",
    "load_plan",
    "load_spec",
    "load_spec_text",
    "make_destroy_plan",
    "make_plan",
    "save_plan",
    "show",
]


def __getattr__(name: str) -> Any:
    """Loads the API when it is first used: the command line needs only the version."""
    if name in __all__:
        from tokenvault import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
