"""Who the auth middleware says is calling."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import falcon

from freezer_api.api.errors import refuse
from freezer_api.context import Caller
from freezer_api.errors import Unauthorized
from freezer_api.middleware.request_log import is_open

HEADERS = (
    "HTTP_X_USER_ID",
    "HTTP_X_USER_NAME",
    "HTTP_X_TENANT_ID",
    "HTTP_X_PROJECT_ID",
    "HTTP_X_ROLES",
    "HTTP_X_DOMAIN_ID",
    "HTTP_X_USER_DOMAIN_ID",
    "HTTP_X_PROJECT_DOMAIN_ID",
    "HTTP_OPENSTACK_SYSTEM_SCOPE",
)
"""What is read, under its names in a WSGI environment."""


def caller_of(environ: Mapping[str, Any]) -> Caller:
    """The caller; ``Unauthorized`` when nobody vouches for one or it is no user."""
    if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed" or not environ.get("HTTP_X_USER_ID"):
        raise Unauthorized("The request carries no confirmed identity of a user")
    return _caller(*map(environ.get, HEADERS))


@lru_cache(maxsize=1024)
def _caller(
    user_id: str,
    user_name: str | None,
    tenant_id: str | None,
    project_id: str | None,
    roles: str | None,
    *domains_and_system: str | None,
) -> Caller:
    names = ((roles or "").split(",")) if roles else ()
    return Caller(
        user_id,
        _utf8(user_name),
        tenant_id or project_id or None,
        tuple(name.strip().lower() for name in names if name.strip()),
        *(value or None for value in domains_and_system),
    )


def _utf8(text: str | None) -> str | None:
    """A header's text as it was meant: WSGI hands over bytes as Latin-1."""
    return text and text.encode("latin-1", "replace").decode("utf-8", "replace")


_OWNERS = ("USER", "PROJECT", "TENANT", "DOMAIN", "USER_DOMAIN", "PROJECT_DOMAIN", "ROLES", "ROLE")
_FORGEABLE = frozenset(
    (
        "HTTP_X_IDENTITY_STATUS",
        "HTTP_X_SERVICE_IDENTITY_STATUS",
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


class Unforged:
    """Strip identity headers sent by clients before the pipeline runs, so that only its filters can set them.

    The token leaves in ``X-Auth-Token``, in whichever of its two headers it came: filters and applications look
    there.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        for name in _FORGEABLE & environ.keys():
            del environ[name]
        stored = environ.pop("HTTP_X_STORAGE_TOKEN", None)
        if stored and not environ.get("HTTP_X_AUTH_TOKEN"):
            environ["HTTP_X_AUTH_TOKEN"] = stored
        return self._app(environ, start_response)


class Confirmed:
    """Lets through who has a confirmed identity, and what is open to everybody."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not is_open(environ):
            try:
                caller_of(environ)
            except Unauthorized as error:
                return refuse(start_response, falcon.HTTP_401, "Unauthorized", str(error))
        return self._app(environ, start_response)
