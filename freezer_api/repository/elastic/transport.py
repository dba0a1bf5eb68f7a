"""The narrow way to the servers: one call, bounded in time, its trouble told in Freezer's words.

What the store said goes to the log alone, and of that only the type of its error: never a document.
"""

import logging
import os
import time
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import orjson
from elastic_transport import HttpHeaders, NodePool, TransportError

from freezer_api.errors import TOO_LARGE, StoreFailed, TooLarge, Unavailable
from freezer_api.repository.elastic import answers, failures
from freezer_api.repository.elastic import dialect as dialects
from freezer_api.repository.elastic.dialect import Dialect, NotSupported
from freezer_api.repository.elastic.failures import Failure
from freezer_api.repository.outages import PROBE_TIMEOUT, Outages

LOG = logging.getLogger(__name__)

_GATEWAY = frozenset((502, 503, 504))
_BUSY = _GATEWAY | {429}
_TIMED_OUT = frozenset(("search_timeout_exception", "time_exceeded_exception"))
_REFUSED = frozenset((401, 403))
_TOO_LARGE = 413
CLOSED = "index_closed_exception"
"""The error of every request to an index that an operator has closed."""

_FIRST_PAUSE, _MAX_PAUSE = 0.05, 0.5
"""Seconds between attempts; each further pause is twice as long."""

_DEADLINE_SHARE = 0.8
"""Of the deadline, for a call. In the rest requests are answered that waited for a thread meanwhile."""


_ROOT = "/"


class Answer(NamedTuple):
    """``body`` is parsed JSON. ``repeated``: an earlier attempt at the same request may have been carried out."""

    status: int
    body: Any
    repeated: bool = False

    @property
    def error(self) -> str:
        """The type of the error in the store's words, empty when it is none."""
        error = None if self.body is None else self.body.get("error")
        return str(error.get("type", "unknown")) if isinstance(error, dict) else str(error or "")

    @property
    def reason(self) -> str:
        """What the store says of the error, in one line. It may quote a document if there was one."""
        error = self.body.get("error")
        return " ".join(str(error.get("reason")).split()) if isinstance(error, dict) else ""

    @property
    def is_blocked(self) -> bool:
        """Whether the index takes no writes for now: while it is copied, or as the disk is full."""
        return self.error == "cluster_block_exception"

    @property
    def timed_out(self) -> bool:
        """Whether a search was stopped at its own time limit. Releases have several ways to say it."""
        if self.body is None:
            return False
        error = self.body.get("error")
        causes = error.get("root_cause", ()) if isinstance(error, dict) else ()
        return bool(self.body.get("timed_out")) or any(
            cause.get("type") in _TIMED_OUT or cause.get("reason") == "Time exceeded" for cause in causes
        )


