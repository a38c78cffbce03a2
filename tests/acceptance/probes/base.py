"""What a probe is, what it can say, and the table of all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.acceptance.api import Api, Untold
from tokenvault.sandbox.variants import VARIANTS


class Says(Enum):
    """The four ways in which an unknown can end."""

    AS_ASSUMED = "as assumed"
    OTHER = "other"
    UNTOLD = "could not be told"
    PERSON = "needs a person"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tenant does, in a sentence; the steps where a person has to do something first."""

    says: Says
    text: str
    steps: tuple[str, ...] = ()


def as_assumed(text: str) -> Verdict:
    """The tenant does what the sandbox does without a variant."""
    return Verdict(Says.AS_ASSUMED, text)


def other(text: str) -> Verdict:
    """The tenant does something else."""
    return Verdict(Says.OTHER, text)


def told(is_assumed: bool, assumed: str, otherwise: str) -> Verdict:
    """One of the two."""
    return as_assumed(assumed) if is_assumed else other(otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a person brings: an application that may exchange, and the token of a user who connected an account."""

    connection: str
    client_id: str
    client_secret: str
    subject_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One unknown. `steps` are for a person, whose `Login` the probe then takes; without them it needs nobody."""

    name: str
    usually: str
    instead: str
    known: str
    ask: Callable[..., Awaitable[Verdict]]
    steps: tuple[str, ...] = ()


PROBES: dict[str, Probe] = {}
Ask = Callable[..., Awaitable[Verdict]]


def probe(
    name: str, *, usually: str = "", instead: str = "", known: str = "nothing", steps: tuple[str, ...] = ()
) -> Callable[[Ask], Ask]:
    """Adds a function to the table. One that is called like a variant of the sandbox is about what that switches."""

    def register(ask: Ask) -> Ask:
        variant = VARIANTS.get(name)
        texts = (variant.usually, variant.instead, variant.known) if variant else (usually, instead, known)
        if name in PROBES or not all(texts):
            raise TypeError(f"the probe {name} is there twice, or does not say what it is about")
        PROBES[name] = Probe(name=name, usually=texts[0], instead=texts[1], known=texts[2], ask=ask, steps=steps)
        return ask

    return register


async def run_probe(api: Api, one: Probe, logins: Mapping[str, Login]) -> Verdict:
    """What the probe says; its objects are gone afterwards, whatever happened."""
    if one.steps and one.name not in logins:
        return Verdict(Says.PERSON, "a user has to log in and to connect an account", one.steps)
    before = len(api.journal.entries)
    with api.recorder.chapter(one.name):
        try:
            return await (one.ask(api, logins[one.name]) if one.steps else one.ask(api))
        except Untold as problem:
            return Verdict(Says.UNTOLD, str(problem))
        except (
            KeyError,
            TypeError,
            IndexError,
            ValueError,
        ) as problem:  # the answer has another form than any known one
            return Verdict(Says.UNTOLD, f"an answer was not understood ({type(problem).__name__} {problem})")
        finally:
            await api.take_away(since=before)


async def standing_api(api: Api, identifier: str) -> Any:
    """The API that the tenant had before, or None. A recording tells players to make it first."""
    found = await api.find_api(identifier)
    if found:
        api.recorder.seed("resource-servers", {"identifier": identifier}, {"id": found["id"]})
    return found


async def my_account_api(api: Api) -> tuple[Any, bool]:
    """The My Account API, and whether this run made it."""
    found = await standing_api(api, api.my_account)
    if found:
        return found, False
    answer = await api.create("resource-servers", {"identifier": api.my_account})
    if answer.status == 400:
        answer = await api.create(
            "resource-servers", {"identifier": api.my_account, "name": api.run.name("my-account")}
        )
    if not answer.ok:
        raise Untold(f"the My Account API could not be activated: {answer.said}")
    return answer.body, True


async def without_my_account_api(api: Api) -> None:
    """`Untold` where the tenant has one, which is not touched."""
    if await standing_api(api, api.my_account):
        raise Untold("the tenant has a My Account API, which this run does not touch; a tenant without one tells")
