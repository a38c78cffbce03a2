"""Everything beside the Management API: which door a request goes through, and how each says no."""

from __future__ import annotations

from collections.abc import Callable

from . import authorize, connect_page, discovery, my_account, oauth
from .errors import ApiError, OAuthError
from .my_account import Problem
from .pages import PageError
from .routing import Reply
from .visits import Visit

DOORS: dict[tuple[str, str], Callable[[Visit], Reply]] = {
    ("GET", "/.well-known/openid-configuration"): discovery.openid_configuration,
    ("GET", "/.well-known/oauth-authorization-server"): discovery.openid_configuration,
    ("GET", "/.well-known/jwks.json"): discovery.jwks,
    ("GET", "/authorize"): authorize.authorize,
    ("GET", authorize.LOGIN_PATH): authorize.show_login,
    ("POST", authorize.LOGIN_PATH): authorize.submit_login,
    ("GET", "/v2/logout"): authorize.logout,
    ("GET", "/oidc/logout"): authorize.logout,
    ("GET", "/userinfo"): authorize.userinfo,
    ("POST", "/userinfo"): authorize.userinfo,
    ("POST", "/oauth/token"): oauth.token,
    ("POST", "/oauth/revoke"): oauth.revoke,
    ("GET", connect_page.PATH): connect_page.show,
    ("POST", connect_page.PATH): connect_page.submit,
}
PATHS = frozenset(path for _, path in DOORS)
PUBLIC = frozenset(path for path in PATHS if path.startswith("/.well-known/"))


def is_door(path: str) -> bool:
    """Whether a request to this path is served here."""
    return path in PATHS or path.startswith(f"{my_account.PREFIX}/")


def answer(visit: Visit) -> Reply:
    """The reply to a request beside the Management API; raises ApiError or OAuthError for some refusals."""
    method, path = visit.message.method, visit.message.path
    if method == "OPTIONS" and is_door(path):  # a browser asks whether a page may call
        return Reply(204)
    try:
        if path.startswith(f"{my_account.PREFIX}/"):
            return my_account.answer(visit)
        door = DOORS.get(("GET" if method == "HEAD" else method, path))
        if door is None and path == "/oauth/token":
            raise OAuthError(404, "not_found", "Not Found")
        if door is None:
            raise ApiError(405, "Method Not Allowed") if path in PATHS else ApiError(404, "Not Found")
        return door(visit)
    except (Problem, PageError) as refusal:
        return refusal.reply()
