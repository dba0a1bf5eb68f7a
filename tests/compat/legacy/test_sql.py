# SPDX-License-Identifier: Apache-2.0
"""Read the SQL database of the original service, of every revision."""

import pytest
from sqlalchemy import create_engine, make_url, text

from freezer_api.compat.legacy.findings import Refused
from freezer_api.compat.legacy.repair import repaired
from freezer_api.compat.legacy.sql import open_database
from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError
from tests.compat.legacy import sample
from tests.compat.legacy.original import HEAD, REVISIONS, Json, row
from tests.support.needs import on

NAMES = {kind.name: kind for kind in KINDS}


def found(url, kind, **options):
    """Return the documents of a kind as they are in the database."""
    with open_database(url, **options) as database:
        assert list(database.strays) == []
        return list(database.read(NAMES[kind]))


def change(url, *statements):
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def documents(url, kind, **options):
    """Return the documents of a kind as they are imported."""
    items = found(url, kind, **options)
    return [repaired(NAMES[kind], item.document, {})[1] for item in items if not isinstance(item, Refused)]


MARIADB = [
    pytest.param(revision, "mariadb", marks=pytest.mark.store("mariadb", slow=revision not in ("1", HEAD)))
    for revision in REVISIONS
]


@pytest.mark.parametrize(("revision", "server"), [*((revision, None) for revision in REVISIONS), *MARIADB])
def test_every_revision_gives_the_same_documents(old, revision, server):
    url = old(revision, server=server)

    for kind, expected in sample.documents(revision).items():
        assert documents(url, kind) == expected


@pytest.mark.parametrize(
    ("server", "times"),
    [
        (None, {"2020-01-02 03:04:05.000006": 1577934245000006, "1969-01-01": 0, None: None, "soon": None}),
        pytest.param("mariadb", {"2020-01-02 03:04:05": 1577934245000000}, marks=pytest.mark.store("mariadb")),
    ],
    ids=["sqlite", "mariadb"],
)
def test_creation_time_of_a_document_is_that_of_its_row(old, server, times):
    rows = [row(f"b{n}", at, **sample.ANN, backup_metadata=Json({})) for n, at in enumerate(times)]

    items = found(old(rows={"backups": rows}, server=server), "backups")
    assert [item.created for item in items] == list(times.values())


@pytest.mark.parametrize("server", [None, *on("mariadb")])
def test_rows_are_read_page_by_page(old, server):
    rows = [row(f"b{n:04}", **sample.ANN, backup_metadata=Json({"n": n})) for n in range(600)]
    rows[200]["deleted"] = 1

    items = found(old(rows={"backups": rows}, server=server), "backups")
    assert [item.label for item in items] == [row["id"] for row in rows if not row["deleted"]]


def test_jobs_get_their_own_actions_even_on_later_pages(old):
    count = 450
    rows = {
        "actions": [
            row(f"a{n:03}", **sample.ANN, action="backup", backup_metadata=Json({"n": n})) for n in range(count)
        ],
        "jobs": [row(f"j{n:03}", **sample.ANN, client_id="web1", schedule=Json({})) for n in range(count)],
        "job_actions": [
            row(f"x{n:03}", job_id=f"j{n:03}", action_id=f"a{count - 1 - n:03}", position=0) for n in range(count)
        ],
    }
    held = [job["job_actions"][0]["freezer_action"]["n"] for job in documents(old(rows=rows), "jobs")]

    assert held == list(reversed(range(count)))


def jobs_with(*lists):
    return {
        "actions": [row("known", **sample.BOB, action="exec", backup_metadata=Json({}))],
        "jobs": [
            row(f"j{n}", **sample.BOB, client_id="web1", schedule=Json({}), job_actions=Json(items))
            for n, items in enumerate(lists)
        ],
    }


def test_action_that_exists_only_in_jobs_is_imported_once(old):
    item = {"freezer_action": {"action": "backup"}, "max_retries": 3, "mandatory": True, "more": 1}
    known, unknown, stranger = {**item, "action_id": "known"}, {**item, "action_id": "new"}, {"user_id": "eve"}
    url = old(
        "e74c32f034c5",
        jobs_with([known, unknown, item], [{**unknown, **stranger}, {"action_id": "bare"}, item], None, "x"),
    )
    first, second, *others = documents(url, "jobs")
    ids = [first["job_actions"][2]["action_id"], second["job_actions"][2]["action_id"]]
    entry = {"freezer_action": {"action": "backup"}, "max_retries": 3, "mandatory": True, **sample.BOB}

    assert first["job_actions"] == [known, unknown, {**item, "action_id": ids[0]}]
    assert second["job_actions"][:2] == [{**unknown, **stranger}, {"action_id": "bare"}]
    assert others == [{**first, "job_id": "j2", "job_actions": []}]
    assert len({*ids, "known", "new"}) == 4
    assert documents(url, "actions")[1:] == [{**entry, "action_id": id_} for id_ in ("new", *ids)]
    assert documents(url, "jobs")[0] == first


def test_jobs_keep_their_actions_after_an_interrupted_upgrade(old):
    url = old("4f8c679a1d3b")
    change(url, "CREATE TABLE job_actions (id, created_at, deleted, job_id, action_id, position)")

    assert documents(url, "jobs") == sample.documents("4f8c679a1d3b")["jobs"]


