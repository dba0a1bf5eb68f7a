"""A version of the API: all that v1 and v2 differ in. Routes, resources and operations are the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from freezer_api.api.routes import Route
from freezer_api.api.search import View
from freezer_api.context import Caller
from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.operations.scope import Scope

Accept = Callable[[Document], Document]
"""From the body of a request to the document or patch it means; ``Invalid`` when it breaks a rule."""


@dataclass(frozen=True)
class Version:
    """One version.

    ``prefix`` comes before the paths of all ``routes``; ``home`` is the JSON home document at its beginning.
    ``scope`` takes the caller and the project of the path, where it has one. ``shown`` makes what this version
    answers of a document that was just read and is used no more; ``views`` say by kind how it is searched.
    The others read bodies.
    """

    home: Mapping[str, Any]
    prefix: str
    routes: tuple[Route, ...]
    scope: Callable[[Caller, str | None], Scope]
    shown: Callable[[Kind, Document], Document]
    views: Mapping[str, View]
    backup: Accept
    backup_patch: Accept
    client: Accept
    client_patch: Accept
    action: Accept
    action_replacement: Accept
    action_patch: Accept
    job: Accept
    job_replacement: Accept
    job_patch: Accept
    session: Accept
    session_replacement: Accept
    session_patch: Accept

    @property
    def mount(self) -> str:
        """The path below which everything of this version lies."""
        return "/" + self.prefix.split("/")[1]
