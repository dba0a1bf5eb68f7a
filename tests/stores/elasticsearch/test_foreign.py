# SPDX-License-Identifier: Apache-2.0
"""Detect additions to indices by index templates, other programs and operators."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from freezer_api.errors import CommandError, Unavailable
from freezer_api.repository import query as q
from freezer_api.repository.protocol import Original
from tests.contract.asking import JOBS, found, job, keep
from tests.stores.elasticsearch.place import ALL, WITH_ANOTHER_FIELD, Counted, Place, documents
from tests.support.needs import SEARCH, on

JOBS_1 = "{}-jobs-000001"

Template = Callable[..., None]

KINDS_OF_TEMPLATES = ["composable", "legacy"]


@pytest.fixture(params=KINDS_OF_TEMPLATES)
def template(request: pytest.FixtureRequest, every_place: Place) -> Iterator[Template]:
    """Create an index template that matches the indices of the store, until the end of the test."""
    yield from _template(every_place, request.param)


@pytest.fixture
def one_template(place: Place) -> Iterator[Template]:
    """Create a composable template on one server."""
    yield from _template(place, KINDS_OF_TEMPLATES[0])


def _template(place: Place, kind: str) -> Iterator[Template]:
    kept: list[str] = []

    def _make(
        template: dict[str, Any] | None = None, components: dict[str, Any] | None = None, **more: Any
    ) -> None:
        pattern = {"index_patterns": [place.named("{}*")]}
        for name, component in (components or {}).items():
            place.request("PUT", f"/_component_template/{{}}-{name}", {"template": component})
            kept.insert(0, f"/_component_template/{{}}-{name}")
        if kind == "legacy":
            place.request("PUT", "/_template/{}", {**pattern, "order": 1, **(template or {})})
            kept.insert(0, "/_template/{}")
        else:
            composed = {"composed_of": [place.named(f"{{}}-{name}") for name in components or {}]}
            body = {**pattern, "priority": 7, "template": template or {}, **composed, **more}
            place.request("PUT", "/_index_template/{}", body)
            kept.insert(0, "/_index_template/{}")

    def _remove() -> None:
        while kept:
            place.request("DELETE", kept.pop(0))

    _make.remove = _remove  # type: ignore[attr-defined]
    yield _make
    _remove()


def settings_of(place: Place, index: str) -> Any:
    return place.request("GET", f"/{index}")[place.named(index)]["settings"]["index"]


def check_that_it_works(place: Place) -> None:
    """Create, replace, list and delete a document."""
    repository = place.repository()
    kept = repository.create(JOBS, "works", job("works"))
    kept = repository.replace(JOBS, "works", job("works", n=2), kept.token)
    assert repository.get(JOBS, "works") == kept
    assert "works" in found(repository)
    repository.delete(JOBS, "works", kept.token)


@pytest.mark.slow
class TestOnEveryEngine:
    def test_ingest_pipeline_of_an_index_template_has_no_effect(
        self, every_place: Place, template: Template
    ) -> None:
        place = every_place
        place.request("PUT", "/_ingest/pipeline/{}", {"processors": []})
        template(
            {"settings": {"index": {"default_pipeline": place.named("{}"), "final_pipeline": place.named("{}")}}}
        )
        place.sync(kinds=ALL)
        place.repository().check()
        check_that_it_works(place)
        settings = settings_of(place, JOBS_1)
        assert (settings["default_pipeline"], settings["final_pipeline"]) == ("_none", "_none")
        assert place.admin().foreign(ALL) == []
        place.request("DELETE", "/_ingest/pipeline/{}")

    def test_index_without_templates_has_no_additions(self, every_place: Place) -> None:
        every_place.sync(WITH_ANOTHER_FIELD)
        every_place.fill(WITH_ANOTHER_FIELD["jobs"], 20)
        every_place.sync(kinds=ALL)
        assert every_place.admin().foreign(ALL) == []
        assert every_place.admin().notes() == []
        assert every_place.admin().pending(ALL) == []

    def test_harmless_additions_to_an_index_are_only_reported(
        self, every_place: Place, template: Template
    ) -> None:
        template({"settings": {"index": {"priority": 7}}, "aliases": {"everything": {}}})
        every_place.sync()
        check_that_it_works(every_place)
        expected = {(one.text, one.breaks) for one in every_place.admin().foreign(["jobs"])}
        assert expected == {
            (every_place.named(f"{JOBS_1}: it has the alias everything"), False),
            (every_place.named(f"{JOBS_1}: index.priority is 7"), False),
        }

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"settings": {"index": {"blocks": {"write": True}}}}, "index.blocks.write is true"),
            (
                {"settings": {"index": {"blocks": {"read_only_allow_delete": True}}}},
                "read_only_allow_delete is true",
            ),
            ({"mappings": {"properties": {"host": {"type": "keyword"}}}}, "the mapping has the field host"),
            (
                {"mappings": {"dynamic_templates": [{"x": {"match": "*", "mapping": {"type": "keyword"}}}]}},
                "the mapping has dynamic_templates",
            ),
            ({"mappings": {"_routing": {"required": True}}}, "the mapping has _routing"),
            ({"aliases": {"PREFIX-clients": {}}}, "it has the alias {}-clients"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_harmful_additions_to_an_index_end_the_command(
        self, every_place: Place, template: Template, body: Any, expected: str
    ) -> None:
        place = every_place
        template(json.loads(json.dumps(body).replace("PREFIX", place.prefix)))
        with pytest.raises(CommandError, match=r"or of an index template: ") as refusal:
            place.sync()
        assert place.named(expected) in str(refusal.value)

    def test_dynamic_mapping_of_a_component_template_is_overridden(self, every_place: Place) -> None:
        for template in _template(every_place, "composable"):
            template(components={"dynamic": {"mappings": {"dynamic": True, "date_detection": False}}})
            with pytest.raises(CommandError, match="the mapping has date_detection"):
                every_place.sync()
            mappings = every_place.request("GET", f"/{JOBS_1}/_mapping")[every_place.named(JOBS_1)]["mappings"]
            assert mappings["dynamic"] == "strict"

    def test_template_of_data_streams_is_reported(self, every_place: Place) -> None:
        for template in _template(every_place, "composable"):
            template({}, data_stream={})
            with pytest.raises(CommandError, match=r"the store refuses to create the index .*data stream"):
                every_place.sync()


@pytest.mark.parametrize("every_place", on(*SEARCH, slow=set(SEARCH) - {"elasticsearch9"}), indirect=True)
def test_closed_index_is_unavailable_and_logged(every_place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place = every_place
    place.sync()
    repository = place.repository()
    kept = repository.create(JOBS, "one", job("one"))
    place.request("POST", f"/{JOBS_1}/_close")
    for call in (
        lambda: repository.get(JOBS, "one"),
        lambda: repository.search(JOBS, q.Query(with_total=True)),
        lambda: repository.create(JOBS, "new", job("new")),
        lambda: repository.replace(JOBS, "one", job("one", n=2), kept.token),
        lambda: repository.delete(JOBS, "one", kept.token),
        lambda: repository.restore(JOBS, [Original("new", job("new"), 1, 1)]),
    ):
        caplog.clear()
        with pytest.raises(Unavailable):
            call()
        (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("freezer_api")]
        assert "index_closed_exception" in line
    (expected,) = place.admin().foreign(["jobs"])
    assert expected == (place.named(f"{JOBS_1}: it is closed"), True)
    with pytest.raises(CommandError, match="it is closed"):
        place.sync()
    place.request("POST", f"/{JOBS_1}/_open")
    assert repository.get(JOBS, "one") == kept
    place.sync()


def test_settings_changed_by_others_are_reported(place: Place) -> None:
    place.sync()
    place.request("PUT", "/_ingest/pipeline/{}", {"processors": []})
    changes = {"index": {"default_pipeline": place.named("{}"), "blocks.read_only": True, "hidden": True}}
    place.request("PUT", f"/{JOBS_1}/_settings", changes)
    index = place.named(JOBS_1)
    assert place.admin().foreign(["jobs"]) == [
        (f"{index}: index.blocks.read_only is true", True),
        (place.named(f"{index}: index.default_pipeline is {{}}"), True),
        (f"{index}: index.hidden is true", False),
    ]
    with pytest.raises(CommandError, match=r"index.blocks.read_only is true; index.default_pipeline is"):
        place.sync()
    place.request("PUT", f"/{JOBS_1}/_settings", {"index": {"blocks.read_only": False, "default_pipeline": None}})
    place.sync()
    assert place.admin().notes() == [f"{index}: index.hidden is true"]
    check_that_it_works(place)
    place.request("DELETE", "/_ingest/pipeline/{}")


def test_filter_of_the_alias_is_reported(place: Place) -> None:
    place.sync()
    alias = {"index": place.named(JOBS_1), "alias": place.named("{}-jobs"), "filter": {"term": {"key": "x"}}}
    place.request("POST", "/_aliases", {"actions": [{"add": alias}]})
    (expected,) = place.admin().foreign(["jobs"])
    assert expected == (place.named(f"{JOBS_1}: the alias {{}}-jobs has filter"), True)


def test_next_sync_removes_a_field_that_a_template_added(place: Place, one_template: Template) -> None:
    place.sync()
    keep(place.repository(), "one", "two")
    before = documents(place.repository())
    one_template({"mappings": {"properties": {"host": {"type": "keyword"}}}})
    place.request("PUT", f"/{JOBS_1}/_mapping", {"properties": {"host": {"type": "keyword"}}})
    assert place.admin().pending(["jobs"]) == [
        place.named("{}-jobs: {}-jobs-000001 would be copied into {}-jobs-000002")
    ]
    for _ in range(2):
        with pytest.raises(CommandError, match="the mapping has the field host"):
            place.sync()
        assert documents(place.repository()) == before
        check_that_it_works(place)
    one_template.remove()  # type: ignore[attr-defined]
    place.sync()
    assert place.admin().foreign(["jobs"]) == []
    assert documents(place.repository()) == before


def test_index_of_another_kind_behind_the_alias_is_never_erased(place: Place) -> None:
    place.sync(kinds=["backups"])
    add = {"index": place.named("{}-backups-000001"), "alias": place.named("{}-jobs")}
    place.request("POST", "/_aliases", {"actions": [{"add": add}]})
    with pytest.raises(CommandError, match=r"-backups-000001 belongs to another kind but has the alias .*-jobs"):
        place.admin().sync(["jobs"], lambda _question: True)
    with pytest.raises(CommandError, match=r"it has the alias .*-jobs"):
        place.sync(kinds=["backups"])
    assert list(place.indices()) == [place.named("{}-backups-000001")]


def test_index_removed_during_its_creation_is_created_again(place: Place) -> None:
    connection = place.connect(Counted)

    def _remove(made: int) -> None:
        if made and connection.calls[-1].startswith("PUT ") and connection.calls.count(connection.calls[-1]) == 1:
            place.request("DELETE", f"/{JOBS_1}?ignore_unavailable=true")

    connection.happening = _remove
    place.sync(connection=connection)
    assert list(place.indices()) == [place.named(JOBS_1)]
