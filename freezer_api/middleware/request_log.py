# SPDX-License-Identifier: Apache-2.0
"""Log requests, with an id for each, and respond with 500 to unexpected errors."""

import logging
import random
import re
import time
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from oslo_context.context import RequestContext

from freezer_api.middleware.dispatch import mark_open_path
from freezer_api.middleware.responses import UNEXPECTED, log_unexpected, refuse
from freezer_api.repository.outages import one_request

LOG = logging.getLogger("freezer_api.access")

_LINE = "%s %s %s %s %.1fms %s user=%s project=%s"
_ADDRESS = re.compile(r"[\w.:\[\]\"%-]{1,64}", re.ASCII)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,255}")

WAITED = "freezer_api.waited"
"""The key in the WSGI environment of the seconds that the request waited for a thread of ``freezer-api``."""


def log_requests(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Assign a request id, which log lines and the header ``x-openstack-request-id`` have, and log the request.

    Leading double slashes of the path are merged.
    """
    started = time.perf_counter()
    if environ["PATH_INFO"].startswith("//"):
        environ["PATH_INFO"] = "/" + environ["PATH_INFO"].lstrip("/")
    if environ.get("SCRIPT_NAME", "").endswith("/"):
        # Sent by mod_proxy_uwsgi of Apache.
        environ["SCRIPT_NAME"] = environ["SCRIPT_NAME"].rstrip("/")
    mark_open_path(environ)
    request_id = environ["openstack.request_id"] = _request_id(environ.get("HTTP_X_OPENSTACK_REQUEST_ID"))

    LogContext(environ)

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if LOG.isEnabledFor(logging.INFO):
            _log(environ, status, request_id, time.perf_counter() - started)
        return start_response(status, [*headers, ("x-openstack-request-id", request_id)], exc_info)

    try:
        with one_request(environ.get(WAITED, 0.0)):
            return app(environ, start)
    except Exception as error:  # noqa: BLE001 - a filter of the pipeline may raise any error
        log_unexpected(environ["REQUEST_METHOD"], _path(environ), error)
        return refuse(start, "500 Internal Server Error", *UNEXPECTED)
    finally:
        # Later log lines of the server in this thread must not have the id of this request.
        _NO_REQUEST.update_store()


class LogContext(RequestContext):
    """The values of the current request for oslo.log, looked up when a line is written."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        # Do not call super().__init__(), which copies thirty attributes, although most requests log only one line.
        self._environ = environ
        self.update_store()

    def get_logging_values(self) -> dict[str, Any]:
        """Return the values for the formats of oslo.log."""
        found = self._environ.get
        user, project = found("HTTP_X_USER_ID"), found("HTTP_X_PROJECT_ID")
        return {
            "request_id": found("openstack.request_id"),
            "global_request_id": None,
            "user": user,
            "user_id": user,
            "project": project,
            "project_id": project,
            "domain": found("HTTP_X_DOMAIN_ID"),
            "user_domain": found("HTTP_X_USER_DOMAIN_ID"),
            "project_domain": found("HTTP_X_PROJECT_DOMAIN_ID"),
            "system_scope": found("HTTP_OPENSTACK_SYSTEM_SCOPE"),
        }


_NO_REQUEST = LogContext({})


def _request_id(sent: str | None) -> str:
    if sent is not None and _REQUEST_ID.fullmatch(sent):
        return sent if sent.startswith("req-") else f"req-{sent}"
    # A random UUID (version 4). It only has to be unique, so the fast random generator is sufficient.
    digits = f"{random.getrandbits(128):032x}"
    return f"req-{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _path(environ: WSGIEnvironment) -> str:
    """Return the path for a log line, without the query string, as a search may hold anything."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path if path.isprintable() else ascii(path)


def _log(environ: WSGIEnvironment, status: str, request_id: str, seconds: float) -> None:
    path = _path(environ)
    # A trusted proxy sets REMOTE_ADDR to a list of addresses, of which the first is the client's.
    address = environ.get("REMOTE_ADDR", "").partition(",")[0].strip()
    values = (
        address if _ADDRESS.fullmatch(address) else "-",
        environ["REQUEST_METHOD"],
        path,
        status[:3],
        seconds * 1000,
        request_id,
        environ.get("HTTP_X_USER_ID", "-"),
        environ.get("HTTP_X_PROJECT_ID", "-"),
    )
    # Call makeRecord in place of LOG.info, which determines the position in the code and is slow.
    LOG.handle(LOG.makeRecord(LOG.name, logging.INFO, __file__, 0, _LINE, values, None))