@pytest.mark.parametrize(
    ("kind", "column", "value", "reason"),
    [
        ("backups", "backup_metadata", "{", "backup_metadata cannot be stored: Expecting property name"),
        ("backups", "backup_metadata", '{"size": NaN}', "backup_metadata cannot be stored: NaN is not valid JSON"),
        ("backups", "status", b"\xff", "status is not UTF-8"),
        ("backups", "backup_metadata", b'"\xff"', "backup_metadata cannot be stored: The body is not UTF-8"),
        ("actions", "backup_metadata", "[]", "backup_metadata is not a JSON object"),
        ("jobs", "description", b"\xff", "description is not UTF-8"),
        ("sessions", "job", "{]", "job cannot be stored"),
        ("clients", "supported_modes", "fs", "supported_modes cannot be stored"),
    ],
)
def test_only_the_unreadable_row_is_refused(old, kind, column, value, reason):
    url = old()
    (first, *others) = found(url, kind)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE {kind} SET {column} = CAST(? AS TEXT) WHERE id = (SELECT min(id) FROM {kind})", (value,)
        )
    engine.dispose()
    refused, *rest = found(url, kind)

    assert rest == others
    assert refused[:2] == (NAMES[kind], first.label)
    assert refused.reason.startswith(reason)


def test_actions_of_an_unreadable_job_are_ignored(old):
    url = old("3", jobs_with([], "{"))
    change(url, "UPDATE jobs SET job_actions = '[' WHERE id = 'j1'")

    assert isinstance(found(url, "jobs")[1], Refused)
    assert len(found(url, "actions")) == 1


@pytest.mark.parametrize("server", [None, *on("mariadb")])
def test_import_does_not_see_later_writes(old, sql_servers, server):
    url = old(server=server)
    if server is None:
        change(url, "PRAGMA journal_mode = WAL")
    with open_database(url) as database:
        if server is None:
            change(url, "DELETE FROM backups")
        else:
            sql_servers.server(server).run("DELETE FROM backups", database=make_url(url).database)
        items = list(database.read(NAMES["backups"]))

    assert len(items) == 2
    assert found(url, "backups") == []


@pytest.mark.store("mariadb")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"password": "wr0ng"}, "Access denied for user"),
        ({"database": "none"}, "Access denied for user"),
        ({"port": 1}, "Can't connect to MySQL server"),
    ],
)
def test_unreachable_server_is_reported(old, change, expected):
    url = make_url(old(server="mariadb")).set(**change)

    with (
        pytest.raises(CommandError, match=expected) as caught,
        open_database(url.render_as_string(hide_password=False)),
    ):
        pass
    assert str(caught.value).startswith(f"cannot read mysql://127.0.0.1:{url.port}/{url.database}: ")
    assert len(str(caught.value).splitlines()) == 1
    assert not any(password in str(caught.value) for password in ("wr0ng", "p@ss", "p%40"))


def test_import_does_not_change_its_source(old, tmp_path):
    url = old()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for kind in NAMES:
        found(url, kind)

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


UNKNOWN = "UPDATE alembic_version SET version_num = 'future'"


def test_unknown_revision_is_refused_without_the_option_yes(old):
    url = old()
    change(url, UNKNOWN)

    with pytest.raises(
        CommandError, match="have the unknown revision future; all columns exist, use --yes to read them"
    ):
        found(url, "jobs")
    assert documents(url, "jobs", any_revision=True) == sample.documents("7a3b9c1d2e4f")["jobs"]


@pytest.mark.parametrize(
    ("revision", "statement"),
    [
        (HEAD, "DELETE FROM alembic_version"),
        (HEAD, "DROP TABLE alembic_version"),
        ("2", "UPDATE migrate_version SET repository_id = 'other'"),
    ],
    ids=["empty table", "no table", "other service"],
)
def test_missing_revision_is_refused_like_an_unknown_one(old, revision, statement):
    url = old(revision)
    change(url, statement)

    with pytest.raises(CommandError, match="have no revision"):
        found(url, "jobs")
    assert len(found(url, "jobs", any_revision=True)) == 2


@pytest.mark.parametrize("any_revision", [False, True])
@pytest.mark.parametrize("revision", ["known", "unknown"])
def test_error_lists_the_missing_columns(old, revision, any_revision):
    url = old()
    change(url, "DROP TABLE sessions", "DROP TABLE job_actions", "ALTER TABLE backups DROP COLUMN user_id")
    if revision == "unknown":
        change(url, UNKNOWN)

    with pytest.raises(CommandError, match=r"lack .*sessions\.id, .*backups\.user_id, jobs\.job_actions$"):
        found(url, "clients", any_revision=any_revision)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql", "--from-sql: invalid URL; expected"),
        ("postgresql://ann:s3cret@db/freezer", "the original supports only MySQL, MariaDB and SQLite"),
        ("sqlite:///{}/none.sqlite", "does not exist"),
        ("sqlite://", "SQLite needs a file"),
        ("mysql://ann:s3cret@db", "--from-sql: the name of the database is missing"),
        ("sqlite:///{}/empty.sqlite", "the tables of the original do not exist"),
        ("sqlite:///{}/text.sqlite", "file is not a database"),
        ("mysql+nodriver://ann:s3cret@db/freezer", "unsupported driver nodriver; supported for mysql is pymysql"),
    ],
)
def test_url_of_another_database_is_refused(tmp_path, url, expected):
    (tmp_path / "empty.sqlite").touch()
    (tmp_path / "text.sqlite").write_text("text " * 1000)

    with pytest.raises(CommandError, match=expected) as caught, open_database(url.format(tmp_path)):
        pass
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_id_that_is_not_utf8_ends_the_import(old):
    rows = [row(f"b{n:03}", **sample.ANN, backup_metadata=Json({})) for n in range(250)]
    url = old(rows={"backups": rows})
    change(url, "UPDATE backups SET id = CAST(x'623139ff' AS TEXT) WHERE id = 'b199'")

    with pytest.raises(CommandError, match="an id is not UTF-8"):
        found(url, "backups")
