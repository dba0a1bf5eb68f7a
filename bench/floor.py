"""The floor: what a request asks of its store, asked once more without the service."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import mean
from typing import Any, Generic, TypeVar

from oslo_config import cfg

from bench.wire import Request
from freezer_api import app
from freezer_api.conf import opts
from freezer_api.repository.protocol import Repository

Call = TypeVar("Call")


def calls(
    repository: Repository, noted: list[Call], requests: Iterable[Request], status: int
) -> Iterator[list[Call]]:
    """What the service asks of the store for each request, found out by serving them in this process.

    ``noted``: where the repository's calls are noted down.
    """
    conf = cfg.ConfigOpts()
    opts.register(conf)
    conf([], project="freezer", default_config_files=[])
    serve = app.build_standalone(conf, repository)
    for request in requests:
        noted.clear()
        _serve(serve, request, status)
        yield noted.copy()


def _serve(serve: Any, request: Request, status: int) -> None:
    statuses: list[str] = []
    body = b"".join(serve(request.environ(), lambda line, *_: statuses.append(line)))
    if not statuses[0].startswith(f"{status} "):
        raise ValueError(f"not answered with {status} but: {statuses[0]} {body!r}")


@dataclass(frozen=True)
class Bare(Generic[Call]):
    """The calls of each request. ``opened`` is the way to the store by which one call is made."""

    asked: Sequence[Sequence[Call]]
    opened: Callable[[], AbstractContextManager[Callable[[Call], object]]]

    @property
    def trips(self) -> float:
        """Calls per request."""
        return mean(map(len, self.asked))

    def cpu(self, count: int, connections: int) -> float:
        """CPU seconds of this process per request, of ``count`` requests' calls in turn.

        So many are under way at once: whoever waits long finds the processor cold, which costs as much again.
        """
        with ExitStack() as stack:
            ways = [stack.enter_context(self.opened()) for _ in range(connections)]
            pool = stack.enter_context(ThreadPoolExecutor(connections))
            _make(pool, ways, self.asked[:count])
            begun = time.process_time()
            _make(pool, ways, list(islice(cycle(self.asked), count)))
            return (time.process_time() - begun) / count


def _make(
    pool: ThreadPoolExecutor, ways: Sequence[Callable[[Call], object]], asked: Sequence[Sequence[Call]]
) -> None:
    """Share the requests out among the ways to the store."""

    def run(number: int) -> None:
        for request in asked[number :: len(ways)]:
            for call in request:
                ways[number](call)

    list(pool.map(run, range(len(ways))))
