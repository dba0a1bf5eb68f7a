# SPDX-License-Identifier: Apache-2.0
"""``freezer-manage import``: its output, the stored documents, and the responses of the service."""

import json
import re
import sqlite3
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.commands.command import COMMAND, configured, start
from tests.compat.legacy import sample
from tests.compat.legacy.original import HEAD, Json, row
from tests.support.needs import on
from tests.support.service import Service, search_store

ELASTICSEARCH = pytest.mark.store("elasticsearch9")
KINDS = ("actions", "clients", "jobs", "sessions", "backups")
COUNTS = {"actions": 2, "clients": 3, "jobs": 2, "sessions": 2, "backups": 2}
NO_PROJECT = "Documents without a project: {}. Version 2 does not show them, see --project-map\n"


def summary(new=COUNTS, skipped=None, refused=None, suffix=""):
    """Return the expected stdout."""
    return "".join(
        f"Imported {kind}: {new.get(kind, 0)} new, {(skipped or {}).get(kind, 0)} skipped, "
        f"{(refused or {}).get(kind, 0)} refused{suffix}\n"
        for kind in KINDS
    )


def stored(file, kind):
    """Return key, version and content of all documents of a kind, in the order of lists."""
    with sqlite3.connect(file) as connection:
        found = connection.execute(
            f"SELECT key, version, body FROM freezer_{kind} ORDER BY created, key"
        ).fetchall()
    connection.close()
    return [(key, version, json.loads(body)) for key, version, body in found]


def all_stored(file):
    return {kind: stored(file, kind) for kind in KINDS}


@pytest.fixture
def target(request, tmp_path, manage, search_servers):
    """The configuration file of an empty store."""
    if request.param == "elasticsearch":
        return search_store(tmp_path, search_servers.server("elasticsearch", "9").url)
    config = tmp_path / "freezer.conf"
    config.write_text(f"[database]\nconnection = sqlite:///{tmp_path}/ours.sqlite\n")
    assert manage("--config-file", str(config), "db", "sync").code == 0
    return config


@pytest.fixture
def service(target, tmp_path):
    service = Service(tmp_path / "data", "--workers", "1", config=target)
    yield service
    service.end()


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("sqlite", "sql"),
        ("sqlite", "dump"),
        pytest.param("elasticsearch", "sql", marks=ELASTICSEARCH),
        pytest.param("elasticsearch", "dump", marks=[ELASTICSEARCH, pytest.mark.slow]),
    ],
    indirect=["target"],
)
def test_imported_documents_are_served(manage, target, service, old, dump, source):
    where = ("--from-sql", old()) if source == "sql" else ("--from-dump", dump())
    done = manage("--config-file", str(target), "import", *where)
    assert done == (0, summary(), NO_PROJECT.format(5))
    assert manage("--config-file", str(target), "import", *where).stdout == summary({}, COUNTS)
    service.start()

    version, revision = (1, HEAD) if source == "sql" else (7, "30a3fd20ec97")
    _check_v1(service, sample.documents(revision), version)
    _check_v2(service, sample.documents(revision), version)
    _check_searches(service)
    _check_scheduler_requests(service)


def _asked(service, token, path, method="GET", body=None):
    status, answer = service.request(method, path, body, token)
    assert status in (200, 201, 202, 204), answer
    return answer


def _owned(documents, name, value):
    return {kind: [one for one in those if one.get(name) == value] for kind, those in documents.items()}


def _check_v1(service, documents, version):
    """Check that Ann, who used v1, sees all her documents and no others."""
    for kind, those in _owned(documents, "user_id", "ann").items():
        shown = [_in_v1(kind, document) for document in those]
        assert _asked(service, "ann:blue", f"/v1/{kind}")[kind] == shown
        for document in shown:
            path = f"/v1/{kind}/{_id(kind, document)}"
            assert _asked(service, "ann:blue", path) == {**document, "_version": version}


def _in_v1(kind, document):
    hidden = ("project_id", "status") if kind == "backups" else ("project_id",)
    shown = {name: value for name, value in document.items() if name not in hidden}
    return {**shown, "uuid": shown["client"]["uuid"]} if kind == "clients" else shown


