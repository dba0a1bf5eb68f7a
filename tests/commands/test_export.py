# SPDX-License-Identifier: Apache-2.0
"""``freezer-manage export`` and ``import --from-export`` on a SQLite store."""

import json
import os
import sqlite3
import stat
import subprocess
from contextlib import closing

import pytest

from freezer_api.repository.protocol import Original
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.commands.command import COMMAND, configured, ended, start
from tests.contract.asking import ACTIONS, BACKUPS, JOBS, job

ORIGINALS = [Original(key, job(key), version, created) for key, version, created in (("b", 3, 10), ("a", 1, 20))]
BACKUP = Original("x", {"backup_id": "x", "backup_metadata": {"hostname": "h"}}, 1, 5)
COUNTS = "Exported actions: 0\nExported clients: 0\nExported jobs: 2\nExported sessions: 0\nExported backups: 1\n"


@pytest.fixture
def filled(made, file):
    """The arguments that name a store with two jobs and a backup."""
    with closing(SQLiteRepository(file)) as repository:
        repository.restore(JOBS, ORIGINALS)
        repository.restore(BACKUPS, [BACKUP])
    return made


@pytest.fixture
def other(tmp_path, manage):
    """The path of another store, which is empty, and the arguments that name it."""
    path = tmp_path / "other" / "freezer.sqlite"
    arguments = configured(tmp_path / "other.conf", f"[database]\nconnection = sqlite:///{path}\n")
    assert manage(*arguments, "db", "sync").code == 0
    return path, arguments


def imported(new="0 new", existing="0 existing", different="0 different", remark=""):
    numbers = dict.fromkeys(("actions", "clients", "sessions", "backups"), "0 new, 0 existing, 0 different")
    numbers["jobs"] = f"{new}, {existing}, {different}"
    order = ("actions", "clients", "jobs", "sessions", "backups")
    return "".join(f"Imported {kind}: {numbers[kind]}{remark}\n" for kind in order)


def test_export_has_header_documents_and_footer(manage, filled, tmp_path):
    done = manage(*filled, "export", str(tmp_path / "x.jsonl"))
    header, *lines, footer = map(json.loads, (tmp_path / "x.jsonl").read_text().splitlines())
    assert (header["format"], header["version"]) == ("freezer-api export", 1)
    assert header["kinds"] == ["actions", "clients", "jobs", "sessions", "backups"]
    assert [(one["kind"], one["key"], one["version"], one["created"], one["document"]) for one in lines] == [
        ("jobs", *(ORIGINALS[0].key, 3, 10, ORIGINALS[0].document)),
        ("jobs", *(ORIGINALS[1].key, 1, 20, ORIGINALS[1].document)),
        ("backups", "x", 1, 5, BACKUP.document),
    ]
    assert footer["documents"] == {"actions": 0, "clients": 0, "jobs": 2, "sessions": 0, "backups": 1}
    assert done == (0, f"{COUNTS}SHA-256 of the documents: {footer['sha256']}\n", "")


def test_export_is_private_and_replaces_the_target_of_a_link(manage, filled, tmp_path):
    target, link = tmp_path / "target.jsonl", tmp_path / "link.jsonl"
    target.write_text("older")
    link.symlink_to(target)
    assert manage(*filled, "export", str(link)).code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert link.is_symlink()
    assert "older" not in target.read_text()
    assert [*tmp_path.glob("*.part")] == []


def test_failed_export_leaves_the_older_file(manage, filled, file, tmp_path):
    target = tmp_path / "x.jsonl"
    target.write_text("older")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE freezer_backups")
    done = manage(*filled, "export", str(target))
    assert (done.code, done.stdout) == (1, "")
    assert target.read_text() == "older"
    assert [*tmp_path.glob("*.part")] == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [("/dev/null", "it is not a regular file"), (".", "it is not a regular file"), ("/no/such/x", "No such file")],
)
def test_export_to_an_impossible_place_is_an_error(manage, filled, name, reason):
    done = manage(*filled, "export", name)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"freezer-manage: cannot write {name}: {reason}")
    assert done.stderr.count("\n") == 1


def test_export_and_import_through_a_pipe(manage, filled, other):
    _, arguments = other
    writer = start(*filled, "export", "-")
    reader = start(*arguments, "import", "--from-export", "-", stdin=writer.stdout)
    writer.stdout.close()
    assert ended(reader)[:2] == (0, imported("2 new").replace("backups: 0", "backups: 1"))
    written = ended(writer)
    assert written.code == 0
    assert written.stderr.startswith(COUNTS)
    assert manage(*arguments, "export", "-").stdout == manage(*filled, "export", "-").stdout


def test_closed_stderr_adds_nothing_to_an_export(filled, tmp_path):
    export = tmp_path / "x.jsonl"
    command = 'exec "$0" "$@" 2>&- >' + str(export)
    process = start(*COMMAND, *filled, "export", "-", command=("sh", "-c", command))
    assert ended(process) == (0, "", "")
    assert json.loads(export.read_text().splitlines()[-1])["documents"]["jobs"] == 2


@pytest.mark.parametrize(
    ("closed", "arguments", "reason"),
    [
        (">&-", ("export", "-"), "cannot write stdout, because it is closed"),
        ("<&-", ("import", "--from-export", "-"), "cannot read stdin, because it is closed"),
    ],
)
def test_closed_stream_is_an_error(filled, closed, arguments, reason):
    process = start(*COMMAND, *filled, *arguments, command=("sh", "-c", f'exec "$0" "$@" {closed}'))
    assert ended(process) == (1, "", f"freezer-manage: {reason}\n")


