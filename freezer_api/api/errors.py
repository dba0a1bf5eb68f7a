"""What a caller is told when something goes wrong: one table from error to status and title."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import falcon

from freezer_api import errors
from freezer_api.api.refusals import Refusals
from freezer_api.documents.json_codec import answer

LOG = logging.getLogger(__name__)

RETRY_AFTER = "5"
"""Seconds."""

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

_UNEXPECTED = ("Internal Server Error", "An unexpected error occurred on the server.")


def error_body(title: str, description: str) -> bytes:
    """The body of every error."""
    return answer({"title": title, "description": description})


def refuse(
    start_response: Callable[..., Any], status: str, title: str, description: str, *headers: tuple[str, str]
) -> Iterable[bytes]:
    """An error as the answer of a filter, which is outside of the app."""
    body = error_body(title, description)
    length = ("Content-Length", str(len(body)))
    start_response(status, [("Content-Type", falcon.MEDIA_JSON), length, *headers])
    return [body]


def unexpected(start_response: Callable[..., Any], path: str, method: str, error: Exception) -> Iterable[bytes]:
    """Answer an error of a filter, which is outside of the app, with 500."""
    _log_unexpected(method, path, error)
    return refuse(start_response, falcon.HTTP_500, *_UNEXPECTED)


def install(app: falcon.App[falcon.Request, falcon.Response]) -> None:
    """Let the app answer every error in the one shape."""
    refusals = Refusals()

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
    _log_unexpected(req.method, req.path, error)
    _answer(resp, falcon.HTTP_500, *_UNEXPECTED)


def _log_unexpected(method: str, path: str, error: Exception) -> None:
    LOG.error("Unexpected error at %s %s", method, path, exc_info=error)


def _answer(resp: falcon.Response, status: str, title: str, description: str) -> None:
    resp.status = status
    resp.content_type = falcon.MEDIA_JSON
    resp.data = error_body(title, description)