class UnsupportedServer(Unavailable):
    """Something else answers than a server that is supported; ``reason`` is for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class _Headers(NamedTuple):
    """Headers of a request with a JSON body or none, and of one with a body of lines."""

    calls: HttpHeaders
    bulk: HttpHeaders


class Connection:
    """Calls to a cluster. ``deadline`` in seconds bounds each one with all its attempts, ``timeout`` one attempt.

    During an outage a call is a short attempt at each node. Threads and forked processes may share a connection.
    """

    def __init__(
        self,
        open_pool: Callable[[], NodePool],
        *,
        engine: str = "auto",
        authorization: str | None = None,
        deadline: float = 5.0,
        timeout: float = 60.0,
        retries: int = 20,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._open_pool = open_pool
        self._engine = engine
        self._authorization = {} if authorization is None else {"authorization": authorization}
        self._deadline = deadline
        self._call_timeout = deadline * _DEADLINE_SHARE
        # Half of it, so that a node that hangs leaves time for another one.
        self._timeout = min(timeout, self._call_timeout / 2)
        self._retries = retries
        self._clock = clock
        self._pause = pause
        self._outages = Outages(clock)
        self._headers: _Headers | None = None
        self._pool = open_pool()
        os.register_at_fork(after_in_child=partial(leave_to_parent, weakref.ref(self)))

    @property
    def write_timeout(self) -> str:
        """How long a server may keep a write waiting: less than an attempt, lest it carries it out later."""
        return f"{int(self._timeout * 800)}ms"

    @property
    def max_search_time(self) -> float:
        """Seconds after which a server stops a search, in time for its answer to arrive within an attempt."""
        return self._timeout * 0.8

    def for_probes(self) -> "Connection":
        """The same, for a caller who waits a second and no longer."""
        return Connection(
            self._open_pool,
            engine=self._engine,
            authorization=self._authorization.get("authorization"),
            deadline=min(self._deadline, PROBE_TIMEOUT),
            retries=0,
        )

    def call(self, method: str, target: str, body: Mapping[str, Any] | None = None) -> Answer:
        """One request; attempts are repeated within the deadline while the store is busy or not there.

        Answers of the store with the statuses 2xx, 404 and 409, and those of a search that was stopped at its time
        limit, are the caller's to judge. Raise ``Unavailable`` if time ran out, if something other than the store
        answers, or if the store refuses the service, ``TooLarge`` if it refuses the size of the body, and
        ``StoreFailed`` for any other answer.
        """
        answer = self.answer(method, target, body)
        if answer.status < 300 or answer.status in (404, 409) or answer.timed_out:
            return answer
        self._log(answer, method, target)
        raise StoreFailed

    def answer(self, method: str, target: str, body: Mapping[str, Any] | None = None) -> Answer:
        """As :meth:`call`, but every answer that another attempt would not change is the caller's to judge."""
        headers = (self._headers or self._detected()).calls
        return self._send(method, target, None if body is None else orjson.dumps(body), headers)

    def bulk(self, target: str, lines: bytes) -> Answer:
        """One request with a body of lines."""
        headers = (self._headers or self._detected()).bulk
        return self._send("POST", target, lines, headers)

    def _send(self, method: str, target: str, data: bytes | None, headers: HttpHeaders) -> Answer:
        answer = self._send_with_retries(method, target, data, headers)
        if answer.status in _REFUSED:
            LOG.error(
                "The store or a proxy in front of it denies access to %s %s: status %s %s",
                method,
                target.partition("?")[0],
                answer.status,
                answer.error,
            )
            raise Unavailable
        if answer.error == CLOSED:
            LOG.error("The index of %s %s is closed (%s): open it", method, target.partition("?")[0], CLOSED)
            raise Unavailable
        if answer.status == _TOO_LARGE:
            LOG.error(
                "The store or a proxy in front of it refuses a request of %s bytes: raise the proxy's limit or "
                "http.max_content_length",
                len(data or b""),
            )
            raise TooLarge(TOO_LARGE)
        return answer

    def _log(self, answer: Answer, method: str, target: str) -> None:
        path = target.partition("?")[0]
        LOG.error("The store answered %s %s with %s %s", method, path, answer.status, answer.error)

    def detect_engine(self) -> "_Headers":
        """Find out how to speak to the server. :class:`UnsupportedServer` when it is none that is supported."""
        answer = self._send_with_retries(
            "GET", _ROOT, None, HttpHeaders({**self._authorization, "accept": "application/json"})
        )
        if answer.status == 403 and self._engine != "auto":
            # A user who may do no more than the service needs: the operator's word counts.
            return self._use_dialect(dialects.named(self._engine))
        if answer.status in _REFUSED:
            raise UnsupportedServer(
                f"the store refuses the service's credentials (it answers GET / with {answer.status})"
            )
        try:
            return self._use_dialect(dialects.dialect_of(answer.body, self._engine))
        except NotSupported as error:
            raise UnsupportedServer(str(error)) from None

    def _use_dialect(self, dialect: Dialect) -> "_Headers":
        self._headers = _Headers(
            HttpHeaders({**self._authorization, **dialect.headers}),
            HttpHeaders({**self._authorization, **dialect.bulk_headers}),
        )
        return self._headers

    def _detected(self) -> "_Headers":
        try:
            return self.detect_engine()
        except UnsupportedServer as error:
            LOG.error("The store cannot be used: %s", error.reason)  # noqa: TRY400 - it is no failure of ours
            raise

    def _send_with_retries(self, method: str, target: str, data: bytes | None, headers: HttpHeaders) -> Answer:
        place = target.partition("?")[0].split("/")[1]
        with self._outages.call(place, self._call_timeout) as call:
            # A write may take a second until searches see it.
            probe = PROBE_TIMEOUT / min(2, len(self._pool))
            timeout = min(self._timeout, probe) if call.is_probe else self._timeout
            attempts = len(self._pool) if call.is_probe else 1 + self._retries
            pause, made = _FIRST_PAUSE, 0
            while True:
                left = call.end - self._clock()
                answer, failure = self._send_once(method, target, data, headers, max(min(timeout, left), 0.001))
                made += 1
                if answer is not None:
                    call.answered()
                    return answer._replace(repeated=True) if made > 1 else answer
                if failure.distrusted and target == _ROOT and made >= len(self._pool):
                    raise UnsupportedServer(f"the store's certificate is not believed, {failure.text}")
                if made >= attempts or self._clock() + pause >= call.end or call.is_hopeless:
                    call.unanswered(failure.text, everywhere=not failure.answered)
                    raise Unavailable
                self._pause(pause)
                pause = min(pause * 2, _MAX_PAUSE)

    def _send_once(
        self, method: str, target: str, data: bytes | None, headers: HttpHeaders, timeout: float
    ) -> tuple[Answer | None, Failure]:
        """The answer, or None and what is the failure, when another attempt may help."""
        pool = self._pool
        node = pool.get()
        try:
            meta, text = node.perform_request(method, target, data, headers, timeout)
        except TransportError as error:
            pool.mark_dead(node)
            return None, failures.failure_of(error, node.base_url)
        answer = Answer(meta.status, _parsed(text))
        if answer.timed_out:
            pool.mark_live(node)
            return answer, failures.NO_FAILURE
        failure = _failure_in(method, target, answer)
        if meta.status in _GATEWAY or failure.foreign:
            pool.mark_dead(node)
        else:
            pool.mark_live(node)
        return (None, failure) if failure.text else (answer, failure)

    def reopen(self) -> None:
        """Start anew with no connection; those that are open are left as they are."""
        self._pool = self._open_pool()

    def close(self) -> None:
        """Let go of connections."""
        for node in self._pool.all():
            node.close()


def leave_to_parent(held: "weakref.ref[Connection]") -> None:
    """In a forked process: two processes cannot share a socket."""
    connection = held()
    if connection is not None:
        connection.reopen()


def _failure_in(method: str, target: str, answer: Answer) -> Failure:
    """Why this answer cannot be used, though another attempt may bring one that can."""
    if answer.status in _BUSY or answer.is_blocked:
        return Failure(f"status {answer.status} {answer.error}".rstrip(), answered=True)
    if target == _ROOT or answer.status in _REFUSED or answer.status == _TOO_LARGE:
        return failures.NO_FAILURE
    if answer.body is None:
        # A connection that ends within the headers looks like an answer without a body.
        return Failure(f"status {answer.status} without JSON", answered=True, foreign=True)
    if not answers.is_own(method, target, answer.status, answer.body):
        words = "with JSON that is not the store's; check what proxies in front of the store answer"
        return Failure(f"{method} was answered with status {answer.status}, {words}", answered=True, foreign=True)
    return failures.NO_FAILURE


def _parsed(text: bytes) -> Any:
    """The JSON object, None when it is none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