@pytest.mark.parametrize("name", ["import", "db", "a$b", "$conf"])
def test_any_word_can_be_the_name_of_a_file(manage, filled, other, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert manage(*filled, "export", name).code == 0
    assert (tmp_path / name).read_text().startswith('{"format"')
    assert manage(*other[1], "import", "--from-export", name).code == 0


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("", 2, "the argument command must not be empty"),
        ("new/", 1, "cannot write new/: it is not a regular file; '-' means stdout"),
    ],
)
def test_name_that_is_no_file_is_refused(manage, filled, name, code, reason):
    assert manage(*filled, "export", name) == (code, "", f"freezer-manage: {reason}\n")


def test_export_to_a_full_device_is_an_error(filled):
    with open("/dev/full", "wb") as full:
        process = start(*filled, "export", "-", stdout=full.fileno())
        _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert err == "freezer-manage: cannot write stdout: No space left on device\n"


def test_import_can_be_repeated_and_keeps_different_documents(manage, filled, other, tmp_path):
    path, arguments = other
    export = str(tmp_path / "x.jsonl")
    assert manage(*filled, "export", "--kind", "jobs", export).code == 0
    with closing(SQLiteRepository(path)) as repository:
        repository.create(JOBS, "a", job("a", mine=1))
        dry = manage(*arguments, "import", "--from-export", export, "--dry-run")
        assert dry.stdout == imported("1 new", "0 existing", "1 different", " (dry run: nothing was changed)")
        assert repository.get(JOBS, "b") is None
        first = manage(*arguments, "import", "--from-export", export)
        again = manage(*arguments, "import", "--from-export", export)
        assert repository.get(JOBS, "a").document == job("a", mine=1)
        assert (repository.get(JOBS, "b").version, repository.get(JOBS, "b").created) == (3, 10)
    kept = "Kept job a: the store has a different document with this id\n"
    assert first == (1, imported("1 new", "0 existing", "1 different"), kept)
    assert again == (1, imported("0 new", "1 existing", "1 different"), kept)


def test_import_of_one_kind(manage, filled, other, tmp_path):
    path, arguments = other
    export = str(tmp_path / "x.jsonl")
    assert manage(*filled, "export", export).code == 0
    done = manage(*arguments, "import", "--from-export", export, "--kind", "backups")
    assert done == (0, "Imported backups: 1 new, 0 existing, 0 different\n", "")
    with closing(SQLiteRepository(path)) as repository:
        assert repository.get(JOBS, "a") is None


def test_nothing_of_a_damaged_file_is_imported(manage, filled, other, tmp_path):
    path, arguments = other
    export = tmp_path / "x.jsonl"
    assert manage(*filled, "export", str(export)).code == 0
    whole = export.read_bytes()
    for damaged, reason in (
        (whole[:-1], f"{export} is incomplete: its footer is missing. Export again"),
        (
            whole.replace(b"ann", b"eve", 1),
            f"{export} was changed or damaged: its digest is not that of the footer",
        ),
        (b"", f"{export} is not an export of freezer-manage"),
    ):
        export.write_bytes(damaged)
        done = manage(*arguments, "import", "--from-export", str(export))
        assert done == (1, "", f"freezer-manage: {reason}\n")
    with closing(SQLiteRepository(path)) as repository:
        assert repository.get(JOBS, "b") is None


def test_truncated_pipe_is_recognized_at_its_end(filled, other):
    _, arguments = other
    exported = ended(start(*filled, "export", "-")).stdout
    process = start(*arguments, "import", "--from-export", "-", stdin=subprocess.PIPE)
    out, err = process.communicate(exported[:-20], timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err == "freezer-manage: stdin is incomplete: its footer is missing. Export again\n"


@pytest.mark.parametrize("name", ["/no/such.jsonl", "/"])
def test_unreadable_file_is_an_error(manage, made, name):
    done = manage(*made, "import", "--from-export", name)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"freezer-manage: cannot read {name}: ")


@pytest.mark.parametrize("command", [["export", "-"], ["import", "--from-export", os.devnull]])
def test_store_that_does_not_exist_is_an_error(manage, config, command):
    done = manage(*config, *command)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].endswith("run 'freezer-manage db sync' first")


def test_large_documents_are_exported_in_order(manage, made, file, other, tmp_path):
    _, arguments = other
    with closing(SQLiteRepository(file)) as repository:
        big = [
            Original(f"{n:03}", {"action_id": f"{n:03}", "text": "x" * 10_000 * (n % 3)}, 1, n)
            for n in range(1300)
        ]
        repository.restore(ACTIONS, big)
    export = tmp_path / "x.jsonl"
    exported = manage(*made, "export", str(export))
    assert exported.stdout.startswith("Exported actions: 1300\n")
    assert manage(*arguments, "import", "--from-export", str(export)).code == 0
    assert manage(*arguments, "export", "-").stdout == export.read_text()


def test_empty_store_is_exported_and_imported(manage, made, other, tmp_path):
    _, arguments = other
    export = tmp_path / "x.jsonl"
    assert manage(*made, "export", str(export)).code == 0
    assert manage(*arguments, "import", "--from-export", str(export)) == (0, imported(), "")
