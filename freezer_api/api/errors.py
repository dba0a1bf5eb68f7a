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
    404: "There is no such resource.",
    405: "The method is not offered here; the header Allow lists those that are.",
    406: "Freezer-api only supports responses encoded as JSON.",
}


def install(app: falcon.App[falcon.Request, falcon.Response]) -> None:
    """Let the app answer every error in the one shape."""
    refusals = RefusalLog()

    def limit_reached(req: falcon.Request, resp: falcon.Response, error: errors.LimitReached, params: Any) -> None:
        refusals.log(req.context.caller.project_id, str(error))
        _of_ours(req, resp, error, params)

    app.add_error_handler(Exception, _unexpected)
    app.add_error_handler(falcon.HTTPError, _of_the_framework)
    app.add_error_handler(errors.FreezerError, _of_ours)
    app.add_error_handler(errors.LimitReached, limit_reached)


def _of_ours(req: falcon.Request, resp: falcon.Response, error: errors.FreezerError, params: Any) -> None:
    entry = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)
    if entry is None:
        # An error of a start: its text is for the operator.
        _unexpected(req, resp, error, params)
        return
    status, title = entry
    if status in (falcon.HTTP_429, falcon.HTTP_503):
        resp.set_header("Retry-After", RETRY_AFTER)
    _answer(resp, status, title, str(error))


def _of_the_framework(_req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: Any) -> None:
    status = falcon.code_to_http_status(error.status)
    title = error.title or status
    if error.headers:
        resp.set_headers(error.headers)
    _answer(resp, status, title, error.description or _TEXTS.get(error.status_code, title))


def _unexpected(req: falcon.Request, resp: falcon.Response, error: Exception, _params: Any) -> None:
    log_unexpected(req.method, req.path, error)
    _answer(resp, falcon.HTTP_500, *UNEXPECTED)


def _answer(resp: falcon.Response, status: str, title: str, description: str) -> None:
    resp.status = status
    resp.content_type = falcon.MEDIA_JSON
    resp.data = error_body(title, description)
