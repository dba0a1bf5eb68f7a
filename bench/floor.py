"""The bare SQL: the statements of a request, run on the same file by sqlite3 alone."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from oslo_config import cfg
from sqlalchemy import Engine, event

from bench.wire import Request
from freezer_api import app, config
from freezer_api.repository.sql.sqlite import open_sqlite

Statements = list[tuple[str, Sequence[Any]]]


def statements(path: Path, requests: Iterable[Request]) -> list[Statements]:
    """What the service asks of the database for each request; found out by serving them in this process."""
    conf = cfg.ConfigOpts()
    config.register(conf)
    conf([], project="freezer", default_config_files=[])
    with closing(open_sqlite(path)) as repository:
        serve = app.build_standalone(conf, repository)
        return [_statements(serve, request) for request in requests]


def _statements(serve: Any, request: Request) -> Statements:
    with _heard() as heard:
        b"".join(serve(request.environ(), lambda *_: None))
    return heard


@contextmanager
def _heard() -> Iterator[Statements]:
    heard: Statements = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        heard.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def cpu(path: Path, asked: list[Statements], count: int) -> float:
    """CPU seconds per request, of ``count`` requests' statements in turn, rows fetched and left as they are."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = -8000")
        for request in asked:
            _run(connection, request)
        begun = time.process_time()
        for request in islice(cycle(asked), count):
            _run(connection, request)
        return (time.process_time() - begun) / count


def _run(connection: sqlite3.Connection, request: Statements) -> None:
    for statement, parameters in request:
        connection.execute(statement, parameters).fetchall()
