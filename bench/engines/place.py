# SPDX-License-Identifier: Apache-2.0
"""The indices of a store on a search server, and connections to it."""

from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from freezer_api.conf.values import parse_hosts
from freezer_api.repository.elastic.access import Access, authorization
from freezer_api.repository.elastic.admin import ElasticAdmin
from freezer_api.repository.elastic.layout import LAYOUTS
from freezer_api.repository.elastic.transport import Answer, Body, Connection

_Connection = TypeVar("_Connection", bound=Connection)

_TIMEOUT = 120.0
"""Timeout of a call in seconds; the refresh of a large index takes long."""


class Noting(Connection):
    """A connection that records its calls, except those for many documents."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.noted: list[tuple[str, str, Any]] = []

    def answer(self, method: str, target: str, body: Body = None) -> Answer:
        lines = body.splitlines() if isinstance(body, bytes) else None
        self.noted.append((method, target, body if lines is None else [orjson.loads(line) for line in lines]))
        return super().answer(method, target, body)


@dataclass(frozen=True)
class Place:
    """Indices whose names start with ``prefix``. The address may contain a user and a password."""

    url: str
    prefix: str

    @property
    def host(self) -> str:
        return parse_hosts([self.url], use_ssl=False)[0][0]

    @property
    def credentials(self) -> tuple[str, str] | None:
        return parse_hosts([self.url], use_ssl=False)[1]

    def connect(self, kind: type[_Connection]) -> _Connection:
        header = authorization(self.credentials, None)
        return kind(Access((self.host,), header, deadline=_TIMEOUT, timeout=_TIMEOUT), 1)

    def make(self) -> None:
        """Create the indices, as `freezer-manage db sync` does."""
        admin = self._admin()
        admin.sync(list(LAYOUTS), erase=lambda _question: False)
        admin.close()

    def remove(self) -> None:
        """Remove the indices."""
        admin = self._admin()
        admin.remove(list(LAYOUTS))
        admin.close()

    def _admin(self) -> ElasticAdmin:
        return ElasticAdmin(self.connect(Connection), self.prefix)
