"""The Token Vault exchange as Auth0 takes it today: one request, three kinds of subject token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TOKEN_VAULT_GRANT = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
CONNECTED_ACCOUNTS_SCOPES = (
    "create:me:connected_accounts",
    "read:me:connected_accounts",
    "delete:me:connected_accounts",
)
FEDERATED = "http://auth0.com/oauth/token-type/federated-connection-access-token"
TOKEN_VAULT = "http://auth0.com/oauth/token-type/token-vault-access-token"
WORKER_TOKEN = "token-vault-req+jwt"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_AGE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRequest:
    """What differs between flavors: whose token is traded, and for which type. `signed`: the client makes it itself."""

    subject_token_type: str
    subject: str
    requested_token_type: str = FEDERATED
    signed: bool = False

    def form(self, connection: str, *, login_hint: str | None = None, scope: str | None = None) -> Mapping[str, str]:
        """The parameters that are no secret and do not say who asks."""
        form = {
            "grant_type": TOKEN_VAULT_GRANT,
            "subject_token_type": self.subject_token_type,
            "requested_token_type": self.requested_token_type,
            "connection": connection,
            "login_hint": login_hint,
            "scope": scope,
        }
        return {name: value for name, value in form.items() if value}


REFRESH_TOKEN_REQUEST = ExchangeRequest(
    subject_token_type="urn:ietf:params:oauth:token-type:refresh_token",
    subject="the Auth0 refresh token of the user's login at this application",
)
ACCESS_TOKEN_REQUEST = ExchangeRequest(
    subject_token_type="urn:ietf:params:oauth:token-type:access_token",
    subject="the Auth0 access token that the API was called with",
)
WORKER_REQUEST = ExchangeRequest(
    subject_token_type="urn:ietf:params:oauth:token-type:jwt",
    subject="a JWT about the user, signed by the worker",
    requested_token_type=TOKEN_VAULT,
    signed=True,
)