def _check_v2(service, documents, version):
    """Check that Bob sees the documents of his project, with the properties of v2."""
    for kind, those in _owned(documents, "project_id", "red").items():
        shown = _asked(service, "bob:red", f"/v2/red/{kind}")[kind]
        assert len(shown) == len(those)
        for one, document in zip(shown, those, strict=True):
            given = {name: value for name, value in document.items() if name not in ("reach", "user_name")}
            assert _without(given) == {name: one[name] for name in _without(given)}
            for item, imported_item in zip(one.get("job_actions", ()), given.get("job_actions", ()), strict=True):
                assert {**item, **imported_item} == item
            assert {**one.get("client", {}), **given.get("client", {}), "is_central": 0} == {
                **one.get("client", {}),
                "is_central": 0,
            }
            path = f"/v2/red/{kind}/{_id(kind, one)}"
            assert _asked(service, "bob:red", path) == {**one, "_version": version}
    (backup,) = _asked(service, "bob:red", "/v2/red/backups")["backups"]
    assert backup["status"] == documents["backups"][1].get("status", "available")
    centrality = [one["client"]["is_central"] for one in _asked(service, "bob:red", "/v2/red/clients")["clients"]]
    assert centrality == [False, True]
    assert len(_asked(service, "eve:blue", "/v2/blue/clients")["clients"]) == 1


def _without(document):
    """Return the document without the properties that v2 extends with default values."""
    return {name: value for name, value in document.items() if name not in ("job_actions", "client")}


def _id(kind, document):
    return document["client"]["client_id"] if kind == "clients" else document[f"{kind[:-1]}_id"]


def _check_searches(service):
    def found(path, search):
        return [_id("backups", one) for one in _asked(service, "ann:red", _search(path, search))["backups"]]

    for path, id_ in (("/v1/backups", "b1"), ("/v2/red/backups", "b2")):
        assert found(path, {"match": [{"hostname": "web1"}, {"ssh_port": ""}], "time_after": 1577840000}) == [id_]
        assert found(path, {"match": [{"hostname": "web2"}]}) == []
    jobs = _search("/v2/red/jobs", {"match": [{"_all": "second"}, {"path_to_backup": "/etc"}]})
    assert [job["job_id"] for job in _asked(service, "bob:red", jobs)["jobs"]] == ["j2"]


def _search(path, search):
    return f"{path}?search={quote(json.dumps(search))}"


def _check_scheduler_requests(service):
    """Check that schedulers can continue to register, poll and report results."""
    poll = _search("/v1/jobs", {"match": [{"client_id": "web1"}], "match_not": [{"status": "completed"}]})
    (job,) = _asked(service, "ann:blue", poll)["jobs"]
    assert job["job_schedule"]["status"] == "scheduled"
    _asked(service, "ann:blue", "/v1/jobs/j1", "PATCH", {**job, "job_schedule": {"status": "completed"}})
    assert _asked(service, "ann:blue", poll)["jobs"] == []
    again = {"client_id": "web1", "hostname": "web1.example.org"}
    assert service.request("POST", "/v1/clients", again, "ann:blue")[0] == 409
    assert service.request("POST", "/v2/red/clients", {"client_id": "web2"}, "bob:red")[0] == 201
    assert len(_asked(service, "bob:red", "/v2/red/clients")["clients"]) == 2

    act = {"start": {"job_id": "j2", "current_tag": 3}}
    started = _asked(service, "bob:red", "/v2/red/sessions/s1/action", "POST", act)
    assert started == {"result": "success", "session_tag": 4}
    act = {"end": {"job_id": "j2", "current_tag": 4, "result": "fail"}}
    assert _asked(service, "bob:red", "/v2/red/sessions/s1/action", "POST", act)["result"] == "success"
    session = _asked(service, "bob:red", "/v2/red/sessions/s1")
    assert (session["status"], session["result"]) == ("completed", "fail")


