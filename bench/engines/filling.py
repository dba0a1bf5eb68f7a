# SPDX-License-Identifier: Apache-2.0
"""Fill a store by restoring batches of documents in several processes, or in this one if there are few."""

import os
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from functools import cache
from itertools import islice
from multiprocessing import get_context

from bench.engines import Store
from bench.fleet import Maker
from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.repository.protocol import Original, Repository

_BATCH_SIZE = 500
"""Number of documents in a batch."""
_FEW = 3000
"""Number of documents up to which storing them takes less time than starting processes."""
_MAX_WAITING = 2
"""Number of waiting batches per process: enough to keep it busy, and few in memory."""

_KINDS = {kind.name: kind for kind in KINDS}


def fill(store: Store, maker: Maker) -> None:
    """Store all documents of the maker."""
    if maker.wanted.jobs + maker.wanted.backups <= _FEW:
        with closing(store.open()) as repository:
            for kind, originals in maker.kinds():
                while batch := list(islice(originals, _BATCH_SIZE)):
                    _restore_batch(repository, kind, batch)
    else:
        _fill_in_processes(store, maker)
    store.settle()


def _restore_batch(repository: Repository, kind: Kind, batch: list[Original]) -> None:
    if not all(repository.restore(kind, batch)):
        raise ValueError(f"some {kind.name} exist already")


def _fill_in_processes(store: Store, maker: Maker) -> None:
    processes = os.cpu_count() or 1
    under_way: deque[Future[None]] = deque()
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for kind, originals in maker.kinds():
            while batch := list(islice(originals, _BATCH_SIZE)):
                under_way.append(pool.submit(_restore, store, kind.name, batch))
                if len(under_way) > _MAX_WAITING * processes:
                    under_way.popleft().result()
        for future in under_way:
            future.result()


def _restore(store: Store, kind: str, batch: list[Original]) -> None:
    """Store a batch; runs in a worker process, which keeps its connections."""
    _restore_batch(_repository(store), _KINDS[kind], batch)


@cache
def _repository(store: Store) -> Repository:
    return store.open()
