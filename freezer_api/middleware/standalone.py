# SPDX-License-Identifier: Apache-2.0
"""Identity without Keystone: the token contains the identity and is accepted without verification.

This module is used in standalone mode, and in pipelines without the auth-token middleware. It sets the same
headers as that middleware. Only requests that a program on this machine sends to a loopback address are served.
"""

import ipaddress
import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from freezer_api.middleware.dispatch import is_open
from freezer_api.middleware.responses import refuse

_DEFAULT_IDENTITY = ("demo", "demo", "member")
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_ROLES = re.compile(r"[A-Za-z0-9_. -]+(?:,[A-Za-z0-9_. -]+)*")
_LOCAL_NAME = re.compile(r"(?:(?:[a-z0-9_-]+\.)*localhost|localhost\.localdomain|ip6-localhost)\.?")
_HOST = re.compile(r"(\[[^]]*\]|[^:]*)(?::[0-9]*)?")
_PROXY = {"HTTP_FORWARDED": "Forwarded", "HTTP_VIA": "Via", "HTTP_X_REAL_IP": "X-Real-IP"}
_FORWARDED = "HTTP_X_FORWARDED_"


def set_identity(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Set the identity of ``X-Auth-Token: <user>:<project>[:<role>,<role>...]``, ``demo`` without a token."""
    identity = _identity(environ.get("HTTP_X_AUTH_TOKEN", ""))
    if identity is not None:
        environ["HTTP_X_IDENTITY_STATUS"] = "Confirmed"
        environ["HTTP_X_USER_ID"], environ["HTTP_X_PROJECT_ID"], environ["HTTP_X_ROLES"] = identity
        environ["HTTP_X_USER_NAME"] = environ["HTTP_X_USER_ID"]
    elif not is_open(environ):
        description = "The token is not of the form <user>:<project>[:<role>,<role>...]"
        return refuse(start_response, "401 Unauthorized", "Unauthorized", description)
    return app(environ, start_response)


def _identity(token: str) -> tuple[str, str, str] | None:
    """Return user, project and roles, None if the token is malformed."""
    if not token:
        return _DEFAULT_IDENTITY
    user, project, *rest = token.split(":", 2) if ":" in token else (token, "")
    roles = (rest[0] if rest else "") or "member"
    if not (_ID.fullmatch(user) and _ID.fullmatch(project) and _ROLES.fullmatch(roles)):
        return None
    return user, project, roles


def serve_loopback_only(
    app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Refuse requests that come from another machine, from a proxy, or from a web page of another site.

    A web page can send requests to this machine from the user's browser, also under a name of its own that
    resolves to a loopback address; the browser then sends ``Origin`` or a foreign ``Host``. ``GET /`` and
    the health check stay open. Must run before filters that evaluate the headers of proxies.
    """
    reason = None if _is_exempt(environ) else _foreign(environ)
    if reason is not None:
        return refuse(start_response, "403 Forbidden", "Access Forbidden", reason)
    return app(environ, start_response)


def _is_exempt(environ: WSGIEnvironment) -> bool:
    is_root = environ["PATH_INFO"] in ("", "/")
    return is_open(environ) and (not is_root or environ["REQUEST_METHOD"] == "GET")


def _foreign(environ: WSGIEnvironment) -> str | None:
    """Return why the request does not come from a program on this machine, or None if it does."""
    if not is_loopback(environ.get("REMOTE_ADDR", "")):
        return "Tokens are not verified, so only requests from this machine are served"
    for key in environ:
        if key in _PROXY or key.startswith(_FORWARDED):
            name = _PROXY.get(key) or key.removeprefix("HTTP_").replace("_", "-").title()
            return f"Tokens are not verified, so requests through a proxy are refused: the header {name} is set"
    host = environ.get("HTTP_HOST")
    is_missing = host is None and environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
    if not is_missing and not _is_local(host or ""):
        return "Tokens are not verified, so the header Host must name a loopback address, such as localhost"
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and origin.lower() != f"{environ['wsgi.url_scheme']}://{host}".lower():
        return "Tokens are not verified, so the header Origin of another site is refused"
    return None


def _is_local(host: str) -> bool:
    """Return whether the value of ``Host`` names a loopback address."""
    match = _HOST.fullmatch(host.lower())
    name = match[1] if match else ""
    return _LOCAL_NAME.fullmatch(name) is not None or name == "[::1]" or is_loopback(name)


def is_loopback(address: str) -> bool:
    """Return whether the text is a loopback address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