def test_second_run_and_dry_run_change_nothing(manage, made, file, old):
    url = old()
    before = all_stored(file)
    dry = manage(*made, "import", "--from-sql", url, "--dry-run")
    assert dry == (0, summary(suffix=" (dry run: nothing was changed)"), NO_PROJECT.format(5))
    assert all_stored(file) == before

    manage(*made, "import", "--from-sql", url)
    imported = all_stored(file)
    assert {kind: len(those) for kind, those in imported.items()} == COUNTS
    for flag in ("skip", "replace", "fail"):
        assert manage(*made, "--on-conflict", flag, "import", "--from-sql", url)[:2] == (0, summary({}, COUNTS))
    assert all_stored(file) == imported
    assert manage(*made, "-t", "import", "--from-sql", url).stdout == summary(
        {}, COUNTS, suffix=" (dry run: nothing was changed)"
    )


def test_only_chosen_kinds_are_imported(manage, made, file, old):
    url = old()
    some = manage(*made, "import", "--kind", "jobs", "--from-sql", url, "--kind", "actions")
    assert some.stdout.splitlines() == summary().splitlines()[::2][:2]
    one = manage(*made, "-m", "backups", "import", "--from-sql", url)
    assert one.stdout == summary().splitlines(keepends=True)[-1]

    assert {kind: len(those) for kind, those in all_stored(file).items()} == {
        **COUNTS,
        "clients": 0,
        "sessions": 0,
    }


def test_dump_can_be_read_from_stdin(made, dump):
    with open(dump()) as stdin:
        done = subprocess.run(
            [*COMMAND, *made, "import", "--from-dump", "-"],
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, summary(), NO_PROJECT.format(5))


def hit(kind, id_, **source):
    return {"_type": kind, "_id": id_, "_source": {"user_id": "ann", **source}}


def job(id_, **source):
    return hit("jobs", id_, client_id="web1", **source)


def test_lists_have_the_order_of_creation_times_then_of_the_dump(manage, made, file, dump):
    times = {"e": 50, "d": None, "c": 40, "b": 0, "a": 45}
    name = dump(*(job(id_, job_schedule={"time_created": time}) for id_, time in times.items()))
    manage(*made, "import", "--from-dump", name)
    assert [key for key, *_ in stored(file, "jobs")] == ["c", "b", "a", "e", "d"]

    name = dump(*(hit("backups", f"b{9 - n}", backup_metadata={}) for n in range(10)))
    manage(*made, "import", "--from-dump", name)
    assert [key for key, *_ in stored(file, "backups")] == [f"b{9 - n}" for n in range(10)]


def test_refused_documents_are_listed_without_content(manage, made, file, dump):
    secret = "s3cret"
    name = dump(
        job("good"),
        job("no_owner", user_id="", password=secret),
        job("items", job_actions=secret),
        hit("clients", "x", client=secret),
        hit("actions", "long\nid", freezer_action={"password": secret}),
        {"_id": "what", "_source": {"secret": secret}},
        secret,
    )
    done = manage(*made, "import", "--from-dump", name)

    assert done.code == 1
    assert done.stdout == summary({"jobs": 1}, {}, {"jobs": 2, "clients": 1, "actions": 1})
    assert sorted(done.stderr.splitlines()) == [
        NO_PROJECT.format(1).rstrip(),
        "Refused action long\\nid: action_id is not a printable text of at most 255 bytes",
        "Refused client x: it has no client",
        "Refused job items: job_actions is not a list of objects",
        "Refused job no_owner: it has no owner",
        "Refused line 6: its kind is unknown",
        "Refused line 7: it is not a hit with a _source",
    ]
    assert [key for key, *_ in stored(file, "jobs")] == ["good"]


def test_refused_row_is_listed_with_the_reason(manage, made, old):
    rows = [row(id_, **sample.BOB, backup_metadata=Json(text)) for id_, text in (("b1", "{s3cret"), ("b2", "{}"))]
    done = manage(*made, "import", "--from-sql", old(rows={"backups": rows}))

    assert (done.code, done.stdout) == (1, summary({"backups": 1}, {}, {"backups": 1}))
    assert re.fullmatch("Refused backup b1: backup_metadata cannot be stored: Expecting [^\n]*\n", done.stderr)
    assert "s3cret" not in done.stderr


