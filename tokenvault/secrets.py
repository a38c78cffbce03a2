"""Secrets are a type: from the moment one is read until the request that needs it, it cannot be shown by accident."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn


def is_sensitive(value: Any) -> bool:
    """Whether a secret is anywhere inside."""
    if isinstance(value, Secret):
        return True
    if isinstance(value, dict | Mapping):
        return any(map(is_sensitive, value.values()))
    return isinstance(value, list | tuple) and any(map(is_sensitive, value))


SENSITIVE = "(sensitive value)"
_SECRET_NAME = re.compile(r"(?i)secret|passw|private_?key|api_?key|token$|signing_?key$")


def sounds_secret(name: str) -> bool:
    """Whether an attribute of this name holds a secret, whatever kind of object it belongs to."""
    return bool(_SECRET_NAME.search(name))


CREDENTIAL_VARIABLES = frozenset(
    {
        "AUTH0_ACCESS_TOKEN",
        "AUTH0_API_TOKEN",
        "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY",
        "AUTH0_CLIENT_SECRET",
        "AUTH0_SUBJECT_TOKEN",
    }
)
"""The variables that tokenvault takes its own credentials from."""

_SECRET_WORD = re.compile(
    "SECRETS?|PASS|PASSWD|PASSWORD|PASSPHRASE|PWD|TOKEN|APIKEY|KEYS?|CREDENTIALS?|CREDS|JWT|PAT|PRIVATE|SALT|COOKIE|SESSION"
    "|SIGNATURE|CERT|CERTIFICATE|PEM"
)
_CARRIER = re.compile(
    "DATABASE|DB|REDIS|MONGO|MONGODB|MYSQL|POSTGRES|POSTGRESQL|PG|AMQP|RABBITMQ|CLOUDAMQP|KAFKA|SMTP|MAIL|MAILER|LDAP|FTP"
    "|REPOSITORY|REPO|REGISTRY|GIT|WEBHOOK|SENTRY|CONNECTION|PROXY"
)
_ADDRESS = re.compile("URL|URI|DSN|STRING|PROXY")
_NO_SECRET = re.compile("URL|URI|HOST|HOSTNAME|DOMAIN|ENDPOINT|ID|NAME|PORT|ISSUER|ALG")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|://[^/\s@]*:[^/\s@]+@"  # a password in a URL
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|glcbt-|[sr]k_(?:live|test)_|whsec_|sk-|xox[a-z]-|npm_|pypi-|hf_|dop_v1_|shpat_)[\w-]{10}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12}|\bAIza[\w-]{20}|\bSG\.[\w-]{16}"
    r"|hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/|webhook\.office\.com/"
)


def sounds_secret_variable(name: str) -> bool:
    """Whether an environment variable of this name holds a secret, or an address that carries one, by custom."""
    words = [word.upper() for word in _WORD.findall(name)]
    if not words:
        return False
    if _ADDRESS.fullmatch(words[-1]) and (words[-1] == "DSN" or any(map(_CARRIER.fullmatch, words))):
        return True
    if _NO_SECRET.fullmatch(words[-1]) or "PUBLIC" in words:
        return False
    return sounds_secret(name) or any(map(_SECRET_WORD.fullmatch, words))


def looks_secret(value: str) -> bool:
    """Whether the value is one that only secrets have: a private key, a password in a URL, a token of a known form."""
    return bool(_SECRET_VALUE.search(value))


class Secret:
    """A value that prints as `(sensitive value)` wherever it is formatted, and refuses to be serialised.

    `source` says where it came from (`${env:CRM_CLIENT_SECRET}`, `tenant`) and may be shown; `folder` is the one that
    files of such a reference count from.
    """

    __slots__ = ("_value", "folder", "source")

    def __init__(self, value: str, source: str, folder: str = "") -> None:
        self._value = value
        self.source = source
        self.folder = folder

    def reveal(self) -> str:
        """The value itself. Only the tenant gateway and writers of 0600 files call this."""
        return self._value

    def fingerprint(self, salt: str) -> str:
        """A salted, deliberately slow hash: equal secrets compare equal, and a plan that holds it cannot be reversed."""
        return _fingerprint(self._value, salt)

    def __repr__(self) -> str:
        return SENSITIVE

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return SENSITIVE

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash of a secret is a leak in waiting

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be serialised")


@lru_cache(maxsize=1024)
def _fingerprint(value: str, salt: str) -> str:
    """Once for each secret of a plan, not once for each time that it is compared."""
    return hashlib.scrypt(value.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=16).hex()


def sealed(value: Any) -> Any:
    """The value with every text in it as a secret."""
    if isinstance(value, str):
        return Secret(value, "sealed")
    if isinstance(value, dict | Mapping):
        return {key: sealed(item) for key, item in value.items()}
    return [sealed(item) for item in value] if isinstance(value, list | tuple) else value
