# SPDX-License-Identifier: Apache-2.0
"""Dispatch requests to applications by the path, and mark paths that need no identity."""

from collections.abc import Iterable, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HEALTH = "/healthcheck"

_OPEN_PATHS = frozenset(("", "/", HEALTH, HEALTH + "/"))
_OPEN = "freezer_api.open"


def mark_open_path(environ: WSGIEnvironment) -> None:
    """Record whether the path of the whole request needs an identity, for :func:`is_open`."""
    environ[_OPEN] = environ["PATH_INFO"] in _OPEN_PATHS


def is_open(environ: Mapping[str, Any]) -> bool:
    """Return whether the request needs no identity: the list of versions and the health check.

    A filter may be mounted below any path and sees only the rest of the path, which is not sufficient to decide.
    """
    return bool(environ.get(_OPEN))


class ExactPath:
    """Send requests for one path, with or without a trailing slash, to ``app``, all others to ``others``."""

    def __init__(self, path: str, app: WSGIApplication, others: WSGIApplication) -> None:
        self._paths = frozenset((path, path + "/"))
        self._app = app
        self._others = others

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = self._app if environ["PATH_INFO"] in self._paths else self._others
        return app(environ, start_response)


class Mounts:
    """Send requests below each path of ``apps`` to its application, which sees the rest of the path.

    All other requests go to ``root``.
    """

    def __init__(self, apps: Mapping[str, WSGIApplication], root: WSGIApplication) -> None:
        self._longest_first = sorted(apps.items(), key=lambda item: -len(item[0]))
        self._root = root

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        for prefix, app in self._longest_first:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
                environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
                environ["PATH_INFO"] = path[len(prefix) :]
                return app(environ, start_response)
        return self._root(environ, start_response)
