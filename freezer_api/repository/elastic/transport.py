# SPDX-License-Identifier: Apache-2.0
"""Send requests to the servers within a deadline, and raise the errors of this service.

Only the type of the store's error is logged, never a document.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from elastic_transport import HttpHeaders, TransportError

from freezer_api.errors import TOO_LARGE, StoreFailed, TooLarge, Unavailable
from freezer_api.repository.elastic import answers
from freezer_api.repository.elastic.access import Access, open_pool
from freezer_api.repository.elastic.dialect import MEDIA_TYPES, UnsupportedServer, engine_of
from freezer_api.repository.elastic.failures import Failure, failure_of
from freezer_api.repository.outages import PROBE_TIMEOUT, Outages

LOG = logging.getLogger(__name__)

_GATEWAY = frozenset((502, 503, 504))
_BUSY = _GATEWAY | {429}
_TIMED_OUT = frozenset(("search_timeout_exception", "time_exceeded_exception"))
_REFUSED = frozenset((401, 403))
TOO_LARGE_STATUS = 413
BLOCKED = "cluster_block_exception"
"""The error of writes to an index that is being copied, or to a full disk."""

CLOSED = "index_closed_exception"
"""The error of every request to an index that an operator has closed."""

_FIRST_PAUSE, _MAX_PAUSE = 0.05, 0.5
"""The first and the maximum pause between attempts, in seconds. Each pause is twice as long as the one before."""

_DEADLINE_SHARE = 0.8
"""The part of the deadline that a call may use. The rest is for requests that had to wait for a thread."""

_ROOT = "/"


Body = Mapping[str, Any] | bytes | None


class Answer(NamedTuple):
    """A response. ``body``: parsed JSON. ``repeated``: an earlier attempt at the request may have succeeded."""

    status: int
    body: Any
    repeated: bool = False

    @property
    def error(self) -> str:
        """The type of the error as the store reports it; empty if there is no error."""
        error = None if self.body is None else self.body.get("error")
        return str(error.get("type", "unknown")) if isinstance(error, dict) else str(error or "")

    @property
    def reason(self) -> str:
        """The store's description of the error, in one line. It may quote the document of the request."""
        error = self.body.get("error")
        return " ".join(str(error.get("reason")).split()) if isinstance(error, dict) else ""

    @property
    def timed_out(self) -> bool:
        """Whether a search was stopped at its own time limit. Releases report this in different forms."""
        if self.body is None:
            return False
        error = self.body.get("error")
        causes = error.get("root_cause", ()) if isinstance(error, dict) else ()
        return bool(self.body.get("timed_out")) or any(
            cause.get("type") in _TIMED_OUT or cause.get("reason") == "Time exceeded" for cause in causes
        )


class _Headers(NamedTuple):
    """Headers for requests with a JSON body or none, and for requests with a body of lines."""

    calls: HttpHeaders
    bulk: HttpHeaders


