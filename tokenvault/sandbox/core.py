"""The sandbox as an object: opens the file, seeds it, exports and loads its state, and holds the ASGI application."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from . import DOMAIN, TOKEN, auth, login, tenant
from .aliases import Alias, Names
from .auth import ALL_SCOPES
from .store import Document, Store, Transaction
from .traffic import Traffic
from .variants import chosen, from_environment

STATE_VERSION = 1


def _check_state(state: Any) -> None:
    problem = ValueError("not a sandbox state, or of another version")
    if not isinstance(state, dict) or state.get("version") != STATE_VERSION or not isinstance(state.get("domain"), str):
        raise problem
    objects = state.get("objects")
    if not isinstance(objects, dict) or not all(isinstance(documents, dict) for documents in objects.values()):
        raise problem
    if not all(isinstance(doc, dict) for documents in objects.values() for doc in documents.values()):
        raise problem
    if "identity" not in objects.get("tenant", {}):
        raise problem


class Sandbox:
    """One simulated tenant. Safe to use from several threads, and with other processes on the same file."""

    def __init__(
        self,
        path: Path | str,
        *,
        empty: bool = False,
        domain: str = DOMAIN,
        scopes: Collection[str] | None = None,
        variants: Collection[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = Store(path, from_environment(os.environ) if variants is None else chosen(variants))
        self.clock = clock
        self.token = TOKEN
        self.traffic = Traffic()
        self.scopes = ALL_SCOPES if scopes is None else frozenset(scopes)
        with self.store.write() as tx:
            if tx.get("tenant", "identity") is None:
                self._plant(tx, domain, empty)
            identity = tx.get("tenant", "identity") or {}
        self.canonical_domain = str(identity["domain"])
        self.domain = domain
        self.served_as: tuple[str, ...] = tuple(identity.get("names", ()))

    def _plant(self, tx: Any, domain: str, empty: bool) -> None:
        tenant.plant_bare_tenant(tx, domain)
        if not empty:
            tenant.plant_sample_company(tx, domain, self.clock())

    @property
    def names(self) -> Names:
        """Every name that this tenant answers to."""
        return Names(self.canonical_domain, self.domain, self.served_as)

    def serve_as(self, names: Sequence[str]) -> None:
        """Answer to these names, too; they are kept, so that another process knows them."""
        self.served_as = tuple(dict.fromkeys(names))
        with self.store.write() as tx:
            self._keep_names(tx)

    def _keep_names(self, tx: Transaction) -> None:
        identity = tx.get("tenant", "identity") or {}
        if self.served_as != tuple(identity.get("names", ())):
            tx.put("tenant", "identity", {**identity, "names": list(self.served_as)})

    def ensure_signing_key(self) -> None:
        """Make the key that tokens are signed with, unless the tenant has one."""
        with self.store.read() as tx:
            there = auth.has_key(tx)
        if not there:
            with self.store.write() as tx:
                auth.ensure_key(tx)

    @cached_property
    def app(self) -> ASGIApp:
        """The tenant as an ASGI application."""
        from .app import build_app

        return build_app(self)

    def export_state(self, *, masked: bool = False) -> dict[str, Any]:
        """The whole state: kind → key → object, kinds sorted, objects in order of creation; secrets hidden if asked."""
        with self.store.read() as tx:
            objects = {kind: held for kind, held in tx.dump().items() if kind != auth.SIGNING_KEYS}
        objects = masked_state(objects) if masked else objects
        return {"version": STATE_VERSION, "domain": self.canonical_domain, "objects": objects}

    def load_state(self, state: dict[str, Any]) -> None:
        """Replace everything by an exported state; raises ValueError when it is none.

        Where the state hides a secret, the tenant keeps its own or gets a new one.
        """
        _check_state(state)
        with self.store.write() as tx:
            held = tx.dump()
            objects = unmasked_state(state["objects"], held)
            tx.clear()
            for kind, documents in objects.items():
                for key, doc in documents.items():
                    tx.put(kind, key, doc)
            self._keep_names(tx)
        self.canonical_domain = str(state["domain"])

    def reset(self, *, empty: bool = False, variants: Collection[str] = ()) -> None:
        """Start over: the sample company, or with `empty` a bare tenant; from now on it behaves by these variants."""
        names = sorted(chosen(variants))
        with self.store.write() as tx:
            tx.clear()
            self._plant(tx, self.canonical_domain, empty)
            self._keep_names(tx)
            if names:
                tx.put("tenant", "variants", {"names": names})

    # ---- what happens in a browser at a real tenant

    def connect(
        self,
        user: str,
        connection: str,
        *,
        scopes: Sequence[str] | None = None,
        client_id: str | None = None,
        login_hint: str | None = None,
    ) -> dict[str, Any]:
        """Plant a user with an account connected through this connection, as its provider would leave it.

        With a client (id or name) it is judged whether that application could have run the connect flow. Raises
        OAuthError with the reason for which the user would have been turned away.
        """
        with self.store.write() as tx:
            return login.connect(
                tx, user, connection, self.clock(), domain=self.canonical_domain,
                client_id=client_id, scopes=scopes, login_hint=login_hint,
            )  # fmt: skip

    def issue_refresh_token(self, user: str, client_id: str, *, audience: str | None = None) -> str:
        """The refresh token of a login with offline_access at this application; raises OAuthError when refused."""
        with self.store.write() as tx:
            canonical = self._alias(audience).inward_value(audience) if audience else None
            return login.issue_refresh_token(tx, user, client_id, self.clock(), canonical)

    def issue_access_token(self, user: str, client_id: str, audience: str) -> str:
        """The access token of a login for this API; raises OAuthError when refused.

        Its issuer is the tenant by the name that the audience shows, else by the one it is served under.
        """
        alias = self._alias(audience)
        self.ensure_signing_key()
        with self.store.write() as tx:
            return login.issue_access_token(
                tx, user, client_id, alias.inward_value(audience), self.clock(), alias=alias
            )

    def _alias(self, audience: str) -> Alias:
        return self.names.alias_of(audience) or self.names.preferred()

    def close(self) -> None:
        """Close the file."""
        self.store.close()


# ---- what of a tenant's state is shown to people: everything but secrets


# Whoever tries a spec on a sandbox gives it real secrets of real providers, and tokens of the tenant open what stands in
# it. A masked state can be loaded: `unmasked_state` keeps what the tenant already has, or makes a new secret.
MASK = "(secret)"
MASKED = re.compile(r"\(secret\)( \d+)?")
State = Mapping[str, Mapping[str, Document]]

# Fields by their names, whatever they are in; the values of some objects are all secret.
SECRET = re.compile(
    r"secret$|password$|passphrase$|private_?key$|api_?key$|sas_?key$|master_?key$|access_?key$|signing_?key$"
    r"|^key$|(^|_)token$|(^|_)code$|code_verifier$|assertion$|ticket$",
    re.IGNORECASE,
)
PRIVATE_PEM = "PRIVATE KEY-----"
SECRET_OBJECTS = frozenset({"configuration"})
PRIVATE_JWK = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
# Where the key of a stored document is itself a secret.
KEYED_BY_SECRETS = re.compile(r"token|code|session|ticket|transaction|request", re.IGNORECASE)


def masked_state(state: State) -> dict[str, dict[str, Document]]:
    """The state with every secret replaced; kinds whose keys are secrets get numbers in their place."""
    return {kind: _masked_kind(kind, documents) for kind, documents in state.items()}


def _masked_kind(kind: str, documents: Mapping[str, Document]) -> dict[str, Document]:
    hidden = KEYED_BY_SECRETS.search(kind) is not None
    return {
        f"{MASK} {number}" if hidden else key: _without_secrets(document)
        for number, (key, document) in enumerate(documents.items(), 1)
    }


def _without_secrets(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    private = PRIVATE_JWK if "kty" in value else frozenset()
    return {name: _hidden(name, item, name in private) for name, item in value.items()}


def _hidden(name: str, value: Any, private: bool) -> Any:
    if name in SECRET_OBJECTS and isinstance(value, dict):
        return dict.fromkeys(value, MASK)
    if isinstance(value, str) and value and (private or SECRET.search(name) or PRIVATE_PEM in value):
        return MASK
    return _without_secrets(value)


def is_masked(value: Any) -> bool:
    """Whether a value stands for a secret that was not shown."""
    return isinstance(value, str) and MASKED.fullmatch(value) is not None


def unmasked_state(state: State, held: State) -> dict[str, dict[str, Document]]:
    """A state to load, with each mask replaced by what the tenant holds in that place, or by a secret made anew.

    What was kept under a secret key cannot come back and is left out.
    """
    return {
        kind: {
            key: _filled(document, held.get(kind, {}).get(key))
            for key, document in documents.items()
            if not is_masked(key)
        }
        for kind, documents in state.items()
    }


def _filled(value: Any, held: Any) -> Any:
    if is_masked(value):
        return held if isinstance(held, str) else secrets.token_urlsafe(32)
    if isinstance(value, list):
        others = held if isinstance(held, list) and len(held) == len(value) else [None] * len(value)
        return [_filled(item, other) for item, other in zip(value, others, strict=True)]
    if isinstance(value, dict):
        known = held if isinstance(held, dict) else {}
        return {key: _filled(item, known.get(key)) for key, item in value.items()}
    return value