def client(uuid, user_id="ann", **more):
    return hit("clients", uuid, user_id=user_id, client={"client_id": "web1", "uuid": uuid}, **more)


def test_only_the_newest_registration_of_a_client_is_imported(manage, made, file, old, dump):
    again = "Client web1 is registered more than once: only the newest is imported\n"
    name = dump(client("1"), client("2"), client("3", "bob"), client("4"), client("5", project_id="red"))
    done = manage(*made, "import", "--from-dump", name)

    assert done == (0, summary({"clients": 3}, {"clients": 2}), again * 2 + NO_PROJECT.format(2))
    assert {document["client"]["uuid"] for _, _, document in stored(file, "clients")} == {"3", "4", "5"}

    rows = [
        row(f"c{n}", at, user_id="eve", client_id="web1", uuid=f"c{n}")
        for n, at in enumerate(["2020-01-01 00:00:00", "2022-01-01 00:00:00", "2021-01-01 00:00:00"])
    ]
    manage(*made, "import", "--from-sql", old(rows={"clients": rows}))
    (kept,) = [document for _, _, document in stored(file, "clients") if document["user_id"] == "eve"]
    assert kept["client"]["uuid"] == "c1"


def test_project_map_gives_projects_to_users(manage, made, file, dump, tmp_path):
    projects = tmp_path / "projects"
    projects.write_text("# users of v1\n\n  ann: red\nurn:x:bob :blue\r\nann: red\n")
    name = dump(
        job("1"), job("2", user_id="urn:x:bob"), job("3", user_id="eve"), job("4", project_id="own"), client("c")
    )
    done = manage(*made, "import", "--from-dump", name, "--project-map", str(projects))
    owners = {key: document.get("project_id") for key, _, document in stored(file, "jobs")}

    assert done == (0, summary({"clients": 1, "jobs": 4}), NO_PROJECT.format(1))
    assert owners == {"1": "red", "2": "blue", "3": None, "4": "own"}
    # A second import, with the map, adds the missing projects.
    projects.write_text("\ufeffeve: green")
    done = manage(*made, "import", "--from-dump", name, "--project-map", str(projects), "--on-conflict", "replace")
    assert {key: document.get("project_id") for key, _, document in stored(file, "jobs")}["3"] == "green"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"ann red\n", "line 1: it is not 'user_id: project_id'"),
        (b"\nann:\n", "line 2: it is not 'user_id: project_id'"),
        (b": red\n", "line 1: it is not 'user_id: project_id'"),
        (b"ann: a/b\n", "line 1: it is not 'user_id: project_id'"),
        (b"ann: red\nann: blue\n", "line 2: an earlier line has another project of the user"),
        (b"\xff", "it is not UTF-8"),
        (None, "No such file or directory"),
    ],
)
def test_invalid_project_map_is_reported(manage, made, file, dump, tmp_path, text, reason):
    projects = tmp_path / "projects"
    if text is not None:
        projects.write_bytes(text)
    done = manage(*made, "import", "--from-dump", dump(), "--project-map", str(projects))

    assert (done.code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("freezer-manage: ")
    assert str(projects) in line
    assert reason in line
    assert stored(file, "jobs") == []


def test_conflicting_document_is_skipped_replaced_or_fails(manage, made, file, dump):
    manage(*made, "import", "--from-dump", dump(job("1"), job("2"), job("3")))
    name = dump(job("1", n=1), job("2"), job("3", user_id="eve"), job("4"))
    done = manage(*made, "import", "--from-dump", name)
    assert done[:2] == (0, summary({"jobs": 1}, {"jobs": 3}))
    assert all("n" not in document for *_, document in stored(file, "jobs"))

    done = manage(*made, "import", "--from-dump", name, "--on-conflict", "fail")
    assert done.code == 1
    assert done.stderr == "freezer-manage: Job 1: the store has another with this id\n"

    dry = manage(*made, "import", "--from-dump", name, "--on-conflict", "replace", "--dry-run")
    done = manage(*made, "import", "--from-dump", name, "--on-conflict", "replace")
    line = "Imported jobs: 0 new, 2 skipped, 1 refused, 1 replaced"
    assert (done.code, done.stdout.splitlines()[2]) == (1, line)
    assert (dry.code, dry.stdout.splitlines()[2]) == (1, f"{line} (dry run: nothing was changed)")
    assert "Refused job 3: the store has one of another owner with this id\n" in done.stderr
    one, *_, three, _four = stored(file, "jobs")
    assert one == ("1", 2, {"user_id": "ann", "client_id": "web1", "n": 1, "job_id": "1"})
    assert three[2]["user_id"] == "ann"


def test_import_without_a_store_is_refused(manage, config, file, dump):
    done = manage(*config, "import", "--from-dump", dump())

    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        f"freezer-manage: the store {file} is unavailable or of another release: run "
        "'freezer-manage db sync' first"
    )
    assert not file.exists()