class Connection:
    """Calls to a cluster, as many at the same time as there are ``threads``, which may share a connection.

    During an outage a call is a short attempt at each node.
    """

    def __init__(self, access: Access, threads: int) -> None:
        self._access = access
        self._threads = threads
        self._authorization = {} if access.authorization is None else {"authorization": access.authorization}
        self._call_timeout = access.deadline * _DEADLINE_SHARE
        # Half of the deadline, so that an attempt at a hanging node leaves time for another node.
        self._timeout = min(access.timeout, self._call_timeout / 2)
        self._outages = Outages()
        self._headers: _Headers | None = None
        self._pool = open_pool(access, threads)

    @property
    def write_timeout(self) -> str:
        """The server's timeout of a write, shorter than an attempt, so that no write is performed after it."""
        return f"{int(self._timeout * 800)}ms"

    @property
    def max_search_time(self) -> float:
        """Seconds after which a server stops a search, so that the response arrives within an attempt."""
        return self._timeout * 0.8

    def for_probes(self) -> "Connection":
        """Return a connection to the same servers, for probes, which take one second."""
        deadline = min(self._access.deadline, PROBE_TIMEOUT)
        return Connection(replace(self._access, deadline=deadline, retries=0), self._threads)

    def call(self, method: str, target: str, body: Body = None) -> Answer:
        """Send a request, with retries within the deadline while the store is busy or unreachable.

        A ``body`` of bytes consists of lines of JSON.
        Return responses with the statuses 2xx, 404 and 409, and those to a search that reached its time limit.
        Raises ``Unavailable`` at the deadline, if something other than the store responds, or if the store refuses
        the credentials; ``TooLarge`` if it refuses the size of the body; ``StoreFailed`` for any other response.
        """
        answer = self.answer(method, target, body)
        if answer.status < 300 or answer.status in (404, 409) or answer.timed_out:
            return answer
        path = target.partition("?")[0]
        LOG.error("The store answered %s %s with %s %s", method, path, answer.status, answer.error)
        raise StoreFailed

    def answer(self, method: str, target: str, body: Body = None) -> Answer:
        """Send a request as :meth:`call` does, but return every response that a retry would not change."""
        headers = self._headers or self._detected()
        data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        answer = self._send_with_retries(
            method, target, data, headers.bulk if isinstance(body, bytes) else headers.calls
        )
        path = target.partition("?")[0]
        if answer.status in _REFUSED:
            LOG.error(
                "The store or a proxy in front of it denies access to %s %s: status %s %s",
                method,
                path,
                answer.status,
                answer.error,
            )
            raise Unavailable
        if answer.error == CLOSED:
            LOG.error("The index of %s %s is closed (%s): open it", method, path, CLOSED)
            raise Unavailable
        if answer.status == TOO_LARGE_STATUS:
            LOG.error(
                "The store or a proxy in front of it refuses a request of %s bytes: raise the proxy's limit or "
                "http.max_content_length",
                len(data or b""),
            )
            raise TooLarge(TOO_LARGE)
        return answer

    def detect_engine(self) -> _Headers:
        """Detect the engine of the server. Raises :class:`UnsupportedServer` if it is not supported."""
        answer = self._send_with_retries(
            "GET", _ROOT, None, HttpHeaders({**self._authorization, "accept": "application/json"})
        )
        engine = self._access.engine
        if answer.status == 403 and engine != "auto":
            # The user lacks the privilege for GET /, so use the configured engine without a check.
            pass
        elif answer.status in _REFUSED:
            raise UnsupportedServer(
                f"the store refuses the service's credentials (it answers GET / with {answer.status})"
            )
        else:
            engine = engine_of(answer.body, engine)
        media_type = MEDIA_TYPES[engine]
        headers = HttpHeaders({**self._authorization, "accept": media_type, "content-type": media_type})
        lines = HttpHeaders({**headers, "content-type": media_type.replace("json", "x-ndjson")})
        self._headers = _Headers(headers, lines)
        return self._headers

    def _detected(self) -> _Headers:
        try:
            return self.detect_engine()
        except UnsupportedServer as error:
            LOG.error("The store cannot be used: %s", error.reason)  # noqa: TRY400 - a traceback would not help
            raise

    def _send_with_retries(self, method: str, target: str, data: bytes | None, headers: HttpHeaders) -> Answer:
        place = target.partition("?")[0].split("/")[1]
        with self._outages.call(place, self._call_timeout) as call:
            # A write waits for a refresh and may take a second.
            probe = PROBE_TIMEOUT / min(2, len(self._pool))
            timeout = min(self._timeout, probe) if call.is_probe else self._timeout
            attempts = len(self._pool) if call.is_probe else 1 + self._access.retries
            pause, sent = _FIRST_PAUSE, 0
            while True:
                left = call.end - time.monotonic()
                result = self._send_once(method, target, data, headers, max(min(timeout, left), 0.001))
                sent += 1
                if isinstance(result, Answer):
                    call.answered()
                    return result._replace(repeated=True) if sent > 1 else result
                if result.distrusted and target == _ROOT and sent >= len(self._pool):
                    raise UnsupportedServer(f"the store's certificate cannot be verified: {result.text}")
                if sent >= attempts or time.monotonic() + pause >= call.end or call.is_hopeless:
                    call.unanswered(result.text, everywhere=not result.answered)
                    raise Unavailable
                time.sleep(pause)
                pause = min(pause * 2, _MAX_PAUSE)

    def _send_once(
        self, method: str, target: str, data: bytes | None, headers: HttpHeaders, timeout: float
    ) -> Answer | Failure:
        """Return the response, or the failure if a retry may help."""
        pool = self._pool
        node = pool.get()
        try:
            meta, text = node.perform_request(method, target, data, headers, timeout)
        except TransportError as error:
            pool.mark_dead(node)
            return failure_of(error, node.base_url)
        answer = Answer(meta.status, _parsed(text))
        failure = None if answer.timed_out else _failure_in(method, target, answer)
        if failure is not None and (meta.status in _GATEWAY or failure.foreign):
            pool.mark_dead(node)
        else:
            pool.mark_live(node)
        return failure or answer

    def close(self) -> None:
        """Close all connections."""
        for node in self._pool.all():
            node.close()


def _failure_in(method: str, target: str, answer: Answer) -> Failure | None:
    """Return why the response cannot be used, if a retry may help; otherwise None."""
    if answer.status in _BUSY or answer.error == BLOCKED:
        return Failure(f"status {answer.status} {answer.error}".rstrip(), answered=True)
    if target == _ROOT or answer.status in _REFUSED or answer.status == TOO_LARGE_STATUS:
        return None
    if answer.body is None:
        # A connection that ends within the headers looks like a response without a body.
        return Failure(f"status {answer.status} without JSON", answered=True, foreign=True)
    if not answers.is_own(method, target, answer.status, answer.body):
        words = "with JSON that is not the store's; check what proxies in front of the store answer"
        return Failure(f"{method} was answered with status {answer.status}, {words}", answered=True, foreign=True)
    return None


def _parsed(text: bytes) -> Any:
    """Return the parsed JSON object; None if the body is not a JSON object."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
