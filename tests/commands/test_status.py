# SPDX-License-Identifier: Apache-2.0
"""``freezer-status upgrade check``, run in its own process while the service is stopped."""

import json
import socket
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from freezer_api.documents.clients import CLIENTS
from freezer_api.documents.jobs import JOBS
from freezer_api.operations.scope import Scope
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.commands.command import Done, configured, ended, start
from tests.commands.conftest import Manage
from tests.compat.deployers import DEPLOYERS
from tests.stores.elasticsearch.place import WITH_ANOTHER_FIELD, Place
from tests.support.service import OPEN_PASTE

WITHOUT_TIME = "from freezer_api.cmd import status; status._SCAN_TIMEOUT = -1; raise SystemExit(status.main())"
NAMES = ("freezer-status", "freezer-manager-status")
CHECKS = [
    "Policy File JSON to YAML Migration",
    "Policy Files",
    "Option Values",
    "Obsolete Options",
    "Unknown Options",
    "Paste File",
    "Store",
    "Store Layout",
    "Foreign Settings",
    "Size Limits",
    "Projects of Jobs and Clients",
    "Documents Above Limits",
]
SECRET = "wonderland"

Configure = Callable[..., tuple[str, ...]]


def run(*arguments: str, name: str = NAMES[0], **environment: str) -> Done:
    command = (sys.executable, str(Path(sys.executable).with_name(name)))
    return ended(start(*arguments, command=command, **environment))


def results(*config: str) -> tuple[int, dict[str, tuple[int, str | None]]]:
    """Run the check. Return the exit code, and the result and the details of each check by its name."""
    done = run(*config, "upgrade", "check", "--json")
    assert (done.stderr, SECRET in done.stdout) == ("", False)
    shown: dict[str, Any] = json.loads(done.stdout)
    assert shown["name"] == "Upgrade Check Results"
    assert [check["check"] for check in shown["checks"]] == CHECKS
    assert done.code == max(check["result"] for check in shown["checks"])
    return done.code, {check["check"]: (check["result"], check["details"]) for check in shown["checks"]}


