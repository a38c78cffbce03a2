"""Waiting: how long a plan's requests take when answers are slow, and when only few are let through."""

from __future__ import annotations

from typing import Any

from tests.bench.figures import Figure
from tests.bench.lab import Lab

LATENCY = 0.1
RATE = 2.0
ESSENTIALS = "clients=1.667:5,connections=0.833:5,rest=2.5:10"
SLOW = Figure(name="empty plan, 100 × 10, 100 ms an answer, over the longest chain", unit="×", at_most=1.25)
FEW = Figure(name="empty plan, 100 × 10, 2 requests a second, over requests ÷ 2", unit="×", at_most=1.1)
FEW_REFUSED = Figure(name="the same, refused after the first window", unit="requests", at_most=0)
APART = Figure(name="empty plan, 100 × 10, Essentials' limits, over what they bear", unit="×", at_most=1.5)
APART_REFUSED = Figure(name="the same, refused", unit="requests", at_most=0)
Requests = list[dict[str, Any]]


def latency(lab: Lab) -> dict[Figure, float]:
    """One run where answers are slow and as many may be asked for as one likes."""
    spec, state = lab.spec(100, 10), lab.settled(100, 10)
    with lab.serve(state, "--latency-ms", LATENCY * 1000) as tenant:
        lab.well("plan", spec, "--detailed-exitcode", env=tenant.env)
        whole = tenant.requests()
        first = tenant.get("connections?take=100")["connections"][0]
        tenant.get(f"connections/{first['id']}/clients?take=1000")
        chain = tenant.requests()
    return {SLOW: (span(whole) + LATENCY) / (span(chain) + LATENCY)}


def limits(lab: Lab) -> dict[Figure, float]:
    """One run under each of the rate limits of Auth0's smaller plans."""
    few = requests_of_plan(lab, "--rate-limit", f"{RATE:g}:2")
    apart = requests_of_plan(lab, "--rate-limit", ESSENTIALS)
    connections = sum("/connections" in request["path"] for request in apart)
    return {
        FEW: span(few) / (len(few) / RATE),
        FEW_REFUSED: len(refused(few, after=few[0]["at"] + 1)),
        APART: span(apart) / ((connections - 5) / 0.833),
        APART_REFUSED: len(refused(apart)),
    }


def requests_of_plan(lab: Lab, *options: object) -> Requests:
    """What the sandbox was asked by an empty plan of 100 × 10."""
    spec, state = lab.spec(100, 10), lab.settled(100, 10)
    with lab.serve(state, *options) as tenant:
        lab.well("plan", spec, "--detailed-exitcode", env=tenant.env)
        return tenant.requests()


def span(requests: Requests) -> float:
    """Seconds from the first answer to the last."""
    return float(requests[-1]["at"] - requests[0]["at"])


def refused(requests: Requests, *, after: float = 0) -> Requests:
    """The requests that were too many."""
    return [request for request in requests if request["status"] == 429 and request["at"] > after]
