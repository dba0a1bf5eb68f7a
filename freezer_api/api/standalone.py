"""Identity without Keystone: the token says who it is and is believed.

For standalone mode, and for pipelines without the auth-token middleware, whose place it takes; it hands on the
same headers. What it answers never leaves the machine.
"""

import ipaddress
import re
from collections.abc import Iterable

import falcon

from freezer_api.api.errors import refuse
from freezer_api.api.middleware import Environ, StartResponse, WSGIApp, is_open

_ANYBODY = ("demo", "demo", "member")
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_ROLES = re.compile(r"[A-Za-z0-9_. -]+(?:,[A-Za-z0-9_. -]+)*")
_FORWARDED = frozenset(
    ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_VIA")
)


class StandaloneIdentity:
    """Takes ``X-Auth-Token: <user>:<project>[:<role>,<role>...]``; without a token everybody is ``demo``."""

    def __init__(self, app: WSGIApp) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        identity = _identity(environ.get("HTTP_X_AUTH_TOKEN", ""))
        if identity is not None:
            _vouch(environ, *identity)
        elif not is_open(environ):
            description = "The token is not of the form <user>:<project>[:<role>,<role>...]"
            return refuse(start_response, falcon.HTTP_401, "Unauthorized", description)
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


class LoopbackOnly:
    """Answers this machine alone, whatever address the server listens on; a proxy's requests are others'.

    What is open to everybody stays so.
    """

    def __init__(self, app: WSGIApp) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not is_open(environ) and (
            _FORWARDED & environ.keys() or not is_loopback(environ.get("REMOTE_ADDR", ""))
        ):
            description = "There is no authtoken in the pipeline, so only this machine is answered"
            return refuse(start_response, falcon.HTTP_403, "Access Forbidden", description)
        return self._app(environ, start_response)


def is_loopback(address: str) -> bool:
    """Whether nobody but this machine has the address. Text that is no address is nobody's."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
