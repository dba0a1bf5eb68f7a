# SPDX-License-Identifier: Apache-2.0
"""The command line of ``freezer-manage``: subcommands, options, exit codes and output."""

import json
import os
import sqlite3
from contextlib import closing

import pytest

from freezer_api.cmd import manage as module
from freezer_api.documents.clients import CLIENTS
from freezer_api.operations.scope import Scope
from freezer_api.operations.scoped import iterate_all
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.commands.command import COMMAND, configured, ended, start
from tests.compat.deployers import DEPLOYERS

KINDS = ["backups", "clients", "jobs", "actions", "sessions"]
MADE = "".join(f"Creating or Updating {kind} is True\n" for kind in KINDS)
REMOVED = "".join(f"Deleting {kind} is True\n" for kind in KINDS)
NOTHING = "No Tables/Mappings found!\n"
QUESTION = "Do you want to remove index as well ? (y/n) "


def test_no_arguments_is_a_usage_error_with_help(manage):
    done = manage()
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: freezer-manage")
    assert "remove: remove them with all documents" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["db"], "command"),
        (["db", "destroy"], "db destroy is unknown; choose from sync, update, remove, show, update-settings"),
        (["restore", "sync"], "the category restore is unknown; choose from db, export, import"),
        (["import"], "import needs one of --from-sql, --from-dump and --from-export"),
        (["import", "--from-export", "x", "--from-dump", "y"], "import needs one of --from-sql, --from-dump"),
        (
            ["import", "--from-export", "x", "--on-conflict", "fail"],
            "--on-conflict is not valid with --from-export",
        ),
        (["import", "--from-export", "x", "--project-map", "y"], "--project-map is not valid with --from-export"),
        (["export"], "the following arguments are required: command"),
        (["export", "x", "--dry-run"], "--dry-run is only valid with import"),
        (["export", "x", "--test-only"], "--test-only is not valid with export"),
        (["export", "x", "--kind", "plans"], "--kind plans is unknown; choose from actions"),
        (["db", "sync", "--from-export", "x"], "--from-export is only valid with import"),
        (["import", "sync"], "unrecognized arguments: sync"),
        (["import", "--from-sql", "x", "--from-dump", "y"], "import needs one of --from-sql, --from-dump"),
        (
            ["import", "--from-dump", "y", "--kind", "jobs", "--kind", "plans"],
            "plans is unknown; choose from actions",
        ),
        (["import", "--from-dump", "y", "--on-conflict", "merge"], "merge is unknown; choose from skip, replace"),
        (["db", "sync", "--from-sql", "x"], "--from-sql is only valid with import"),
        (["--dry-run", "db", "remove"], "--dry-run is only valid with import"),
        (["db", "sync", "--kind", "jobs"], "--kind is only valid with import"),
        (["-m", "plans", "db", "sync"], "--mapping plans is unknown; choose from backups, clients"),
        (["-n", "db", "sync"], "unrecognized arguments: -n"),
        (["db", "sync", "again"], "unrecognized arguments: again"),
        (["-m"], "expected one argument"),
    ],
)
def test_invalid_arguments_are_usage_errors(manage, config, arguments, expected):
    done = manage(*config, *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert expected in done.stderr


@pytest.mark.parametrize("argument", ["--help", "-h", "--version"])
def test_help_and_version_are_printed_to_stdout(manage, argument):
    done = manage(argument)
    assert done.code == 0
    assert done.stdout
    assert not done.stderr


def test_missing_configuration_file_is_reported(manage):
    done = manage("--config-file", "/no/such.conf", "db", "sync")
    assert (done.code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("freezer-manage: ")
    assert "/no/such.conf" in line


def test_broken_configuration_file_is_reported(manage, tmp_path):
    done = manage(*configured(tmp_path / "freezer.conf", "[storage\n"), "db", "sync")
    assert (done.code, done.stdout) == (1, "")
    assert str(tmp_path / "freezer.conf") in done.stderr


def test_missing_logging_configuration_is_reported(manage, config):
    done = manage(*config, "--log-config-append", "/no/such.ini", "db", "sync")
    assert (done.code, done.stdout) == (1, "")
    assert "/no/such.ini" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("word", ["sync", "update"])
def test_sync_can_be_repeated(manage, config, word):
    for _ in range(2):
        assert manage(*config, "db", word) == (0, MADE, "")


@pytest.mark.parametrize("flags", [["-y"], ["-e"], ["--yes", "--erase"], ["--noyes", "--noerase"], ["-i", "x"]])
@pytest.mark.parametrize("after", [False, True])
def test_options_are_accepted_before_and_after_db(manage, config, flags, after):
    arguments = [*config, "db", "sync", *flags] if after else [*flags, *config, "db", "sync"]
    assert manage(*arguments) == (0, MADE, "")


@pytest.mark.parametrize("flag", ["-m", "--mapping"])
@pytest.mark.parametrize("kind", KINDS)
def test_mapping_option_limits_sync_to_one_kind(manage, config, flag, kind):
    assert manage(*config, flag, kind, "db", "sync") == (0, f"Creating or Updating {kind} is True\n", "")


@pytest.mark.parametrize("flags", [["-t", "db", "sync"], ["db", "sync", "--test-only"], ["-t", "x", "db", "sync"]])
def test_test_only_option_prints_the_plan_and_creates_nothing(manage, config, file, flags):
    done = manage(*config, *flags)
    assert done == (0, "".join(f"freezer_{kind}: would be created\n" for kind in KINDS), "")
    assert not file.parent.exists()


def test_test_only_option_changes_no_existing_store(manage, made):
    assert manage(*made, "-t", "db", "sync").stdout == "".join(f"{kind}: is current\n" for kind in KINDS)
    assert manage(*made, "-t", "db", "remove") == (0, "".join(f"{kind}: would be removed\n" for kind in KINDS), "")
    assert manage(*made, "-t", "-y", "db", "update-settings") == (0, "The settings would be updated\n", "")
    assert manage(*made, "db", "show").stdout != NOTHING


def test_show_prints_one_json_document(manage, made):
    done = manage(*made, "--debug", "db", "show")
    assert done.code == 0
    assert "freezer_jobs" in json.loads(done.stdout)


@pytest.mark.parametrize("word", ["show", "remove"])
def test_show_and_remove_without_a_store_succeed(manage, config, file, word):
    assert manage(*config, "db", word) == (0, NOTHING, "")
    assert not file.exists()


def test_sql_store_has_no_settings_to_update(manage, made):
    assert manage(*made, "db", "update-settings") == (0, "The SQL store has no settings to update\n", "")


def test_sync_after_remove_creates_the_store_again(manage, made):
    assert manage(*made, "-y", "db", "remove") == (0, REMOVED, "")
    assert manage(*made, "db", "show").stdout == NOTHING
    assert manage(*made, "db", "sync") == (0, MADE, "")


@pytest.mark.parametrize("answer", ["y\n", "Y\n", "what\n\ny\n"])
def test_remove_asks_at_a_terminal(manage, typed, made, answer):
    typed(answer)
    done = manage(*made, "db", "remove")
    assert (done.code, done.stdout) == (0, REMOVED)
    assert done.stderr == QUESTION * answer.count("\n")


@pytest.mark.parametrize("answer", ["n\n", "N\n", "\x04"])
def test_answer_no_removes_nothing(manage, typed, made, answer):
    typed(answer)
    done = manage(*made, "db", "remove")
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr == f"{QUESTION}freezer-manage: nothing was removed\n"
    assert "freezer_jobs" in manage(*made, "db", "show").stdout


def test_remove_without_a_terminal_removes_nothing(manage, made):
    done = manage(*made, "db", "remove")
    assert (done.code, done.stdout) == (1, "")
    assert "use --yes" in done.stderr


def test_remove_with_closed_stdin_removes_nothing(made):
    done = ended(start(*made, "db", "remove", command=("/bin/sh", "-c", 'exec "$0" "$@" <&-', *COMMAND)))
    assert (done.code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "use --yes" in line


@pytest.mark.parametrize("word", ["sync", "show"])
def test_output_to_a_full_device_is_an_error(made, word):
    done = ended(start(*made, "db", word, command=("/bin/sh", "-c", 'exec "$0" "$@" >/dev/full', *COMMAND)))
    assert done == (1, "", "freezer-manage: cannot write to stdout: No space left on device\n")


@pytest.mark.parametrize("name", ["host", "hosts", "port"])
def test_address_options_are_ignored_with_a_warning(manage, config, name):
    done = manage(*config, f"--{name}", "1", "db", "sync")
    assert (done.code, done.stdout) == (0, MADE)
    assert f"--{name} is ignored" in done.stderr


def test_embedded_store_is_created_with_a_warning(tmp_path):
    done = ended(start("db", "sync", XDG_DATA_HOME=str(tmp_path)))
    assert (done.code, done.stdout) == (0, MADE)
    assert "the embedded store" in done.stderr
    assert list(tmp_path.rglob("freezer.sqlite"))


@pytest.mark.parametrize("word", ["sync", "show", "remove"])
@pytest.mark.parametrize("content", [b"garbage " * 1000, None])
def test_file_that_is_not_a_store_is_reported(manage, config, file, word, content):
    file.parent.mkdir()
    file.mkdir() if content is None else file.write_bytes(content)
    done = manage(*config, "db", word)
    assert (done.code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert str(file) in line


def test_directory_that_cannot_be_created_is_reported(manage, tmp_path):
    config = configured(tmp_path / "freezer.conf", "[database]\nconnection = sqlite:////proc/no/such.sqlite\n")
    done = manage(*config, "db", "sync")
    assert (done.code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "/proc/no/such.sqlite" in line


def test_three_processes_create_one_store(config):
    running = [start(*config, "db", "sync") for _ in range(3)]
    assert [ended(process) for process in running] == [(0, MADE, "")] * 3


def test_exit_code_of_the_process_is_that_of_the_command(config):
    assert ended(start(*config, "db", "destroy")).code == 2
    assert ended(start("--config-file", "/no/such.conf", "db", "sync")).code == 1


def test_sqlite_file_is_readable_by_its_owner_only(made, file):
    assert os.stat(file).st_mode & 0o077 == 0


def test_mapping_option_limits_remove_to_one_kind(manage, made):
    assert manage(*made, "-y", "-m", "jobs", "db", "remove") == (0, "Deleting jobs is True\n", "")
    assert "freezer_jobs" in manage(*made, "db", "show").stdout


def test_store_of_a_newer_release_is_unchanged(manage, made, file):
    connection = sqlite3.connect(file)
    connection.execute("UPDATE freezer_schema_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    done = manage(*made, "db", "sync")
    assert (done.code, done.stdout) == (1, "")
    assert f"cannot use the data file {file}: its layout 9999 is of a newer release" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        f"log_config_append = {DEPLOYERS / 'helm-logging.conf'}",
        pytest.param("use_stderr = false", marks=pytest.mark.slow),
    ],
)
def test_log_is_never_written_to_stdout(tmp_path, file, manage, options):
    """In openstack-helm, the logging configuration of the service writes to stdout."""
    text = f"[DEFAULT]\nhost_href = x\n{options}\n[database]\nconnection = sqlite:///{file}\n"
    config = configured(tmp_path / "freezer.conf", text)
    assert manage(*configured(tmp_path / "quiet.conf", text.replace(options, "")), "db", "sync").code == 0
    done = ended(start(*config, "db", "show"))
    assert json.loads(done.stdout)
    assert "host_href" in done.stderr


def test_sync_merges_duplicate_clients_of_a_user_and_reports_others(manage, made, file):
    def client(client_id, user_id, version):
        by, owner = ("user_id", user_id) if version == 1 else ("project_id", "red")
        key = Scope(by, owner, user_id, "red").client_key(client_id)
        document = {"client": {"client_id": client_id}, "user_id": user_id, "project_id": "red"}
        repository.create(CLIENTS, key, document)

    with closing(SQLiteRepository(file)) as repository:
        for version in (1, 2):
            client("node", "ann", version)
        for n in range(module.MAX_LINES + 2):
            for user_id in ("ann", "bob"):
                client(f"shared{n}", user_id, 1)
        done = manage(*made, "db", "sync")
        found = [stored.document["client"]["client_id"] for stored in iterate_all(repository, CLIENTS)]

    assert (done.code, done.stdout) == (0, MADE)
    first, *lines, last = done.stderr.splitlines()
    assert first == "freezer-manage: Client shared0 of project red is registered by ann, bob"
    assert len(lines) == module.MAX_LINES - 1
    assert last == "freezer-manage: 2 more clients are registered by several users"
    assert (found.count("node"), len(found)) == (1, 1 + 2 * (module.MAX_LINES + 2))
    assert manage(*made, "-m", "jobs", "db", "sync").stderr == ""
