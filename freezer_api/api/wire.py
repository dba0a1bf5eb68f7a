# SPDX-License-Identifier: Apache-2.0
"""Read requests and write responses."""

import codecs
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import InitVar, dataclass

import falcon

from freezer_api import errors
from freezer_api.api import parameters
from freezer_api.api.list_limiter import ListLimiter
from freezer_api.api.page_positions import Listing, PagePositions
from freezer_api.api.search import EMPTY_SEARCH, Search, search_of
from freezer_api.api.version import Version
from freezer_api.context import Caller
from freezer_api.documents.fields import Document, is_id
from freezer_api.documents.json_codec import answer, parse
from freezer_api.documents.kind import Kind
from freezer_api.documents.limits import Limits
from freezer_api.operations.job_trusts import Delegator
from freezer_api.policy.enforcer import Enforcement
from freezer_api.repository.protocol import Page, Stored
from freezer_api.repository.query import Condition, Query

NO_BODY = "Missing request body"


def read_body(req: falcon.Request, max_size: int) -> bytes:
    """Return the body without a byte order mark; empty if there is none. The ``Content-Type`` is ignored."""
    length = req.content_length
    if length is None and not (req.env.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in req.env):
        return b""
    if length is not None and length > max_size:
        raise errors.TooLarge(f"The body may have at most {max_size} bytes")
    try:
        data: bytes = req.env["wsgi.input"].read(max_size + 1 if length is None else length)
    except TimeoutError:
        raise errors.RequestTimeout("The request did not arrive in time.") from None
    except Exception:  # noqa: BLE001 - each server has its own errors for an incomplete body
        raise errors.Malformed("The body could not be read completely") from None
    if len(data) > max_size:
        raise errors.TooLarge(f"The body may have at most {max_size} bytes")
    if length is not None and len(data) < length:
        raise errors.Malformed("The body is shorter than its Content-Length")
    if data and (req.env.get("HTTP_CONTENT_ENCODING") or "identity").lower() != "identity":
        raise errors.UnsupportedEncoding
    return data.removeprefix(codecs.BOM_UTF8)


