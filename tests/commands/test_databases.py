# SPDX-License-Identifier: Apache-2.0
"""``freezer-manage`` on database servers. ``tests/stores/sql`` tests their administration in detail."""

import json

import pytest

from tests.commands.command import configured
from tests.contract.databases import PASSWORD
from tests.support.needs import SQL, on
from tests.support.sql.shared import SQLServers

KINDS = ("backups", "clients", "jobs", "actions", "sessions")
SYNCED = "".join(f"Creating or Updating {kind} is True\n" for kind in KINDS)
TABLES = sorted(["freezer_schema_version", *(f"freezer_{kind}" for kind in KINDS)])


@pytest.fixture(params=on(*SQL))
def name(request):
    return request.param


@pytest.fixture
def url(name, sql_servers: SQLServers):
    """The URL of an empty database."""
    return sql_servers.database(name)


@pytest.fixture
def config(tmp_path, url):
    return configured(tmp_path / "freezer.conf", f"[database]\nconnection = {url}\nmax_retries = 0\n")


def test_tables_are_created_shown_and_removed(config, manage):
    assert manage(*config, "db", "show").stdout == "No Tables/Mappings found!\n"
    planned = manage(*config, "-t", "db", "sync")
    assert (planned.code, planned.stdout.splitlines()[0]) == (0, "freezer_backups: would be created")
    for word in ("sync", "update"):
        assert manage(*config, "db", word)[:2] == (0, SYNCED)
    assert json.loads(manage(*config, "db", "show").stdout) == TABLES
    assert manage(*config, "db", "update-settings").code == 0
    assert manage(*config, "db", "remove").code == 1
    removed = manage(*config, "-y", "db", "remove")
    assert (removed.code, removed.stdout) == (0, "".join(f"Deleting {kind} is True\n" for kind in KINDS))
    assert manage(*config, "db", "show").stdout == "No Tables/Mappings found!\n"
    assert manage(*config, "db", "sync")[:2] == (0, SYNCED)


def test_sync_keeps_tables_of_the_original_and_reports_them(config, manage, name, url, sql_servers):
    account = "freezer" if name == "postgresql" else "freezer@'127.0.0.1'"
    sql_servers.server(name).run(
        "CREATE TABLE clients (id VARCHAR(36) PRIMARY KEY)",
        "INSERT INTO clients VALUES ('c1')",
        f"GRANT SELECT ON clients TO {account}",
        database=url.rpartition("/")[2].partition("?")[0],
    )
    done = manage(*config, "db", "sync")
    assert done[:2] == (0, SYNCED)
    assert "(clients) were left as they are; 'freezer-manage import --from-sql database'" in done.stderr


def test_missing_database_is_not_created(tmp_path, url, manage):
    elsewhere = url.replace("/freezer", "/nowhere")
    done = manage(*configured(tmp_path / "freezer.conf", f"[database]\nconnection = {elsewhere}\n"), "db", "sync")
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert PASSWORD not in done.stderr
