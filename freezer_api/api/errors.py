# SPDX-License-Identifier: Apache-2.0
"""Error responses of the Falcon application: one table from error to status and title."""

from typing import Any

import falcon

from freezer_api import errors
from freezer_api.api.refusals import RefusalLog
from freezer_api.middleware.responses import RETRY_AFTER, UNEXPECTED, error_body, log_unexpected

TABLE: dict[type[errors.FreezerError], tuple[str, str]] = {
    errors.Invalid: (falcon.HTTP_400, "Bad request format"),
    errors.InvalidParameter: (falcon.HTTP_400, "Invalid parameter"),
    errors.Malformed: (falcon.HTTP_400, "Malformed JSON"),
    errors.Unauthorized: (falcon.HTTP_401, "Unauthorized"),
    errors.Forbidden: (falcon.HTTP_403, "Access Forbidden"),
    errors.NotFound: (falcon.HTTP_404, "Not Found"),
    errors.RequestTimeout: (falcon.HTTP_408, "Request Timeout"),
    errors.AlreadyExists: (falcon.HTTP_409, "Document already existing"),
    errors.Conflict: (falcon.HTTP_409, "Document already existing"),
    errors.TooLarge: (falcon.HTTP_413, "Request entity too large"),
    errors.TooMany: (falcon.HTTP_400, "Bad request format"),
    errors.UnsupportedEncoding: (falcon.HTTP_415, "Unsupported Media Type"),
    errors.TooManyLists: (falcon.HTTP_429, "Too Many Requests"),
    errors.Unprocessable: (falcon.HTTP_422, "Unprocessable Entity"),
    errors.Undelegable: (falcon.HTTP_422, "Missing required credentials"),
    errors.StoreFailed: (falcon.HTTP_500, "Internal Storage Error"),
    errors.Unavailable: (falcon.HTTP_503, "Service Unavailable"),
    errors.SearchTooLong: (falcon.HTTP_503, "Service Unavailable"),
}

_TEXTS = {
    404: "The resource does not exist.",
    405: "Method not allowed. See the Allow header for the supported methods.",
    406: "Freezer-api only supports responses encoded as JSON.",
}


def install(app: falcon.App[falcon.Request, falcon.Response]) -> None:
    """Add the error handlers to the app."""
    refusals = RefusalLog()

    def respond_to_limit(
        req: falcon.Request, resp: falcon.Response, error: errors.LimitReached, params: Any
    ) -> None:
        refusals.log(req.context.caller.project_id, str(error))
        _respond_to_error(req, resp, error, params)

    app.add_error_handler(Exception, _respond_to_unexpected)
    app.add_error_handler(falcon.HTTPError, _respond_to_falcon_error)
    app.add_error_handler(errors.FreezerError, _respond_to_error)
    app.add_error_handler(errors.LimitReached, respond_to_limit)


def _respond_to_error(req: falcon.Request, resp: falcon.Response, error: errors.FreezerError, params: Any) -> None:
    entry = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)
    if entry is None:
        # The text of a configuration error is for the operator, not for the caller.
        _respond_to_unexpected(req, resp, error, params)
        return
    status, title = entry
    if status in (falcon.HTTP_429, falcon.HTTP_503):
        resp.set_header("Retry-After", RETRY_AFTER)
    _respond(resp, status, title, str(error))


def _respond_to_falcon_error(
    _req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: Any
) -> None:
    status = falcon.code_to_http_status(error.status)
    title = error.title or status
    if error.headers:
        resp.set_headers(error.headers)
    _respond(resp, status, title, error.description or _TEXTS.get(error.status_code, title))


def _respond_to_unexpected(req: falcon.Request, resp: falcon.Response, error: Exception, _params: Any) -> None:
    log_unexpected(req.method, req.path, error)
    _respond(resp, falcon.HTTP_500, *UNEXPECTED)


def _respond(resp: falcon.Response, status: str, title: str, description: str) -> None:
    resp.status = status
    resp.content_type = falcon.MEDIA_JSON
    resp.data = error_body(title, description)
