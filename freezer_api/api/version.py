# SPDX-License-Identifier: Apache-2.0
"""The differences between versions of the API. Resources and operations are the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from freezer_api.api.search import View
from freezer_api.context import Caller
from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.operations.scope import Scope
from freezer_api.routes import Route

Accept = Callable[[Document], Document]
"""A function that validates a body and returns its document or patch, or raises ``Invalid``."""


@dataclass(frozen=True)
class Version:
    """One version of the API.

    ``prefix`` is the prefix of all ``routes``; ``home`` is the JSON home document. ``scope`` takes the caller and
    the project of the path, if any. ``shown`` converts a stored document, which it may modify, to the one in
    responses; ``views`` by kind describe searches. The others validate bodies.
    """

    home: Mapping[str, Any]
    prefix: str
    routes: tuple[Route, ...]
    scope: Callable[[Caller, str | None], Scope]
    shown: Callable[[Kind, Document], Document]
    views: Mapping[str, View]
    backup: Accept
    client: Accept
    action: Accept
    action_patch: Accept
    job: Accept
    job_patch: Accept
    session: Accept
    session_replacement: Accept

    @property
    def mount(self) -> str:
        return "/" + self.prefix.split("/")[1]
