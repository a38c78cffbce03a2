"""Proof key for code exchange (RFC 7636)."""

from __future__ import annotations

import hashlib
import hmac

from .keys import base64url

METHODS = ("S256", "plain")


def matches(verifier: str, challenge: str, method: str | None) -> bool:
    """Whether the challenge was made of this verifier."""
    plain = verifier.encode(errors="replace")
    made = base64url(hashlib.sha256(plain).digest()).encode() if method == "S256" else plain
    return hmac.compare_digest(made, challenge.encode(errors="replace"))
