"""Rate limits like Auth0's: token buckets with `x-ratelimit-*` headers.

    "2"                                       two a second, burst of two
    "2:10"                                    two a second, burst of ten
    "clients=1.6:5,connections=0.8:5,rest=2.5:10"   one bucket for reads of each, one for everything else

/oauth/token has no limit here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .routing import Reply

GROUPS = ("clients", "connections", "rest")


@dataclass(slots=True)
class Bucket:
    """So many requests at once, so many a second after that."""

    per_second: float
    burst: int
    tokens: float = field(init=False)
    at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, now: float) -> bool:
        """Whether the request may pass."""
        refilled = max(0.0, now - self.at) * self.per_second if self.at else 0.0
        self.tokens, self.at = min(self.burst, self.tokens + refilled), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def headers(self, now: float) -> dict[str, str]:
        """What Auth0 tells about the limit; `reset` is when the next request may pass, or the bucket is full."""
        missing = 1 - self.tokens if self.tokens < 1 else self.burst - self.tokens
        return {
            "x-ratelimit-limit": str(self.burst),
            "x-ratelimit-remaining": str(int(self.tokens)),
            "x-ratelimit-reset": str(math.ceil(now + missing / self.per_second)),
        }


class RateLimit:
    """The buckets of a tenant."""

    def __init__(self, buckets: dict[str, Bucket]) -> None:
        self._buckets = buckets

    def admit(self, method: str, path: str, now: float) -> tuple[Reply | None, dict[str, str]]:
        """A 429 or None, and the headers for whichever answer."""
        if not path.startswith("/api/v2/"):
            return None, {}
        bucket = self._buckets.get(_group(method, path)) or self._buckets["rest"]
        passed = bucket.take(now)
        headers = bucket.headers(now)
        return (None if passed else too_many_requests(headers)), headers


def _group(method: str, path: str) -> str:
    collection = path.removeprefix("/api/v2/").split("/")[0]
    return collection if method == "GET" and collection in GROUPS else "rest"


def too_many_requests(headers: dict[str, str]) -> Reply:
    """The 429 of the Management API."""
    body = {
        "statusCode": 429,
        "error": "Too Many Requests",
        "message": "Global limit has been reached",
        "errorCode": "too_many_requests",
    }
    return Reply(429, body, headers)


def parse_rate_limit(text: str) -> RateLimit:
    """The limit that a command-line option describes; raises ValueError."""
    buckets: dict[str, Bucket] = {}
    for part in text.split(","):
        group, _, rate = part.strip().rpartition("=")
        per_second, _, burst = rate.partition(":")
        bucket = Bucket(float(per_second), int(burst) if burst else max(1, int(float(per_second))))
        if (group or "rest") not in GROUPS or bucket.per_second <= 0 or bucket.burst < 1:
            raise ValueError(f"not a rate limit: {part}")
        buckets[group or "rest"] = bucket
    if "rest" not in buckets:
        raise ValueError("a rate limit needs a rate for the rest")
    return RateLimit(buckets)