def problems(*config: str) -> dict[str, tuple[int, str | None]]:
    """Return result and details of each check that did not succeed."""
    _, found = results(*config)
    assert all(details is None for result, details in found.values() if result == 0)
    return {name: result for name, result in found.items() if result[0] != 0}


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Return a function that writes a configuration of this text with an account; it returns its arguments."""

    def _configure(text: str) -> tuple[str, ...]:
        if "[paste_deploy]" not in text:
            text += f"\n[paste_deploy]\nconfig_file = {DEPLOYERS / 'kolla-paste.ini'}\n"
        account = f"auth_type = password\nauth_url = http://127.0.0.1:1\nusername = f\npassword = {SECRET}\n"
        return configured(tmp_path / "freezer.conf", f"{text}\n[keystone_authtoken]\n{account}")

    return _configure


def test_successful_checks_have_no_details(manage: Manage, configure: Configure, file: Path) -> None:
    config = configure(f"[database]\nconnection = sqlite:///{file}")
    (line,) = problems(*config).items()
    assert line[0] == "Store Layout"
    assert line[1][0] == 2
    assert str(line[1][1]).endswith("run 'freezer-manage db sync'")
    # The command creates no file.
    assert not file.exists()
    assert manage(*config, "db", "sync").code == 0
    assert results(*config) == (0, dict.fromkeys(CHECKS, (0, None)))
    table = run(*config, "upgrade", "check", name=NAMES[1])
    assert table.code == 0
    assert table.stdout.count("| Result: Success") == len(CHECKS)
    assert "| Upgrade Check Results " in table.stdout


def test_details_of_a_problem_contain_option_and_file(configure: Configure, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_bytes((DEPLOYERS / "e1-policy.json").read_bytes())
    config = configure(
        f"[DEFAULT]\nhost_href = {SECRET}\n[database]\nmysql_enable_ndb = {SECRET}\nconection = {SECRET}\n"
        "[healthcheck]\ndetailed = x\n[storage]\ndriver = mongodb\n"
        f"[oslo_policy]\npolicy_file = {policy}\n[paste_deploy]\nconfig_file = no.ini"
    )
    code, found = results(*config)
    where = tmp_path / "freezer.conf"
    assert code == 2
    assert found["Policy File JSON to YAML Migration"][0] == 2
    assert str(policy) in str(found["Policy File JSON to YAML Migration"][1])
    assert found["Policy Files"] == (0, None)
    assert found["Option Values"] == (2, f"[healthcheck] detailed in {where}: Unexpected boolean value 'x'")
    assert found["Obsolete Options"] == (
        1,
        f"[DEFAULT] host_href in {where} is ignored; [database] mysql_enable_ndb in {where} is ignored",
    )
    misspelt = f"[database] conection in {where} is unknown and ignored; is it connection?"
    assert found["Unknown Options"] == (1, misspelt)
    driver = f"[storage] driver in {where}: mongodb is not one of elasticsearch, sqlalchemy"
    assert found["Paste File"] == found["Store"] == (2, driver)
    assert found["Store Layout"][0] == 1


def test_help_does_not_list_options_of_the_service() -> None:
    shown = run("--help").stdout
    assert "--config-file" in shown
    for name in ("--bind-host", "--bind-port", "--workers", "--threads", "--standalone"):
        assert name not in shown


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        pytest.param(("upgrade",), 2, marks=pytest.mark.slow),
        pytest.param(("upgrade", "everything"), 2, marks=pytest.mark.slow),
        pytest.param(("--config-file", "/no/such.conf", "upgrade", "check"), 255, marks=pytest.mark.slow),
        pytest.param(("--version",), 0, marks=pytest.mark.slow),
    ],
)
def test_usage_errors_exit_with_2_and_unreadable_files_with_255(arguments: tuple[str, ...], code: int) -> None:
    done = run(*arguments)
    assert done.code == code
    assert "Traceback" not in done.stderr
    if code == 255:
        reason = "the configuration file /no/such.conf cannot be read: No such file or directory"
        assert done == (255, "", f"freezer-status: {reason}\n")


POLICY = "[oslo_policy]\npolicy_file = {}/policy.yaml\n"
PASTE = "[paste_deploy]\nconfig_file = {}/paste.ini\n"
AUDIT = (
    "[pipeline:main]\npipeline = authtoken audit app\n"
    "[filter:authtoken]\npaste.filter_factory = keystonemiddleware.auth_token:filter_factory\n"
    "[filter:audit]\npaste.filter_factory = keystonemiddleware.audit:filter_factory\n"
    "[app:app]\npaste.app_factory = freezer_api.service:freezer_app_factory\n"
)
KOLLA = (DEPLOYERS / "kolla-paste.ini").read_text()
JSON_CHECK = "Policy File JSON to YAML Migration"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "name", "content", "check", "result", "details"),
    [
        (POLICY, "policy.yaml", "null\n", JSON_CHECK, 0, ""),
        (POLICY, "policy.yaml", '"jobs:get": "role:x"\n', JSON_CHECK, 0, ""),
        (POLICY, "policy.yaml", '{"jobs:get": "role:x"}', JSON_CHECK, 2, "Remove commas before closing brackets"),
        (POLICY, "policy.yaml", "jobs:get: [[\n", "Policy Files", 2, "policy.yaml cannot be used: "),
        (POLICY, "policy.yaml", "jobs:get: role:x or or\n", "Policy Files", 2, "cannot be parsed: role:x or or"),
        (POLICY, "other", "", "Policy Files", 1, "policy.yaml does not exist: the default rules apply"),
        (PASTE, "other", "", "Paste File", 2, "paste.ini not found; set [paste_deploy] config_file"),
        (
            PASTE,
            "paste.ini",
            OPEN_PASTE,
            "Paste File",
            1,
            "no authtoken filter: only loopback requests are served",
        ),
        (PASTE, "paste.ini", AUDIT, "Paste File", 1, "sends no events: oslo.messaging (the extra [audit]) is not"),
        (
            PASTE,
            "paste.ini",
            KOLLA.replace("backends = disable_by_file", "backends = nonsense", 1),
            "Paste File",
            2,
            "unknown backend nonsense",
        ),
    ],
)
def test_check_of_policy_and_paste_files_reports_problems(
    configure: Configure,
    tmp_path: Path,
    text: str,
    name: str,
    content: str,
    check: str,
    result: int,
    details: str,
) -> None:
    (tmp_path / name).write_text(content)
    found = results(*configure(text.format(tmp_path)))[1]
    assert found[check][0] == result
    assert details in str(found[check][1])


@pytest.mark.slow
def test_authtoken_without_auth_type_fails(tmp_path: Path) -> None:
    text = f"[paste_deploy]\nconfig_file = {DEPLOYERS / 'kolla-paste.ini'}\n"
    result, details = problems(*configured(tmp_path / "freezer.conf", text))["Paste File"]
    assert result == 2
    assert str(details).startswith("[keystone_authtoken] auth_type: must be set")


@pytest.mark.slow
class TestSQLite:
    def test_check_does_not_create_the_embedded_store(self, configure: Configure, tmp_path: Path) -> None:
        done = run(*configure(""), "upgrade", "check", "--json", XDG_DATA_HOME=str(tmp_path))
        assert done.code == 1
        assert "No option selects a store" in done.stdout
        assert not (tmp_path / "freezer-api").exists()

    def test_check_fails_for_a_file_that_is_not_a_database(self, configure: Configure, file: Path) -> None:
        file.parent.mkdir()
        file.write_bytes(b"garbage " * 1000)
        found = problems(*configure(f"[database]\nconnection = sqlite:///{file}"))
        assert found["Store Layout"] == (2, f"cannot use the data file {file}: file is not a database")

    def test_check_fails_for_a_layout_of_a_newer_release(
        self, manage: Manage, configure: Configure, file: Path
    ) -> None:
        config = configure(f"[database]\nconnection = sqlite:///{file}")
        assert manage(*config, "db", "sync").code == 0
        connection = sqlite3.connect(file)
        connection.execute("UPDATE freezer_schema_version SET version_num = '9999'")
        connection.commit()
        connection.close()
        assert "9999 is of a newer release" in str(problems(*config)["Store Layout"][1])


def test_check_fails_at_once_if_the_database_server_is_down(configure: Configure) -> None:
    """The check does not wait, although ``max_retries`` in deployers' files makes ``freezer-manage`` wait."""
    url = f"mysql+pymysql://freezer:{SECRET}@127.0.0.1:1/freezer"
    result, details = problems(*configure(f"[database]\nconnection = {url}\nmax_retries = -1"))["Store Layout"]
    assert result == 2
    assert str(details).startswith("cannot use mysql://127.0.0.1:1/freezer: Can't connect")


