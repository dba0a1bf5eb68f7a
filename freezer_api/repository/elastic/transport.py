"""The narrow way to the server: one call, bounded in time, its trouble told in Freezer's words.

The one place where servers differ is ``Dialect``. Client 9 speaks to server 8 and 9 alike in the media type of 8.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from elastic_transport import ApiError, NodeConfig, SerializationError, Serializer, Transport, TransportError

from freezer_api.errors import StoreFailed, Unavailable

LOG = logging.getLogger(__name__)

SUPPORTED = "Elasticsearch 8.19 to 9 and OpenSearch 2.19 to 3"

_BUSY = frozenset((429, 502, 503, 504))
_PAUSE = 0.05
"""Seconds before a second attempt; each further one waits twice as long."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between servers."""

    name: str
    media_type: str

    @property
    def headers(self) -> Mapping[str, str]:
        """Of every request."""
        return {"accept": self.media_type, "content-type": self.media_type}


ELASTICSEARCH = Dialect("elasticsearch", "application/vnd.elasticsearch+json; compatible-with=8")
OPENSEARCH = Dialect("opensearch", "application/json")


class WrongServer(Unavailable):
    """Something else answers than a server that is supported."""


def dialect_of(info: Any) -> Dialect:
    """The dialect of a server by its answer to ``GET /``; ``WrongServer`` names what is supported."""
    version = info.get("version") if isinstance(info, dict) else None
    number = str(version.get("number", "")) if isinstance(version, dict) else ""
    product = "opensearch" if version and version.get("distribution") == "opensearch" else "elasticsearch"
    release = _release(number)
    if release is not None:
        if product == "opensearch" and (2, 19) <= release < (4, 0):
            return OPENSEARCH
        if product == "elasticsearch" and (8, 19) <= release < (10, 0):
            return ELASTICSEARCH
    found = f"{product} {number}" if number else "something that is no such server"
    raise WrongServer(f"The store is {found}; supported are {SUPPORTED}")


def _release(number: str) -> tuple[int, int] | None:
    parts = number.split(".")
    return (int(parts[0]), int(parts[1])) if len(parts) > 1 and all(map(str.isdigit, parts[:2])) else None


class Answer(NamedTuple):
    """``body`` is parsed JSON. ``repeated``: an earlier attempt at the same request may have been carried out."""

    status: int
    body: Any
    repeated: bool


class _Json(Serializer):
    """Bodies are bytes already; answers are read by orjson."""

    mimetype = "application/json"

    def loads(self, data: bytes) -> Any:
        try:
            return orjson.loads(data) if data else None
        except orjson.JSONDecodeError as error:
            raise SerializationError("The answer is no JSON", errors=(error,)) from None

    def dumps(self, data: Any) -> bytes:
        return data if isinstance(data, bytes) else orjson.dumps(data)


class Connection:
    """Calls to a cluster; ``deadline`` in seconds bounds each one with all its attempts."""

    def __init__(
        self,
        nodes: list[NodeConfig],
        *,
        deadline: float = 5.0,
        timeout: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        json = _Json()
        media_types = ("application/json", "application/vnd.elasticsearch+json")
        self._transport = Transport(
            nodes, serializers=dict.fromkeys(media_types, json), max_retries=0, meta_header=False
        )
        self._deadline = deadline
        # Half of it, so that a node that hangs leaves time for another one.
        self._timeout = min(timeout, deadline / 2)
        self._clock = clock
        self._pause = pause
        self._dialect: Dialect | None = None

    def dialect(self) -> Dialect:
        """The server's dialect, asked for at the first contact."""
        if self._dialect is None:
            answer = self._attempts("GET", "/", None, {"accept": "application/json"})
            if answer.status in (401, 403):
                LOG.error("The store refuses the service's credentials (%s)", answer.status)
                raise Unavailable
            try:
                self._dialect = dialect_of(answer.body)
            except WrongServer as error:
                LOG.error("%s", error)  # noqa: TRY400 - it is an answer, not a failure of ours
                raise Unavailable from error
        return self._dialect

    def call(self, method: str, target: str, body: Mapping[str, Any] | bytes | None = None) -> Answer:
        """One request; attempts are repeated within the deadline while the store is busy or not there.

        The statuses 200 to 404 and 409 are the caller's to judge. ``Unavailable`` when time ran out,
        ``StoreFailed`` for any other answer. What the store said goes to the log only.
        """
        data = orjson.dumps(body) if isinstance(body, Mapping) else body
        answer = self._attempts(method, target, data, self.dialect().headers)
        if answer.status < 300 or answer.status in (404, 409):
            return answer
        reason = _reason(answer.body)
        LOG.error("The store answered %s %s with %s: %s", method, target.partition("?")[0], answer.status, reason)
        if answer.status in (401, 403):
            raise Unavailable
        raise StoreFailed

    def _attempts(self, method: str, target: str, data: bytes | None, headers: Mapping[str, str]) -> Answer:
        end = self._clock() + self._deadline
        pause, trouble, repeated = _PAUSE, "", False
        while True:
            left = end - self._clock()
            if left <= 0:
                LOG.error("The store is not available: %s", trouble)
                raise Unavailable
            answer, trouble = self._attempt(method, target, data, headers, min(self._timeout, left))
            if answer is not None:
                return answer._replace(repeated=repeated)
            repeated = True
            self._pause(min(pause, max(end - self._clock(), 0)))
            pause *= 2

    def _attempt(
        self, method: str, target: str, data: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> tuple[Answer | None, str]:
        """The answer, or None and what is the trouble, when another attempt may help."""
        try:
            meta, body = self._transport.perform_request(
                method, target, body=data, headers=headers, request_timeout=timeout
            )
        except (TransportError, ApiError) as error:
            return None, str(error.args[0]) if error.args else type(error).__name__
        if meta.status in _BUSY:
            return None, f"status {meta.status}: {_reason(body)}"
        return Answer(meta.status, body, False), ""

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()


def _reason(body: Any) -> str:
    """The store's own word for its trouble; never a document."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return str(error.get("type", "unknown"))
    return "unknown"
