# SPDX-License-Identifier: Apache-2.0
import pytest

from freezer_api.documents.actions import ACTIONS
from freezer_api.documents.backups import BACKUPS
from freezer_api.documents.clients import CLIENTS
from freezer_api.documents.fields import Index
from freezer_api.documents.jobs import JOBS
from freezer_api.documents.kind import Kind, dropped, free_name, object_at
from freezer_api.documents.registry import KINDS
from freezer_api.documents.schedules import SCHEDULE_FIELDS
from freezer_api.documents.sessions import SESSIONS

HIDDEN = {kind.name: frozenset(path for path, field in kind.paths.items() if field.hidden) for kind in KINDS}
"""Paths that v1 does not show."""


@pytest.mark.parametrize(
    ("kind", "name", "names"),
    [
        (JOBS, "client_id", ("client_id",)),
        (JOBS, "job_id", ("job_id",)),
        (JOBS, "session_id", ("session_id",)),
        (JOBS, "description", ("description",)),
        *((JOBS, field.name, (f"job_schedule.{field.name}",)) for field in SCHEDULE_FIELDS),
        (JOBS, "action_id", ("job_actions.action_id",)),
        (JOBS, "max_retries", ("job_actions.max_retries",)),
        (JOBS, "mode", ("job_actions.freezer_action.mode",)),
        (JOBS, "backup_name", ("job_actions.freezer_action.backup_name",)),
        (JOBS, "user_id", ("user_id",)),
        (JOBS, "job_schedule.status", ("job_schedule.status", "*job_schedule.status")),
        (JOBS, "command_of_mine", ("*command_of_mine",)),
        (BACKUPS, "backup_id", ("backup_id",)),
        (BACKUPS, "user_name", ("user_name",)),
        (BACKUPS, "hostname", ("backup_metadata.hostname",)),
        (BACKUPS, "job_id", ("backup_metadata.job_id",)),
        (BACKUPS, "client_id", ("backup_metadata.client_id",)),
        (BACKUPS, "time_stamp", ("backup_metadata.time_stamp",)),
        (BACKUPS, "status", ("*status",)),
        (BACKUPS, "tenant", ("*tenant",)),
        (CLIENTS, "client_id", ("client.client_id",)),
        (CLIENTS, "uuid", ("client.uuid",)),
        (CLIENTS, "description", ("client.description",)),
        (CLIENTS, "hostname", ("client.hostname",)),
        (CLIENTS, "user_id", ("user_id",)),
        (ACTIONS, "action_id", ("action_id",)),
        (ACTIONS, "mandatory", ("mandatory",)),
        (ACTIONS, "mode", ("mode", "freezer_action.mode")),
        (ACTIONS, "storage", ("storage", "freezer_action.storage")),
        (ACTIONS, "whatever", ("*whatever",)),
        (SESSIONS, "status", ("status",)),
        (SESSIONS, "result", ("result",)),
        (SESSIONS, "time_started", ("time_started",)),
        (SESSIONS, "hold_off", ("hold_off",)),
        (SESSIONS, "schedule_interval", ("schedule_interval", "schedule.schedule_interval")),
        (SESSIONS, "event", ("event", "schedule.event")),
        (SESSIONS, "client_id", ("*client_id",)),
        (SESSIONS, "", ("*",)),
    ],
)
def test_name_in_a_search_is_resolved_to_names_of_the_index_in_v1(
    kind: Kind, name: str, names: tuple[str, ...]
) -> None:
    assert kind.resolve(name, HIDDEN[kind.name]) == names


@pytest.mark.parametrize(
    ("kind", "name", "v1", "v2"),
    [
        (BACKUPS, "status", ("*status",), ("status",)),
        (BACKUPS, "project_id", ("*project_id",), ("project_id",)),
        (JOBS, "project_id", ("*project_id",), ("project_id",)),
        (
            JOBS,
            "job_actions.project_id",
            ("*job_actions.project_id",),
            ("job_actions.project_id", "*job_actions.project_id"),
        ),
        (SESSIONS, "project_id", ("*project_id",), ("project_id",)),
        (CLIENTS, "project_id", ("*project_id",), ("project_id",)),
        (ACTIONS, "project_id", ("*project_id",), ("project_id",)),
    ],
)
def test_hidden_field_is_not_searched(kind: Kind, name: str, v1: tuple[str, ...], v2: tuple[str, ...]) -> None:
    assert kind.resolve(name, HIDDEN[kind.name]) == v1
    assert kind.resolve(name, ()) == v2


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_id_and_owner_are_server_properties(self, kind: Kind) -> None:
        assert {"user_id", "project_id"} <= kind.server_names
        if kind in (BACKUPS, JOBS, SESSIONS):
            assert kind.id_field in kind.server_names

    def test_paths_of_levels_are_defined(self, kind: Kind) -> None:
        containers = {container for level in kind.levels for container in level} - {""}
        assert containers <= kind.paths.keys()

    def test_columns_of_hot_lists_are_defined_paths(self, kind: Kind) -> None:
        assert {"user_id", "project_id"} <= set(kind.hot_paths)
        assert set(kind.hot_paths) <= kind.paths.keys()
        assert len(set(kind.hot_paths)) == len(kind.hot_paths)

    def test_v1_hides_the_project_id_and_shows_the_user_id(self, kind: Kind) -> None:
        assert "project_id" not in kind.shown_names
        assert "user_id" in kind.shown_names

    def test_paths_are_unique(self, kind: Kind) -> None:
        assert len({path.casefold() for path in kind.paths}) == len(kind.paths)

    def test_only_backups_have_an_epoch_path(self, kind: Kind) -> None:
        assert kind.epoch_path == ("backup_metadata.time_stamp" if kind is BACKUPS else None)


def test_fields_hidden_from_some_callers_have_index_aside() -> None:
    aside = {(kind.name, path) for kind in KINDS for path, _ in kind.aside}
    assert aside == {("backups", "user_name"), ("backups", "status"), ("jobs", "job_schedule.current_pid")}
    hidden = {(kind.name, path) for kind in KINDS for path in HIDDEN[kind.name] if not kind.paths[path].server}
    assert hidden <= aside


def test_only_trustors_and_earlier_members_are_not_indexed() -> None:
    off = {(kind.name, path) for kind in KINDS for path, field in kind.paths.items() if field.index is Index.OFF}
    assert off == {("jobs", "user_credentials.trustor_user_id"), ("sessions", "_earlier")}


def test_no_defined_path_starts_with_the_prefix_of_free_names() -> None:
    assert free_name("a") == "*a"
    assert not any(path.startswith("*") for kind in KINDS for path in kind.paths)


def test_dropped_returns_a_copy_without_the_path() -> None:
    document = {"a": 1, "b": 2}
    assert dropped(document, ("b", "c")) == {"a": 1}
    assert document == {"a": 1, "b": 2}


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_object_at_returns_empty_object_for_other_types(value: object) -> None:
    assert object_at({"a": value}, "a") == {}
    assert object_at({}, "a") == {}
    assert object_at({"a": {"b": 1}}, "a") == {"b": 1}
