# SPDX-License-Identifier: Apache-2.0
"""The lower bound of the cost of a request: its calls to the store, repeated without the service."""

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
    """Serve the requests in this process and return the calls to the store that each of them causes.

    ``noted`` is the list to which the repository appends its calls.
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
        raise ValueError(f"expected status {status}, got {statuses[0]} {body!r}")


@dataclass(frozen=True)
class Bare(Generic[Call]):
    """The calls of each request. ``opened`` is a context with a function that executes a call to the store.

    ``once``: the calls cannot be repeated, so each context has a store in the state before the calls.
    """

    asked: Sequence[Sequence[Call]]
    opened: Callable[[], AbstractContextManager[Callable[[Call], object]]]
    once: bool = False

    @property
    def trips(self) -> float:
        """Mean number of calls per request."""
        return mean(map(len, self.asked))

    def cpu(self, count: int, connections: int) -> float:
        """Return the CPU seconds per request that the calls of ``count`` requests take in this process.

        ``connections`` requests run concurrently, as in the service: after a long wait the caches of the processor
        are cold, which doubles the cost.
        """
        asked = self.asked if self.once else list(islice(cycle(self.asked), count))
        with ExitStack() as stack:
            ways = [stack.enter_context(self.opened()) for _ in range(1 if self.once else connections)]
            pool = stack.enter_context(ThreadPoolExecutor(len(ways)))
            if not self.once:
                _make(pool, ways, self.asked[:count])
            begun = time.process_time()
            _make(pool, ways, asked)
            return (time.process_time() - begun) / len(asked)


def _make(
    pool: ThreadPoolExecutor, ways: Sequence[Callable[[Call], object]], asked: Sequence[Sequence[Call]]
) -> None:
    """Distribute the requests among the connections."""

    def run(number: int) -> None:
        for request in asked[number :: len(ways)]:
            for call in request:
                ways[number](call)

    list(pool.map(run, range(len(ways))))