class TestElasticsearch:
    @pytest.fixture
    def config(self, configure: Configure, place: Place) -> Configure:
        return lambda *options: configure(
            "\n".join(["[elasticsearch]", f"hosts = {place.url}", f"index = {place.prefix}", *options])
        )

    def test_problems_of_the_store_disappear_when_they_are_fixed(
        self, manage: Manage, place: Place, config: Configure
    ) -> None:
        assert problems(*config())["Store Layout"][0] == 2
        assert manage(*config(), "db", "sync").code == 0
        assert problems(*config()) == {}
        index = f"{place.prefix}-jobs-000001"
        place.request("PUT", f"/{index}/_alias/everything", {})
        assert problems(*config()) == {"Foreign Settings": (1, f"{index}: it has the alias everything")}
        place.request("PUT", f"/{index}/_settings", {"index": {"blocks.write": True}})
        text = f"{index}: it has the alias everything; {index}: index.blocks.write is true"
        assert problems(*config()) == {"Foreign Settings": (2, text)}
        place.request("PUT", f"/{index}/_settings", {"index": {"blocks.write": False}})
        place.request("DELETE", f"/{index}/_alias/everything")
        assert problems(*config("[api]", "max_document_size = 50000000")) == {
            "Size Limits": (
                1,
                (
                    "The store's http.max_content_length is 104857600 bytes, less than 5 times "
                    "[api] max_document_size: documents may be refused with 413. Set it to 250000000 or more"
                ),
            )
        }

    @pytest.mark.slow
    def test_check_fails_for_indices_of_another_release(self, place: Place, config: Configure) -> None:
        place.admin(WITH_ANOTHER_FIELD).sync(list(WITH_ANOTHER_FIELD), lambda _question: False)
        before = place.indices()
        (line,) = problems(*config()).items()
        assert line[0] == "Store Layout"
        assert f"{place.prefix}-jobs-000001 would be copied into {place.prefix}-jobs-000002" in str(line[1][1])
        assert place.indices() == before

    @pytest.mark.slow
    def test_check_fails_if_the_store_is_down(self, configure: Configure) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            url = f"http://freezer:{SECRET}@127.0.0.1:{held.getsockname()[1]}"
            config = configure(f"[elasticsearch]\nhosts = {url}")
            found = problems(*config)
        text = "ElasticSearch cluster is not available. Cannot ping it"
        assert found["Store"] == (2, f"[elasticsearch] hosts in {config[1]}: {text}")
        unchecked = {found[name] for name in ("Store Layout", "Foreign Settings", "Size Limits")}
        assert unchecked == {(1, "Not checked: the store cannot be reached")}

    @pytest.mark.slow
    def test_check_fails_for_an_unsupported_server(self, configure: Configure) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            process = start(
                *configure(f"[elasticsearch]\nhosts = http://127.0.0.1:{port}\nretries = 0"),
                "upgrade",
                "check",
                "--json",
                command=(sys.executable, str(Path(sys.executable).with_name(NAMES[0]))),
            )
            connection, _ = listener.accept()
            connection.recv(1 << 16)
            body = b'{"version": {"number": "1.7.5"}}'
            connection.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                % (len(body), body)
            )
            done = ended(process)
            connection.close()
        assert done.code == 2
        assert "1.7.5" in done.stdout


