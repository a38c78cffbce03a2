"""The login of the Auth0 CLI: its config file, and the token or client secret that it keeps in the system's keyring."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.secrets import Secret
from tokenvault.tenant.credentials import Credentials, management_audience, no_credentials
from tokenvault.tenant.scopes import login_command, ways

TOKEN_SERVICE, SECRET_SERVICE = "Auth0 CLI Access Token", "Auth0 CLI Client Secret"
MAX_CHUNKS = 50
ENDING = 300
SOURCE = "the Auth0 CLI's login"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One tenant that the CLI is logged in to. `client_id` is set when it is logged in as a machine."""

    domain: str
    client_id: str = ""
    expires_at: float | None = None
    token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """What the CLI's config file holds."""

    default: str = ""
    by_domain: Mapping[str, Login] = field(default_factory=dict)


def find(environment: Mapping[str, str], domain: str, *, audience: str, now: float) -> Credentials:
    """The credentials of the login to this tenant (none named: to the CLI's default one), or `RefusedError`."""
    logins = read_logins(environment)
    if not logins.by_domain:
        raise RefusedError(no_credentials(domain, environment))
    login = logins.by_domain.get((domain or logins.default).lower())
    if login is None:
        raise RefusedError(_other_tenant(domain, logins))
    return _machine(login, audience) or _user(login, now)


def read_logins(environment: Mapping[str, str]) -> Logins:
    """Every login of the CLI; none when it was never used. `RefusedError` when its file cannot be understood."""
    home = environment.get("HOME")
    path = (Path(home) if home else Path.home()) / ".config" / "auth0" / "config.json"
    try:
        data = json.loads(path.read_bytes())
        tenants = data.get("tenants") or {}
        found = [_login(str(domain), entry) for domain, entry in tenants.items()]
    except (FileNotFoundError, NotADirectoryError):
        return Logins()
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        raise RefusedError(_broken(path)) from None
    default = str(data.get("default_tenant") or "") or (found[0].domain if len(found) == 1 else "")
    return Logins(default=default, by_domain={login.domain.lower(): login for login in found})


def _login(domain: str, entry: Mapping[str, Any]) -> Login:
    ends, token = entry.get("expires_at"), entry.get("access_token")
    return Login(
        domain=domain,
        client_id=str(entry.get("client_id") or ""),
        expires_at=datetime.fromisoformat(ends).timestamp() if ends else None,
        token=Secret(str(token), SOURCE) if token else None,
    )


def _machine(login: Login, audience: str) -> Credentials | None:
    """A machine's login renews itself: its client secret is in the keyring."""
    secret = _Keyring().read(SECRET_SERVICE, login.domain) if login.client_id else None
    if not secret:
        return None
    return Credentials(
        domain=login.domain,
        source=SOURCE,
        renewal=_renewal(login),
        client_id=login.client_id,
        client_secret=Secret(secret, SOURCE),
        audience=audience or management_audience(login.domain),
    )


def _user(login: Login, now: float) -> Credentials:
    if login.expires_at is not None and login.expires_at - ENDING < now:
        raise RefusedError(_over(login))
    keyring = _Keyring()
    found = keyring.chunks(TOKEN_SERVICE, login.domain)
    token = Secret(found, SOURCE) if found else login.token
    if token is None:
        raise RefusedError(_no_token(login, keyring.problem))
    return Credentials(domain=login.domain, source=SOURCE, renewal=_renewal(login), token=token)


def _renewal(login: Login) -> str:
    """What to do, in one line."""
    if login.client_id:
        return f"Log in again: auth0 login --domain {login.domain} --client-id {login.client_id} --client-secret …"
    return f"Log in again with `auth0 login`, choosing {login.domain}."


class _Keyring:
    """The system's keyring. What keeps it from being read is remembered, not raised: the CLI has another place too."""

    def __init__(self) -> None:
        self.problem = ""

    def chunks(self, service: str, account: str) -> str:
        """A value that the CLI keeps in numbered pieces."""
        partitions = []
        for number in range(MAX_CHUNKS):
            partition_key = self.read(f"{service} {number}", account)
            if not partition_key:
                break
            partitions.append(partition_key)
        return "".join(partitions)

    def read(self, service: str, account: str) -> str | None:
        """One entry; the CLI's library names it otherwise on Windows."""
        import keyring
        from keyring.errors import KeyringLocked, NoKeyringError

        try:
            found = keyring.get_password(service, account) or keyring.get_password(f"{service}:{account}", account)
            return _plain(found) if found else None
        except NoKeyringError:
            self.problem = "there is no system keyring here"
        except KeyringLocked:
            self.problem = "the system keyring is locked: unlock it and run the command again"
        except Exception as error:  # every backend has its own
            self.problem = f"the system keyring cannot be read ({type(error).__name__})"
        return None


def _plain(value: str) -> str:
    """An entry without what the CLI's keyring library and the systems' keyrings do to it."""
    if value.startswith("go-keyring-base64:"):
        return base64.b64decode(value.removeprefix("go-keyring-base64:")).decode()
    if value.startswith("go-keyring-encoded:"):
        return bytes.fromhex(value.removeprefix("go-keyring-encoded:")).decode()
    if not value.isascii():  # Windows: UTF-8 that was read as UTF-16
        return value.encode("utf-16-le", "replace").decode("ascii", "ignore")
    return value


def _other_tenant(domain: str, logins: Logins) -> Diagnostic:
    others = ", ".join(sorted(login.domain for login in logins.by_domain.values()))
    if not domain:
        hint = "Name the tenant: set AUTH0_DOMAIN or pass --tenant, or choose a default with `auth0 tenants use`."
        return Diagnostic(
            code="auth-tenant", summary=f"Which tenant? The Auth0 CLI is logged in to {others}", hint=hint
        )
    return Diagnostic(
        code="auth-cli-tenant",
        summary=f"There are no credentials for {domain}",
        detail=f"The Auth0 CLI is logged in to {others}, not to {domain}.\n{_log_in('Log in', domain)}",
        hint=ways(),
    )


def _log_in(words: str, domain: str) -> str:
    return f"{words}, choosing {domain}, with what plan and apply need:\n{login_command()}"


def _over(login: Login) -> Diagnostic:
    return Diagnostic(
        code="auth-cli-expired",
        summary=f"The Auth0 CLI's login to {login.domain} has expired",
        hint=_renewal(login) if login.client_id else _log_in("Log in again", login.domain),
    )


def _no_token(login: Login, problem: str) -> Diagnostic:
    why = problem or "the system keyring holds no token of it"
    return Diagnostic(
        code="auth-cli-keyring",
        summary=f"The Auth0 CLI's login to {login.domain} cannot be used",
        detail=f"The CLI is logged in, but {why}.\nPut a token into AUTH0_API_TOKEN. {_renewal(login)}",
        hint=ways(),
    )


def _broken(path: Path) -> Diagnostic:
    return Diagnostic(
        code="auth-cli-config",
        summary=f"The Auth0 CLI's config file cannot be understood: {path}",
        detail="Remove it and run `auth0 login`, or give credentials in another way.",
        hint=ways(),
    )