def test_unreadable_source_is_reported(manage, made, config, dump):
    for where, reason in (
        (("--from-dump", "/no/such"), "cannot read /no/such: No such file or directory"),
        (("--from-sql", "sqlite:////no/such"), "--from-sql: the file /no/such does not exist"),
        (
            ("--from-sql", "postgresql://ann:s3cret@db/x"),
            "--from-sql: the original supports only MySQL, ",
        ),
    ):
        done = manage(*made, "import", *where)
        assert (done.code, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"freezer-manage: {reason}")


@pytest.mark.parametrize("server", [None, *on("mariadb")])
def test_sync_in_the_database_of_the_original_prints_the_import_command(manage, tmp_path, old, server):
    """``db sync`` with the original's configuration prints the command that imports its documents."""
    url = old(server=server)
    made = configured(tmp_path / "same.conf", f"[database]\nconnection = {url}\n")
    done = manage(*made, "db", "sync")
    assert done.code == 0
    (command,) = re.findall("'freezer-manage (import [^']*)'", done.stdout + done.stderr)
    done = manage(*made, *command.split())

    assert done == (0, summary(), NO_PROJECT.format(5))
    assert manage(*made, "import", "--from-sql", url).stdout == summary({}, COUNTS)
    assert "import" not in str(manage(*made, "db", "sync"))
    assert manage(*made, "--yes", "db", "remove").code == 0
    assert "--from-sql database" in str(manage(*made, "db", "sync"))
    assert manage(*made, "import", "--from-sql", "database").stdout == summary()


def test_missing_connection_is_reported(manage, tmp_path, dump):
    made = configured(tmp_path / "none.conf", "[elasticsearch]\nhosts = 127.0.0.1:1\n")
    done = manage(*made, "import", "--from-sql", "database")

    assert (done.code, done.stdout) == (1, "")
    assert done.stderr == "freezer-manage: --from-sql database: [database] connection is not set\n"


BACKUPS = 1500


@pytest.fixture
def many(old):
    """A database with many backups."""
    rows = [
        row(f"b{n:04}", **sample.ANN, backup_metadata=Json({**sample.METADATA, "n": n})) for n in range(BACKUPS)
    ]
    return old(rows={**sample.rows(), "backups": rows})


def test_service_answers_requests_during_an_import(made, file, many, tmp_path):
    service = Service(tmp_path / "data", "--workers", "1", config=Path(made[1])).start()
    try:
        process = start(*made, "import", "--from-sql", many)
        backup = {"backup_name": "new", "container": "c", "hostname": "web1"}
        answers = []
        while process.poll() is None:
            answers.append(service.request("POST", "/v1/backups", backup, "ann:blue")[0])
            answers.append(service.request("GET", "/v1/jobs", None, "ann:blue")[0])
        assert process.communicate()[0] == summary({**COUNTS, "backups": BACKUPS})
        page = service.request("GET", "/v1/backups?with_count=true&limit=1", None, "ann:blue")[1]
    finally:
        service.end()

    assert set(answers) == {201, 200}
    assert page["count"] == BACKUPS + answers.count(201)
    assert page["backups"][0]["backup_id"] == "b0000"
