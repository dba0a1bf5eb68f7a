# SPDX-License-Identifier: Apache-2.0
"""Create, upgrade, show and remove indices."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import CommandError
from freezer_api.repository.admin import Advance, Ask, Foreign, Task, silent
from freezer_api.repository.elastic import bulk, copying, foreign
from freezer_api.repository.elastic.indices import KindIndices, State, find_indices
from freezer_api.repository.elastic.layout import LAYOUTS, Layout, alias_of, copying_alias_of, write_alias_of
from freezer_api.repository.elastic.transport import Answer, Connection

LOG = logging.getLogger(__name__)

_TAKEN = "resource_already_exists_exception"


class ElasticAdmin:
    """The administration of the indices ``<prefix>-<kind>-...``."""

    def __init__(
        self,
        connection: Connection,
        prefix: str,
        *,
        replicas: int = 0,
        layouts: Mapping[str, Layout] = LAYOUTS,
        max_values: int = MAX_VALUES,
    ) -> None:
        self._connection = connection
        self._prefix = prefix
        self._replicas = replicas
        self._layouts = layouts
        self._max_values = max_values

    def pending(self, kinds: Sequence[str]) -> list[str]:
        each = [(layout, self._find_indices(layout)) for layout in map(self._layouts.__getitem__, kinds)]
        return [self._planned(layout, found) for layout, found in each if found.state is not State.CURRENT]

    def size_limits(self) -> dict[str, int]:
        nodes = self._connection.call("GET", "/_nodes/http").body["nodes"].values()
        limits = [node["http"]["max_content_length_in_bytes"] for node in nodes if "http" in node]
        return {"http.max_content_length": min(limits)} if limits else {}

    def _planned(self, layout: Layout, found: KindIndices) -> str:
        alias = alias_of(self._prefix, layout.kind)
        match found.state:
            case State.MISSING if found.is_empty:
                return f"{alias}: {found.next} would be created"
            case State.ADDITIVE:
                return f"{alias}: the mapping of {found.index} would be extended"
            case State.OTHER:
                return f"{alias}: {found.index} would be copied into {found.next}"
        raise self._unusable(layout, found)

    def _find_indices(self, layout: Layout) -> KindIndices:
        return find_indices(self._connection, self._prefix, layout)

    def _unusable(self, layout: Layout, found: KindIndices) -> CommandError:
        alias = alias_of(self._prefix, layout.kind)
        match found.state:
            case State.NEWER:
                return CommandError(f"{found.index} was created by a newer release")
            case State.AMBIGUOUS:
                indices = ", ".join((found.index, *found.others))
                return CommandError(f"the alias {alias} has several indices: {indices}")
            case State.FOREIGN if not found.erasable:
                return CommandError(f"{found.index} belongs to another kind but has the alias {alias}")
            case State.FOREIGN:
                return CommandError(f"{found.index} was not created by this service (--erase removes it)")
        return CommandError(f"the alias {alias} is missing, but not its indices: {', '.join(self._all(found))}")

    def sync(self, kinds: Sequence[str], erase: Ask, task: Task = silent) -> None:
        for kind in kinds:
            layout = self._layouts[kind]
            while (found := self._find_indices(layout)).state is not State.CURRENT or found.copies:
                self._step(layout, found, erase, task)
            self._refuse(found.index, found.foreign)
            self._fill(layout, task)

    def _step(self, layout: Layout, found: KindIndices, erase: Ask, task: Task) -> None:
        """Perform the next step, or wait for another process that performs it."""
        match found.state:
            case State.CURRENT | State.ADDITIVE | State.OTHER if self._is_worked_on(found):
                pass
            case State.OTHER:
                self._copy(layout, found, task)
            case State.CURRENT | State.ADDITIVE if found.copies:
                self._clear(layout, found)
            case State.ADDITIVE:
                mapping = {"properties": layout.mapping["properties"]}
                self._connection.call("PUT", f"/{found.index}/_mapping", mapping)
                self._fill(layout, task)
                self._connection.call("PUT", f"/{found.index}/_mapping", {"_meta": copying.meta(layout)})
            case State.MISSING if found.is_empty:
                self._create(layout, found.next, {alias_of(self._prefix, layout.kind): {}})
            case State.FOREIGN if found.erasable and erase(
                f"{found.index} was not created by this service. Remove it with all its documents?"
            ):
                self._connection.call("DELETE", f"/{found.index}")
            case _:
                raise self._unusable(layout, found)

    def _is_worked_on(self, found: KindIndices) -> bool:
        return any(copying.is_in_progress(self._connection, one) for one in found.copies)

    def _clear(self, layout: Layout, found: KindIndices) -> bool:
        """Remove abandoned copies. Return False if another process has finished one in the meantime."""
        alias = alias_of(self._prefix, layout.kind)
        for index in found.copies:
            LOG.info("Removing %s, a copy that was not finished", index)
            if not copying.remove_copy(self._connection, index, alias):
                return False
            copying.unblock(self._connection, found.index)
        return True

    def _create(self, layout: Layout, index: str, aliases: Mapping[str, Any], beats: int | None = None) -> bool:
        """Create an index. Return False if it exists already."""
        body = {
            "settings": {"index": layout.settings(self._replicas)},
            "mappings": {**layout.mapping, "_meta": copying.meta(layout, beats)},
            "aliases": {**aliases, write_alias_of(index): {}},
        }
        answer: Answer = self._connection.answer("PUT", f"/{index}", body)
        if answer.status == 400 and answer.error == _TAKEN:
            return False
        if answer.status >= 300:
            raise CommandError(f"the store refuses to create the index {index}: {answer.error}: {answer.reason}")
        created = self._connection.call("GET", f"/{index}").body.get(index)
        # If another process removed a copy during the creation, the index may lack its alias.
        if created is not None:
            self._refuse(index, foreign.in_index(index, created, self._prefix, layout))
        return True

    @staticmethod
    def _refuse(index: str, added: Iterable[Foreign]) -> None:
        """Raise ``CommandError`` if requests fail with one of the additions to the index."""
        texts = "; ".join(one.text for one in added if one.breaks)
        if texts:
            raise CommandError(f"the index {index} has additions of others or of an index template: {texts}")

    def foreign(self, kinds: Sequence[str]) -> list[Foreign]:
        each = [self._find_indices(self._layouts[kind]) for kind in kinds]
        return [Foreign(f"{found.index}: {text}", breaks) for found in each for text, breaks in found.foreign]

    def _copy(self, layout: Layout, found: KindIndices, task: Task) -> None:
        if not self._create(layout, found.next, {copying_alias_of(found.next): {}}, beats=0):
            return
        if self._clear(layout, found):
            LOG.info("Copying %s into %s", found.index, found.next)
            copy = copying.Copy(self._connection, self._prefix, layout, found.index, found.next, self._max_values)
            with task(f"Copying {found.index}", self._count(found.index)) as advance:
                copy.run(advance)
        else:
            copying.remove_copy(self._connection, found.next, alias_of(self._prefix, layout.kind))

    def _count(self, index: str, query: Mapping[str, Any] | None = None) -> int | None:
        """Return the number of documents, None if the index is missing."""
        answer = self._connection.call("POST", f"/{index}/_count", {} if query is None else {"query": query})
        return answer.body["count"] if answer.status == 200 else None

    def _fill(self, layout: Layout, task: Task) -> None:
        """Compute the fields of documents again that an older release wrote."""
        alias = alias_of(self._prefix, layout.kind)
        older = {"bool": {"must_not": [{"term": {"layout": layout.definition}}]}}
        count = self._count(alias, older)
        if count != 0:
            with task(f"Indexing {layout.kind.name} again", count) as advance:
                self._index_again(layout, alias, older, advance)
        self._connection.call("POST", f"/{alias}/_refresh")

    def _index_again(self, layout: Layout, alias: str, query: Mapping[str, Any], advance: Advance) -> None:
        body = {
            "query": query,
            "sort": [{"created": "asc"}, {"key": "asc"}],
            "seq_no_primary_term": True,
        }
        for hits in bulk.pages(self._connection, alias, body):
            lines = ((self._place(hit), bulk.rebuilt_source(layout, hit, self._max_values)) for hit in hits)
            bulk.write(self._connection, lines)
            advance(len(hits))

    @staticmethod
    def _place(hit: dict[str, Any]) -> dict[str, Any]:
        place = {"_index": write_alias_of(hit["_index"]), "_id": hit["_id"], "require_alias": True}
        return {"index": {**place, "if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]}}

    def notes(self) -> list[str]:
        return [text for text, breaks in self.foreign(list(self._layouts)) if not breaks]

    def remove(self, kinds: Sequence[str], *, test_only: bool = False) -> list[str]:
        removed = []
        for kind in kinds:
            found = self._find_indices(self._layouts[kind])
            if found.state is State.FOREIGN:
                raise self._unusable(self._layouts[kind], found)
            for index in self._all(found):
                if not test_only:
                    self._connection.call("DELETE", f"/{index}")
                removed.append(kind)
        return list(dict.fromkeys(removed))

    @staticmethod
    def _all(found: KindIndices) -> list[str]:
        return [*([found.index] if found.index else []), *found.others, *found.copies]

    def show(self) -> Any:
        shown = {}
        for layout in self._layouts.values():
            found = self._find_indices(layout)
            for index in self._all(found):
                there = self._connection.call("GET", f"/{index}")
                stats = self._connection.call("GET", f"/{index}/_stats/docs,store")
                # A copy may have replaced the index in the meantime.
                if there.status == stats.status == 200:
                    shown[index] = self._shown(there.body[index], stats.body["indices"][index])
        return shown or None

    @staticmethod
    def _shown(there: dict[str, Any], stats: dict[str, Any]) -> dict[str, Any]:
        meta = there["mappings"].get("_meta", {}).get("freezer", {})
        return {
            "aliases": sorted(there["aliases"]),
            "mapping_version": meta.get("release"),
            "mapping_digest": meta.get("mapping"),
            "documents": stats["primaries"]["docs"]["count"],
            "replicas": int(there["settings"]["index"]["number_of_replicas"]),
            "size_in_bytes": stats["total"]["store"]["size_in_bytes"],
            "mappings": there["mappings"],
        }

    def update_settings(self) -> str:
        for layout in self._layouts.values():
            found = self._find_indices(layout)
            if not found.index:
                raise CommandError(f"the index of {layout.kind.name} does not exist: run 'freezer-manage db sync'")
            self._connection.call(
                "PUT", f"/{found.index}/_settings", {"index": {"number_of_replicas": self._replicas}}
            )
        return f"number_of_replicas is {self._replicas}"

    def close(self) -> None:
        self._connection.close()
