# SPDX-License-Identifier: Apache-2.0
"""A store with its own prefix of indices on a real server, and layouts of older and newer releases."""

import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from freezer_api.documents.kind import HotList, Kind
from freezer_api.documents.registry import KINDS
from freezer_api.repository import query as q
from freezer_api.repository.elastic import bulk
from freezer_api.repository.elastic.access import Access
from freezer_api.repository.elastic.admin import ElasticAdmin
from freezer_api.repository.elastic.layout import LAYOUTS, Layout, alias_of, write_alias_of
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Answer, Body, Connection
from freezer_api.repository.protocol import Stored
from tests.contract.asking import JOBS, job
from tests.support.search.shared import SearchServers

Layouts = Mapping[str, Layout]
ALL = list(LAYOUTS)


def never(_question: str) -> bool:
    return False


def _release(**changed: Kind) -> Layouts:
    return {kind.name: Layout(changed.get(kind.name, kind)) for kind in KINDS}


WITHOUT_A_LIST = _release(jobs=replace(JOBS, hot=JOBS.hot[:2]))
"""The layout of a release without the list of jobs by host: its mapping lacks two fields."""

WITH_ANOTHER_FIELD = _release(jobs=replace(JOBS, hot=(*JOBS.hot, HotList(("user_name",)))))
"""The layout of a release with a field that was removed later, so that an upgrade must copy the index."""


class Counted(Connection):
    """A connection that calls ``happening`` before each request, with the number of requests so far."""

    happening: Callable[[int], object] = staticmethod(lambda _made: None)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.calls: list[str] = []

    def answer(self, method: str, target: str, body: Body = None) -> Answer:
        self.happening(len(self.calls))
        self.calls.append(f"{method} {target}")
        return super().answer(method, target, body)


class Marked(Counted):
    """A connection that records which of its calls blocks the index that is copied."""

    blocking = -1

    def answer(self, method: str, target: str, body: Body = None) -> Answer:
        if target.endswith("/_block/write"):
            self.blocking = len(self.calls)
        return super().answer(method, target, body)


@dataclass
class Place:
    """A store with its own prefix of indices. The fixture closes the connections in ``opened``."""

    url: str
    prefix: str
    opened: list[Connection] = field(default_factory=list)

    def connect(self, kind: type[Connection] = Connection, **options: Any) -> Any:
        self.opened.append(kind(replace(Access((self.url,), deadline=30.0), **options), 16))
        return self.opened[-1]

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request, with the prefix for ``{}`` in the path, and return the body of the response."""
        return self.opened[0].call(method, self.named(path), body).body

    def named(self, text: str) -> str:
        """Return the text with the prefix for ``{}``."""
        return text.replace("{}", self.prefix)

    def admin(self, layouts: Layouts = LAYOUTS, **options: Any) -> ElasticAdmin:
        connection = options.pop("connection", None) or self.connect()
        return ElasticAdmin(connection, self.prefix, layouts=layouts, **options)

    def sync(self, layouts: Layouts = LAYOUTS, kinds: Iterable[str] = ("jobs",), **options: Any) -> None:
        self.admin(layouts, **options).sync(list(kinds), never)

    def repository(self, **options: Any) -> ElasticRepository:
        return ElasticRepository(self.connect(**options), self.prefix)

    def fill(self, layout: Layout, count: int, created: Callable[[int], int] = lambda number: number) -> None:
        """Write this number of jobs, ``job0`` and so on, as a service with this layout does."""
        alias = alias_of(self.prefix, layout.kind)
        index = next(iter(self.request("GET", f"/{alias}")))
        lines = (
            (
                {"index": {"_index": write_alias_of(index), "_id": f"job{number}"}},
                {
                    **layout.fields(job(f"job{number}", n=number)),
                    "key": f"job{number}",
                    "created": created(number),
                    "version": 1,
                    "write": str(number),
                },
            )
            for number in range(count)
        )
        bulk.write(self.opened[0], lines)
        self.request("POST", f"/{alias}/_refresh")

    def indices(self) -> dict[str, list[str]]:
        """Return all indices of the store and their aliases."""
        found = self.request("GET", "/{},{}-*?ignore_unavailable=true&allow_no_indices=true")
        return {name: sorted(index["aliases"]) for name, index in sorted(found.items())}

    def clear(self) -> None:
        for name in self.indices():
            self.request("DELETE", f"/{name}")


def opened(servers: SearchServers, engine: str, version: str) -> Iterator[Place]:
    """Yield a new store on this server, and remove its indices at the end."""
    place = Place(servers.server(engine, version).url, f"admin-{uuid.uuid4().hex[:8]}")
    place.connect()
    yield place
    place.clear()
    for connection in place.opened:
        connection.close()


def documents(repository: ElasticRepository) -> list[tuple[str, int, Any]]:
    """Return key, version and content of all jobs, in the order of lists."""
    page = repository.search(JOBS, q.Query(limit=100_000, with_total=True))
    assert page.total == len(page.items)
    return [(stored.key, stored.version, stored.document) for stored in page.items]


def changed(repository: ElasticRepository, stored: Stored, **more: Any) -> Stored:
    return repository.replace(JOBS, stored.key, {**stored.document, **more}, stored.token)


class Child:
    """A forked process that calls ``work``. ``stopped`` and ``ended`` wait for it."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                work()
                code = 0
            except SystemExit as error:
                code = int(error.code or 0)
            finally:
                os._exit(code)

    def stopped(self) -> bool:
        """Wait until the process has paused itself or ended. Return whether it has paused."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        return os.WIFSTOPPED(status)

    def ended(self) -> int:
        """Wait until the process has ended. Return its exit code."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)