@dataclass
class Exchange:
    """One request and its response, as resources use them."""

    _req: falcon.Request
    _resp: falcon.Response
    version: Version
    limits: Limits
    _list_limiter: ListLimiter
    _positions: PagePositions
    _enforcement: Enforcement
    project_id: InitVar[str | None]

    def __post_init__(self, project_id: str | None) -> None:
        self.caller: Caller = self._req.context.caller
        self.scope = self.version.scope(self.caller, project_id)

    @property
    def delegator(self) -> Delegator | None:
        """The caller with the token for delegation; None if Keystone did not validate the token."""
        token, about = self._req.env.get("HTTP_X_AUTH_TOKEN"), self._req.env.get("keystone.token_info")
        if not token or not about:
            return None
        return Delegator(self.caller.user_id, self.caller.project_id, token, about)

    def require(self, rule: str) -> None:
        """Raise ``Forbidden`` unless the rule allows this request of the caller in the project of the scope."""
        if not self.may(rule):
            raise errors.Forbidden

    def may(self, rule: str) -> bool:
        """Return whether the rule allows this request of the caller."""
        return self._enforcement.allows(rule, self.caller, self.scope.project_id)

    def flag(self, name: str) -> bool:
        return parameters.flag(self._req, name)

    def _object(self) -> Document | None:
        """Return the object in the body; None if there is no body."""
        data = read_body(self._req, self.limits.max_body_size)
        if not data:
            return None
        value = parse(data)
        if not isinstance(value, dict):
            raise errors.Invalid("The body should be a JSON object")
        return value

    def body(self) -> Document:
        """Return the object in the body. Raises ``Invalid`` if there is no body."""
        body = self._object()
        if body is None:
            raise errors.Invalid(NO_BODY)
        return body

    def filled_body(self) -> Document:
        """Return the object in the body. Raises ``Invalid`` if it is missing or empty."""
        body = self.body()
        if not body:
            raise errors.Invalid(NO_BODY)
        return body

    def body_or_empty(self) -> Document:
        """Return the object in the body; an empty object if there is no body."""
        return self._object() or {}

    def request(self, format_error: str) -> Document:
        """Return the object in the body. Raises ``Invalid`` with this text if it is missing or empty."""
        data = read_body(self._req, self.limits.max_body_size)
        value = parse(data) if data else None
        if not value or not isinstance(value, dict):
            raise errors.Invalid(format_error)
        return value

    @contextmanager
    def listing(self, kind: Kind, shown: Condition | None = None) -> Iterator[Query]:
        """Yield the query of a list, which is counted as a list of the caller's project until the context ends.

        A scheduler's poll is not counted. Errors of the request are raised after the check of the limit.
        ``shown`` is that of :func:`search_of`.
        """
        try:
            query, is_poll = self._query(kind, shown)
        except errors.FreezerError:
            with self._list_limiter.acquire(self.caller.project_id):
                raise
        with nullcontext() if is_poll else self._list_limiter.acquire(self.caller.project_id):
            yield query

    def _query(self, kind: Kind, shown: Condition | None) -> tuple[Query, bool]:
        """Return the query of a page, and whether it is a poll."""
        limit = parameters.integer(self._req, "limit", parameters.DEFAULT_LIMIT, 1)
        offset = parameters.integer(self._req, "offset", 0, 0)
        after = parameters.marker(self._req, offset)
        with_total = parameters.flag(self._req, "with_count")
        search = self._search(kind, shown)
        query = Query(
            conditions=search.conditions,
            exact_first=search.exact_first,
            limit=min(limit, self.limits.max_limit),
            offset=offset,
            after=after,
            with_total=with_total,
            max_seconds=self.limits.max_search_time or None,
        )
        reader = f"{self._req.host} {self._req.env.get('HTTP_X_AUTH_TOKEN') or self.caller.user_id}"
        all_projects = parameters.parameter(self._req, "all_projects")
        self._listing = Listing(reader, kind.name, self.scope, all_projects, query)
        return self._positions.continued(self._listing), search.is_poll

    def _search(self, kind: Kind, shown: Condition | None) -> Search:
        data = read_body(self._req, self.limits.max_body_size)
        text = parameters.parameter(self._req, "search")
        if data and text is not None:
            raise errors.Invalid("A search may be in the body or in the parameter 'search', not in both")
        if text is not None:
            data = text.encode("utf-8", "surrogatepass")
        return search_of(kind.name, data, self.version.views[kind.name], shown) if data else EMPTY_SEARCH

    def answer(self, status: str, value: Document) -> None:
        """Respond with a JSON object."""
        self._resp.status = status
        self._resp.content_type = falcon.MEDIA_JSON
        self._resp.data = answer(value)

    def answer_no_content(self) -> None:
        self._resp.status = falcon.HTTP_204

    def answer_page(self, kind: Kind, page: Page, items: Iterable[Stored] | None = None) -> None:
        """Respond with a page of documents, for which the response has ``items``."""
        shown = self.version.shown
        found = page.items if items is None else items
        body: Document = {kind.name: [shown(kind, stored.document) for stored in found]}
        if page.total is not None:
            body["count"] = page.total
        self._positions.remember(self._listing, page)
        if page.next is not None:
            self._resp.set_header("Link", parameters.next_link(self._req, page.next))
        self.answer(falcon.HTTP_200, body)

    def answer_document(self, kind: Kind, stored: Stored) -> None:
        """Respond with one document and its version."""
        self.answer(falcon.HTTP_200, {**self.version.shown(kind, stored.document), "_version": stored.version})


def new_id(id_: str) -> str:
    """Return the id of a new document. Raises ``Invalid`` if it is not a valid id."""
    if not is_id(id_):
        raise errors.Invalid("An id consists of 1 to 255 ASCII letters, digits, '_' and '-'")
    return id_
