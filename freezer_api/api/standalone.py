"""Identity without Keystone, for standalone mode alone: the token says who it is and is believed.

Its place is the one of the auth-token middleware; it hands on the same headers. The server that stands before it
listens on a loopback address only.
"""

import re
from collections.abc import Iterable

from freezer_api.api.errors import error_body
from freezer_api.api.middleware import Environ, StartResponse, WSGIApp

_ANYBODY = ("demo", "demo", "member")
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_ROLES = re.compile(r"[A-Za-z0-9_. -]+(?:,[A-Za-z0-9_. -]+)*")
_OWNERS = ("USER", "PROJECT", "TENANT", "DOMAIN", "USER_DOMAIN", "PROJECT_DOMAIN", "ROLES", "ROLE")
_FORGED = frozenset(
    (
        "HTTP_X_IDENTITY_STATUS",
        "HTTP_X_SERVICE_IDENTITY_STATUS",
        "HTTP_X_SERVICE_TOKEN",
        "HTTP_X_SERVICE_CATALOG",
        "HTTP_X_IS_ADMIN_PROJECT",
        "HTTP_OPENSTACK_SYSTEM_SCOPE",
        *(
            f"HTTP_X_{service}{owner}{what}"
            for service in ("", "SERVICE_")
            for owner in _OWNERS
            for what in ("", "_ID", "_NAME")
        ),
    )
)
"""Every header by which the auth-token middleware says who somebody is."""


class StandaloneIdentity:
    """Takes ``X-Auth-Token: <user>:<project>[:<role>,<role>...]``; without a token everybody is ``demo``."""

    def __init__(self, app: WSGIApp) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        for name in _FORGED & environ.keys():
            del environ[name]
        identity = _identity(environ.get("HTTP_X_AUTH_TOKEN", ""))
        if identity is None and environ["PATH_INFO"] not in ("", "/"):
            return _refuse(start_response)
        if identity is not None:
            _vouch(environ, *identity)
        return self._app(environ, start_response)


def _identity(token: str) -> tuple[str, str, str] | None:
    """User, project and roles; None when the token is malformed."""
    if not token:
        return _ANYBODY
    user, project, *rest = token.split(":", 2) if ":" in token else (token, "")
    roles = (rest[0] if rest else "") or "member"
    if not (_ID.fullmatch(user) and _ID.fullmatch(project) and _ROLES.fullmatch(roles)):
        return None
    return user, project, roles


def _vouch(environ: Environ, user: str, project: str, roles: str) -> None:
    environ["HTTP_X_IDENTITY_STATUS"] = "Confirmed"
    environ["HTTP_X_USER_ID"] = environ["HTTP_X_USER_NAME"] = user
    environ["HTTP_X_PROJECT_ID"] = project
    environ["HTTP_X_ROLES"] = roles


def _refuse(start_response: StartResponse) -> Iterable[bytes]:
    body = error_body("Unauthorized", "The token is not of the form <user>:<project>[:<role>,<role>...]")
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("401 Unauthorized", headers)
    return [body]
