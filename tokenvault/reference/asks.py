"""What each flavor asks of which object, and why: found by letting it ask for an application of the reference's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tokenvault.desired import Ask
from tokenvault.explain import in_words
from tokenvault.flavors import Flavor, Use, flavors
from tokenvault.keys import read_public_key
from tokenvault.kinds import kinds
from tokenvault.reference.table import code, table
from tokenvault.spec.model import ApiSpec, ApplicationSpec, ConnectionSpec, FlavorUse, Spec

_TENANT, _APP, _KEY = "<tenant>", "APP", "KID"


class _Apis(dict[str, ApiSpec]):
    """An API for whatever key a flavor's example names."""

    def __missing__(self, key: str) -> ApiSpec:
        return ApiSpec(
            key=key, identifier=f"https://{key}.acme.com", name=f"{key.title()} API", scopes={f"read:{key}": "Read"}
        )


def flavors_chapter() -> str:
    """A table of asks for each flavor."""
    head = (
        "## Flavors\n\nWhat each asks of which object of the tenant, for an application `APP` that uses the connection "
        "`google-oauth2`. What an object has besides stays as it is."
    )
    return "\n\n".join([head, *(_flavor(flavor) for flavor in flavors().values())])


def _flavor(flavor: Flavor) -> str:
    included = f" Includes {', '.join(code(name) for name in flavor.includes)}." if flavor.includes else ""
    types = f"For applications of type {', '.join(code(name) for name in sorted(flavor.types))}."
    rows = [
        (code(ask.target.address.replace(_kid(), _KEY)), code(ask.path), _want(ask), ask.why.reason)
        for ask in _asks(flavor)
    ]
    text = table(("Object", "Attribute", "What it must be", "Why"), rows)
    return f"### `{flavor.name}`\n\n{flavor.summary}{included} {types} [Auth0's page]({flavor.doc}).\n\n{text}"


def _want(ask: Ask) -> str:
    return in_words(ask.want).replace(_kid(), _KEY)


def _asks(flavor: Flavor) -> Iterator[Ask]:
    settings, problems = flavor.load(_examples(flavor), lambda file: _public_key())
    if problems := list(problems):
        raise ValueError(f"the examples of {flavor.name} are not valid: {problems[0].summary}")
    used = FlavorUse(name=flavor.name, settings=settings)
    app = ApplicationSpec(key=_APP, type=min(flavor.types), flavors=(used,), connections=("google-oauth2",))
    spec = Spec(
        name="reference",
        files=(),
        connections={"google-oauth2": ConnectionSpec(name="google-oauth2")},
        apis=_Apis(),
        applications={_APP: app},
    )
    yield from _known(flavor.expand(Use(spec=spec, app=app, flavor=used, domain=_TENANT)))


def _known(asks: Iterable[Ask]) -> Iterator[Ask]:
    """Asks about kinds that there are; anything else is a mistake that must not be published."""
    for ask in asks:
        kinds()[ask.target.kind]
        yield ask


def _examples(flavor: Flavor) -> dict[str, Any]:
    """The settings that the flavor's schema gives as examples."""
    properties = (flavor.schema or {}).get("properties", {})
    return {name: field["examples"][0] for name, field in properties.items() if field.get("examples")}


def _public_key() -> str:
    """A public key of nobody, the same each time."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = RSAPublicNumbers(65537, 2**2047 + 1).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _kid() -> str:
    return read_public_key(_public_key()).kid
