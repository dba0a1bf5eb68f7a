# SPDX-License-Identifier: Apache-2.0
"""A search finds a document only by properties that the version of the API shows."""

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from freezer_api.documents.fields import Document, Field, Index
from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.repository.protocol import Repository
from tests.functional.client import Client

OWNERS = {"user_id": "alice", "project_id": "library"}
KEY = "the-id"


def _filled(kind: Kind) -> Document:
    """Return a document with a different value in each defined property, and in undefined keys."""
    numbers = itertools.count(710_001)

    def value(field: Field) -> Any:
        if field.index is Index.MEMBERS:
            return {"j1": {"status": f"canary{next(numbers)}"}}
        if field.fields:
            inner = {one.name: value(one) for one in field.fields} | {
                f"free{next(numbers)}": f"canary{next(numbers)}"
            }
            return [inner] if field.many else inner
        if "enum" in field.schema:
            return field.schema["enum"][0]
        return next(numbers) if field.schema.get("type") == "integer" else f"canary{next(numbers)}"

    document = {field.name: value(field) for field in kind.fields}
    if kind.name == "clients":
        # The value of this property in v1 has no effect, and v2 shows a different value.
        document["client"]["is_central"] = False
    if kind.keyed_by_id:
        document[kind.id_field] = KEY
    return {**document, **OWNERS}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, value


def _searches(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    leaf = path.rsplit(".", 1)[-1]
    return (
        (path, value),
        (leaf, value),
        ("_all", str(value)),
        ("_all", json.dumps([{path: value}])),
        ("_all", json.dumps([{leaf: value}])),
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_hidden_properties_are_not_found(client: Client, repository: Repository, kind: Kind) -> None:
    document = _filled(kind)
    repository.create(kind, KEY, document)

    def count(search: Document) -> int:
        answer = client("GET", f"{kind.name}?with_count=1", search)
        assert answer.status == 200, answer
        number: int = answer.json["count"]
        return number

    (listed,) = client("GET", kind.name).json[kind.name]
    shown = json.dumps(listed)
    hidden = [(path, value) for path, value in _leaves(document) if str(value).lower() not in shown]
    assert ("project_id" in dict(hidden)) == (client.version.name == "v1")
    for path, value in hidden:
        for pair in _searches(path, value):
            assert count({"match": [dict([pair])]}) == 0, pair
            assert count({"match_not": [dict([pair])]}) == 1, pair
        assert count({"match_not": [{path: None}]}) == 0, path
    # Shown properties are found, so the searches above are valid.
    assert count({"match": [{"_all": "alice"}]}) == 1