def test_users_with_jobs_and_clients_in_different_projects_are_listed(
    manage: Manage, configure: Configure, file: Path
) -> None:
    config = configure(f"[database]\nconnection = sqlite:///{file}")
    assert manage(*config, "db", "sync").code == 0
    with closing(SQLiteRepository(file)) as repository:
        for n in range(22):
            user_id = f"user{n:02}"
            key = Scope("user_id", user_id, user_id, None).client_key("node1")
            owner = {"user_id": user_id, "project_id": "red"}
            repository.create(CLIENTS, key, {"client": {"client_id": "node1"}, **owner})
            job = {"job_id": user_id, "client_id": "node1", **owner, "project_id": "blue"}
            repository.create(JOBS, user_id, job)

    def check() -> list[str]:
        result, details = problems(*config)["Projects of Jobs and Clients"]
        assert result == 1
        return str(details).split("; ")

    first, *_, last = lines = check()
    assert len(lines) == 21
    assert first == (
        "User user00 has clients of version 1 in project red, but jobs in project blue: "
        "a scheduler now sees only the jobs of its token's project"
    )
    assert last == "2 more users have them in different projects"
    # Operators run the check before they upgrade the store.
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE freezer_schema_version SET version_num = '0003'")
        connection.commit()
    assert check() == lines


def test_documents_above_a_limit_are_counted(manage: Manage, configure: Configure, file: Path) -> None:
    config = configure(f"[database]\nconnection = sqlite:///{file}\n[api]\nmax_job_actions = 1")
    assert manage(*config, "db", "sync").code == 0
    with closing(SQLiteRepository(file)) as repository:
        for n in range(1, 4):
            repository.create(JOBS, str(n), {"job_id": str(n), "description": SECRET, "job_actions": [{}] * n})

    text = "Documents above a limit of [api]: 2. They can be changed as long as they do not grow"
    assert problems(*config) == {"Documents Above Limits": (1, text)}
    without_time = (sys.executable, "-c", WITHOUT_TIME)
    done = ended(start(*config, "upgrade", "check", "--json", command=without_time))
    found = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["Documents Above Limits"]["result"] == 0
    text = "Documents above a limit of [api] among the 0 that were read within -1 s: 0"
    assert found["Documents Above Limits"]["details"] == text
