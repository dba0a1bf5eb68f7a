# SPDX-License-Identifier: Apache-2.0
"""The identity headers, which the auth middleware sets."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from freezer_api.context import Caller
from freezer_api.errors import Unauthorized
from freezer_api.middleware.dispatch import is_open
from freezer_api.middleware.responses import refuse

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
"""The headers that are read, by their names in a WSGI environment."""


def caller_of(environ: Mapping[str, Any]) -> Caller:
    """Return the caller. Raises ``Unauthorized`` if no identity of a user is confirmed."""
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
    return Caller(
        user_id,
        _utf8(user_name),
        tenant_id or project_id or None,
        tuple(name.strip().lower() for name in (roles or "").split(",") if name.strip()),
        *(value or None for value in domains_and_system),
    )


def _utf8(text: str | None) -> str | None:
    """Return the text of a header, which WSGI decodes as Latin-1, decoded as UTF-8."""
    return text and text.encode("latin-1", "replace").decode("utf-8", "replace")


_OWNERS = ("USER", "PROJECT", "TENANT", "DOMAIN", "USER_DOMAIN", "PROJECT_DOMAIN", "ROLES", "ROLE")
_STRIPPED = frozenset(
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
"""Every header that the auth-token middleware sets."""


def strip_identity_headers(
    app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Strip identity headers sent by clients before the pipeline runs, so that only its filters can set them.

    A token in ``X-Storage-Token`` moves to ``X-Auth-Token``, which filters and applications read.
    """
    for name in _STRIPPED & environ.keys():
        del environ[name]
    stored = environ.pop("HTTP_X_STORAGE_TOKEN", None)
    if stored and not environ.get("HTTP_X_AUTH_TOKEN"):
        environ["HTTP_X_AUTH_TOKEN"] = stored
    return app(environ, start_response)


def require_identity(
    app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Refuse requests without a confirmed identity with 401, except for paths that need none."""
    if not is_open(environ):
        try:
            caller_of(environ)
        except Unauthorized as error:
            return refuse(start_response, "401 Unauthorized", "Unauthorized", str(error))
    return app(environ, start_response)
