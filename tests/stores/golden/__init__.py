# SPDX-License-Identifier: Apache-2.0
"""Golden files with the requests that each engine receives.

`python -m tests.stores.golden` writes the files again. A difference means that the service sends
other requests to the store: review it.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import as_value
from freezer_api.repository import query as q
from freezer_api.repository.elastic.access import Access, authorization
from freezer_api.repository.elastic.admin import ElasticAdmin
from freezer_api.repository.elastic.layout import LAYOUTS
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection
from freezer_api.repository.protocol import Original
from tests.support.proxy import Proxy

HERE = Path(__file__).parent

_HEADERS = ("accept", "content-type", "authorization")

_TERMS = ("entries", "names", "words", "values")

BACKUPS, CLIENTS, JOBS, ACTIONS, SESSIONS = KINDS

JOB = {"job_id": "j1", "user_id": "ann", "project_id": "red", "client_id": "host", "description": "Full Backup"}


def file_of(engine: str) -> Path:
    return HERE / f"{engine}.json"


def requests(url: str) -> list[Any]:
    """Call each method of the repository on the real server at the URL. Return the requests that it received."""
    with Proxy(url) as proxy:
        connection = Connection(Access((proxy.url,), authorization(("freezer", "pass:word"), None)), 1)
        admin = ElasticAdmin(connection, "golden", replicas=1)
        # Twice, because a server that has just started may answer 503, and requests are retried then.
        for _ in range(2):
            admin.remove(list(LAYOUTS))
            proxy.requests.clear()
            connection.detect_engine()
            admin.sync(["jobs"], erase=lambda _question: False)
            _everything(connection)
        seen = [_shown(request) for request in _split(bytes(proxy.requests))]
        admin.remove(list(LAYOUTS))
        admin.close()
    return seen


def _everything(connection: Connection) -> None:
    times, writes = itertools.count(1_700_000_000_000_000), itertools.count(1)
    repository = ElasticRepository(connection, "golden")
    repository._clock = lambda: next(times)
    repository._new_id = lambda: f"write {next(writes)}"
    created = repository.create(JOBS, "j1", JOB)
    repository.get(JOBS, "j1")
    replaced = repository.replace(JOBS, "j1", {**JOB, "job_schedule": {"status": "running"}}, created.token)
    for query in _queries():
        repository.search(JOBS, query)
    repository.delete(JOBS, "j1", replaced.token)
    repository.restore(
        JOBS, [Original(key, {**JOB, "job_id": key}, 7, 1_600_000_000_000_000) for key in ("j2", "j3")]
    )


def _queries() -> Iterator[q.Query]:
    mine = q.Is(("user_id",), as_value("ann"))
    not_completed = q.Not(q.Is(("job_schedule.status",), as_value("completed")))
    yield q.Query((mine,))
    yield q.Query((mine, q.Is(("client_id",), as_value("host")), not_completed), offset=10)
    yield q.Query((mine, q.HasWords(None, ("full", "backup"))), exact_first="Full Backup", with_total=True)
    yield q.Query((mine,), after=q.Position(1, 1_700_000_000_000_000, "j0"))
    yield q.Query(
        (mine, q.Missing(("session_id",)), q.HasWords("description", ("full",)), q.HasValue("Full Backup"))
    )
    yield q.Query((q.Any((q.HasMember("j1"), q.Is(("a", "*a"), as_value(7)))), q.Not(q.All(()))))
    yield q.Query((mine,), limit=10_000)


def _split(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield heads and bodies of the requests on a connection."""
    while stream:
        head, _, rest = stream.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        yield head, rest[:length]
        stream = rest[length:]


def _shown(request: tuple[bytes, bytes]) -> dict[str, Any]:
    head, body = request
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    # Replace the digest of the definition, which changes with every new property.
    body = body.replace(LAYOUTS["jobs"].definition.encode(), b"<definition>")
    headers = dict(line.split(": ", 1) for line in lines)
    kept = {name.lower(): value for name, value in headers.items() if name.lower() in _HEADERS}
    return {
        "request": f"{method} {target}",
        "headers": kept,
        **({"body": _read(body)} if body else {}),
    }


def _read(body: bytes) -> Any:
    """Return an object, or the objects of the lines."""
    lines = [_sorted(json.loads(line)) for line in body.splitlines()]
    return lines if len(lines) > 1 else lines[0]


def _sorted(body: dict[str, Any]) -> dict[str, Any]:
    """Sort the terms, because their order has no meaning."""
    return {name: sorted(value) if name in _TERMS else value for name, value in body.items()}


def write(engine: str, url: str) -> None:
    file_of(engine).write_text(json.dumps(requests(url), indent=1, ensure_ascii=False) + "\n")
