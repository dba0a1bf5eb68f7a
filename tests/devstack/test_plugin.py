# SPDX-License-Identifier: Apache-2.0
"""The files that the plugin writes and the functions that it calls, for every type of server and every backend."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.devstack.conftest import VERSION
from tests.devstack.stack import (
    CONFIGURE,
    DATABASE_PASSWORD,
    ELASTIC_PASSWORD,
    PLUGIN,
    REPOSITORY,
    SERVICE_PASSWORD,
    STACK,
    USER,
)
from tests.hosting.hosts import group_of
from tests.support.search.versions import choose

pytestmark = pytest.mark.store("elasticsearch8")

FIRST = (("apache2", "elasticsearch"), ("uwsgi", "sqlalchemy"))
"""Pairs of server and backend that include each of both once."""
COMBINATIONS = [
    pytest.param(*both, id="+".join(both), marks=[] if both in FIRST else [pytest.mark.slow])
    for both in itertools.product(("apache2", "uwsgi"), ("elasticsearch", "sqlalchemy"))
]
SECRETS = (SERVICE_PASSWORD, DATABASE_PASSWORD, ELASTIC_PASSWORD)


@pytest.fixture(
    scope="module", params=[pytest.param(one.values, id=one.id, marks=one.marks) for one in COMBINATIONS]
)
def stacked(request, make_stack):
    """Return a stack after all phases, and devstack's log."""
    stack = make_stack(*request.param)
    return stack, stack.succeed(*STACK)


def is_uwsgi(stack):
    return stack.variables["FREEZER_API_SERVER_TYPE"] == "uwsgi"


def has_elasticsearch(stack):
    return stack.variables["FREEZER_BACKEND"] == "elasticsearch"


class TestStack:
    def test_configuration_has_the_options_of_the_stack(self, stacked):
        stack, _ = stacked
        store = {"database": {"connection": f"sqlite:///{stack.root}/db/freezer"}}
        if has_elasticsearch(stack):
            store = {
                "storage": {"backend": "elasticsearch", "driver": "elasticsearch"},
                "elasticsearch": {
                    "index": "freezer",
                    "number_of_replicas": "0",
                    "hosts": stack.variables["ELASTICSEARCH_URL"],
                    "use_ssl": "true",
                    "verify_certs": "true",
                    "ca_certs": f"{stack.elasticsearch}/certs/http_ca.crt",
                    "http_auth": f"freezer:{stack.variables['DATABASE_PASSWORD']}",
                },
            }
        behind = {"oslo_middleware": {"enable_proxy_headers_parsing": "True"}} if is_uwsgi(stack) else {}
        assert stack.options() == {
            "DEFAULT": {"debug": "True", "use_stderr": "True"},
            "paste_deploy": {"config_file": str(stack.conf.with_name("freezer-paste.ini"))},
            "keystone_authtoken": {
                "auth_type": "password",
                "interface": "public",
                "auth_url": "http://127.0.0.1/identity",
                "username": "freezer",
                "password": SERVICE_PASSWORD,
                "user_domain_name": "Default",
                "project_name": "service",
                "project_domain_name": "Default",
            },
            **store,
            **behind,
        }
        shipped = REPOSITORY / "etc/freezer/freezer-paste.ini"
        assert stack.conf.with_name("freezer-paste.ini").read_text() == shipped.read_text()

    def test_plugin_calls_devstack_in_the_expected_order(self, stacked):
        stack, _ = stacked
        client = str(Path(stack.variables["DEST"]) / "python-freezerclient")
        uwsgi, elasticsearch = is_uwsgi(stack), has_elasticsearch(stack)
        package = str(stack.downloads / f"elasticsearch-{VERSION}-amd64.deb")
        registration = {
            "get_or_create_user",
            "create_service_user",
            "get_or_create_service",
            "get_or_create_endpoint",
        }
        others = [call for call in stack.calls if call[0] not in {"test_with_retry", "run_process", *registration}]
        assert others == [
            ["echo_summary", "Installing the Freezer API"],
            ["git_clone", "https://git.example.org/freezer-api", str(REPOSITORY), "main"],
            *([["install_package", package]] if elasticsearch else []),
            ["setup_develop", str(REPOSITORY)],
            ["install_apache_uwsgi" if uwsgi else "install_apache_wsgi"],
            ["echo_summary", "Configuring the Freezer API"],
            *([["usermod", "-a", "-G", group_of(USER), "www-data"]] if uwsgi else []),
            ["echo_summary", "Starting the Freezer API"],
            ["restart_service", "elasticsearch"] if elasticsearch else ["recreate_database", "freezer", "utf8"],
            ["stop_process", "freezer-api"],
            ["enable_apache_site", "freezer-api-wsgi" if uwsgi else "freezer-api"],
            ["restart_apache_server"],
            ["git_clone", "https://opendev.org/openstack/python-freezerclient.git", client, "master"],
            ["setup_develop", client],
        ]

    def test_service_is_registered(self, stacked):
        stack, _ = stacked
        url = "http://127.0.0.1/backup" if is_uwsgi(stack) else "http://127.0.0.1:9090"
        assert stack.called("get_or_create_user")[0] == [
            "get_or_create_user",
            "freezer",
            SERVICE_PASSWORD,
            "Default",
            "freezer@example.com",
        ]
        assert stack.called("create_service_user", "get_or_create_service", "get_or_create_endpoint") == [
            ["create_service_user", "freezer", "admin"],
            ["create_service_user", "freezer", "service"],
            ["get_or_create_service", "freezer", "backup", "Freezer Backup Service"],
            ["get_or_create_endpoint", "backup", "RegionOne", url, url, url],
        ]

    def test_store_is_created(self, stacked):
        stack, log = stacked
        words = re.findall(rf"^\++ \S+/freezer-manage --config-file {stack.conf} db (\S+)$", log, re.MULTILINE)
        assert words == (["update", "show"] if has_elasticsearch(stack) else ["sync"])
        assert log.count("Creating or Updating jobs is True\n") == 1
        if has_elasticsearch(stack):
            shown, _ = json.JSONDecoder().raw_decode(log, log.index("\n{") + 1)
            assert "freezer-jobs-000001" in shown
            assert (stack.users / "users").read_text() == "freezer        : superuser\n"
            assert (stack.users / "password").read_text() == stack.variables["DATABASE_PASSWORD"]

    def test_service_starts_with_the_configuration(self, stacked):
        stack, _ = stacked
        program = """
from falcon.testing import TestClient
from freezer_api.wsgi import app
for path in "/healthcheck", "/", "/v1/jobs", "/v2/p/jobs":
    print(TestClient(app).simulate_get(path).status_code)
"""
        done = subprocess.run(
            [sys.executable, "-c", program],
            check=False,
            env={**os.environ, "OS_FREEZER_CONFIG_FILES": str(stack.conf)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stdout.split() == ["200", "300", "401", "401"], done.stderr
        assert "store cannot be reached" not in done.stderr
        assert not [secret for secret in self._secrets(stack) if secret in done.stderr]

    def test_passwords_are_not_readable_or_logged(self, stacked):
        stack, log = stacked
        assert not [secret for secret in self._secrets(stack) if secret in log]
        assert stack.readable_by_all(*self._secrets(stack)) == []
        assert stack.conf.stat().st_mode & 0o777 == 0o600
        if has_elasticsearch(stack):
            assert (stack.users / "arguments").read_text() == "list\nuseradd freezer -r superuser\n"

    def _secrets(self, stack):
        return (*SECRETS, stack.variables["DATABASE_PASSWORD"])

    def test_apache_accepts_the_site(self, stacked, apache):
        stack, _ = stacked
        assert apache(stack).check() == (0, "Syntax OK\n")

    def test_uwsgi_is_started_with_the_file_of_the_stack(self, stacked):
        stack, _ = stacked
        commands = [call[2] for call in stack.called("run_process") if call[1] == "freezer-api"]
        assert len(commands) == (1 if is_uwsgi(stack) else 0)
        for command in commands:
            assert re.fullmatch(
                rf"/\S+/uwsgi --procname-prefix freezer-api --ini {stack.conf.parent}/uwsgi.conf"
                rf" --pidfile2 {stack.root}/run/freezer-api.pid",
                command,
            )

    def test_start_waits_for_the_health_check(self, stacked):
        stack, _ = stacked
        place = "127.0.0.1/backup" if is_uwsgi(stack) else "127.0.0.1:9090"
        (wait,) = stack.called("test_with_retry")
        assert wait[1].endswith(f" http://{place}/healthcheck")
        assert wait[3] == stack.variables["SERVICE_TIMEOUT"]


class TestApache:
    def test_apache_site_has_the_values_of_the_stack(self, make_stack):
        stack = make_stack("apache2", "sqlalchemy", SERVICE_HOST="192.0.2.7", FREEZER_API_PORT="9191")
        stack.succeed(*CONFIGURE, GLOBAL_VENV="True", DEVSTACK_VENV="/opt/stack/data/venv")
        home = " python-home=/opt/stack/data/venv"
        lines = (stack.sites / "freezer-api.conf").read_text().splitlines()
        assert [line.strip() for line in lines if line.strip(" #") == line.strip() != ""] == [
            "Listen 192.0.2.7:9191",
            "Listen 127.0.0.1:9191",
            "<VirtualHost *:9191>",
            f"WSGIDaemonProcess freezer-api processes=2 threads=2 user={USER} display-name=%{{GROUP}}{home}",
            "WSGIProcessGroup freezer-api",
            "WSGIApplicationGroup freezer-api",
            f"WSGIScriptAlias / {REPOSITORY}/freezer_api/cmd/wsgi.py",
            "WSGIChunkedRequest On",
            "AllowEncodedSlashes NoDecode",
            f"ErrorLog {stack.root}/dest/logs/freezer-api.log",
            f'CustomLog {stack.root}/dest/logs/freezer-api_access.log "%h %l %u %t \\"%m %U %H\\" %>s %b"',
            f"<Directory {REPOSITORY}/freezer_api>",
            "Require all granted",
            "AllowOverride None",
            "LimitRequestBody 102400",
            "</Directory>",
            "</VirtualHost>",
        ]
        url = "http://192.0.2.7:9191"
        assert stack.called("get_or_create_endpoint")[0][3:] == [url, url, url]

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_loopback_address_has_one_listen_line(self, make_stack, host):
        stack = make_stack("apache2", "sqlalchemy", SERVICE_HOST=host)
        stack.succeed(*CONFIGURE)
        assert re.findall(r"^Listen .*", (stack.sites / "freezer-api.conf").read_text(), re.MULTILINE) == [
            f"Listen {host}:9090"
        ]

    def test_configuration_outside_the_search_path_is_a_warning(self, make_stack):
        stack = make_stack("apache2", "sqlalchemy")
        assert "only if OS_FREEZER_CONFIG_FILES" in stack.succeed(STACK[0])
        assert "OS_FREEZER_CONFIG_FILES" not in stack.succeed(STACK[0], FREEZER_API_CONF_DIR="/etc/freezer")


class TestUwsgi:
    def test_uwsgi_file_is_the_shipped_one_with_the_values_of_the_stack(self, make_stack):
        stack = make_stack("uwsgi", "sqlalchemy", FREEZER_API_PORT="9191", FREEZER_API_SERVICE_PROTOCOL="https")
        stack.succeed(*CONFIGURE, SERVICE_LISTEN_ADDRESS="0.0.0.0")
        written = stack.options(stack.conf.with_name("uwsgi.conf"))["uwsgi"]
        shipped = stack.options(REPOSITORY / "etc/freezer/uwsgi.conf")["uwsgi"]
        assert written == {
            **shipped,
            "http": "0.0.0.0:9191",
            "socket": f"{stack.root}/run/freezer-api-wsgi.socket",
            "plugins": "http,python3",
            "env": f"OS_FREEZER_CONFIG_FILES={stack.conf}",
        }
        url = "https://127.0.0.1/backup"
        assert stack.called("get_or_create_endpoint")[0][3:] == [url, url, url]

    def test_apache_site_has_the_socket_of_uwsgi(self, make_stack):
        stack = make_stack("uwsgi", "sqlalchemy")
        stack.succeed(*CONFIGURE)
        site = (stack.sites / "freezer-api-wsgi.conf").read_text()
        shipped = (REPOSITORY / "etc/freezer/apache2-freezer-api.conf").read_text()
        socket = f"{stack.root}/run/freezer-api-wsgi.socket"
        assert site == shipped.replace("/var/run/uwsgi/freezer-api-wsgi.socket", socket)
        assert f"unix:{socket}|uwsgi://" in site


class TestSecondRun:
    @pytest.mark.parametrize(("server_type", "backend"), COMBINATIONS)
    def test_second_run_changes_nothing(self, make_stack, server_type, backend):
        stack = make_stack(server_type, backend)
        phases = STACK if (server_type, backend) == ("apache2", "elasticsearch") else CONFIGURE
        stack.succeed(*phases)
        before, options = stack.files(), stack.conf.read_text()
        stack.succeed(*phases)
        assert (stack.files(), stack.conf.read_text()) == (before, options)
        assert len(stack.called("install_package")) == (1 if backend == "elasticsearch" else 0)
        if phases == STACK:
            assert (stack.users / "arguments").read_text().splitlines()[-1] == "passwd freezer"

    def test_second_run_with_another_server_replaces_the_first_server(self, make_stack):
        stack = make_stack("apache2", "sqlalchemy")
        stack.succeed(*STACK)
        assert [site.name for site in stack.enabled.iterdir()] == ["freezer-api.conf"]
        stack.succeed(*STACK, FREEZER_API_SERVER_TYPE="uwsgi")
        assert [site.name for site in stack.enabled.iterdir()] == ["freezer-api-wsgi.conf"]


class TestUnstackAndClean:
    @pytest.mark.parametrize(("server_type", "backend"), COMBINATIONS)
    def test_unstack_stops_only_this_service(self, make_stack, server_type, backend):
        stack = make_stack(server_type, backend)
        stack.succeed(*CONFIGURE)
        site = "freezer-api-wsgi" if server_type == "uwsgi" else "freezer-api"
        for enabled in (site, "keystone"):
            (stack.enabled / f"{enabled}.conf").touch()
        (stack.root / "calls").unlink()
        stack.succeed("unstack")
        assert stack.calls == [
            ["stop_process", "freezer-api"],
            ["disable_apache_site", site],
            ["restart_apache_server"],
            *([["stop_service", "elasticsearch"]] if backend == "elasticsearch" else []),
        ]
        assert [path.name for path in stack.enabled.iterdir()] == ["keystone.conf"]
        assert stack.conf.exists()

    @pytest.mark.parametrize(("server_type", "backend"), COMBINATIONS)
    def test_clean_restores_the_original_files(self, make_stack, server_type, backend):
        stack = make_stack(server_type, backend)
        before = stack.files()
        stack.succeed(*CONFIGURE)
        stack.succeed("unstack")
        stack.succeed("clean")
        downloads = {str(file.relative_to(stack.root)) for file in stack.downloads.iterdir()}
        assert (stack.files() - downloads) | {"files"} == before
        assert len(stack.called("uninstall_package")) == (1 if backend == "elasticsearch" else 0)
        stack.succeed("clean")

    def test_clean_keeps_files_and_directories_of_others(self, make_stack):
        stack = make_stack("apache2", "sqlalchemy")
        logs = stack.root / "dest/logs"
        for directory in (stack.conf.parent, logs):
            directory.mkdir(parents=True)
        others = [stack.conf.with_name("scheduler.conf"), logs / "keystone.log", stack.root / "var/cache/kept"]
        stack.succeed(*CONFIGURE)
        for file in others:
            file.touch()
        stack.succeed("clean")
        assert [file.name for file in others if not file.exists()] == []
        assert list(stack.conf.parent.iterdir()) == others[:1]

    def test_clean_removes_elasticsearch_even_after_a_change_of_backend(self, make_stack):
        stack = make_stack("apache2", "elasticsearch")
        stack.succeed(*CONFIGURE)
        stack.succeed("unstack", FREEZER_BACKEND="sqlalchemy")
        stack.succeed("clean", FREEZER_BACKEND="sqlalchemy")
        assert stack.called("stop_service", "uninstall_package")[0] == ["stop_service", "elasticsearch"]
        assert stack.called("uninstall_package") == [["uninstall_package", "elasticsearch"]]
        assert not stack.elasticsearch.exists()


class TestElasticsearch:
    """Installation, configuration and removal of Elasticsearch."""

    @pytest.fixture
    def stack(self, make_stack):
        return make_stack(FREEZER_BACKEND="elasticsearch", ELASTICSEARCH_TIMEOUT="1")

    def test_default_version_of_elasticsearch_is_tested(self):
        assert choose("elasticsearch", "9").exact == VERSION
        assert f"ELASTICSEARCH_VERSION:-{VERSION}" in (PLUGIN / "settings").read_text()

    def test_package_with_a_wrong_checksum_is_refused(self, stack):
        package = stack.publish(VERSION)
        package.write_text("half of it")
        done = stack.run(*STACK)
        url = f"{stack.variables['ELASTICSEARCH_BASEURL']}/{package.name}"
        assert done.code == 1
        assert f"the checksum of {url} differs from that in {url}.sha512" in done.log
        assert list(stack.downloads.iterdir()) == []
        assert stack.called("install_package") == []

    def test_existing_package_is_not_downloaded_again(self, stack):
        stack.succeed(*STACK[:2])
        stack.succeed("clean")
        for file in stack.mirror.iterdir():
            file.unlink()
        stack.succeed(*STACK[:2])
        assert len(stack.called("install_package")) == 2

    def test_package_that_cannot_be_downloaded_is_an_error(self, stack):
        done = stack.run(*STACK, ELASTICSEARCH_VERSION="9.0.99")
        assert done.code == 1
        assert "elasticsearch-9.0.99-amd64.deb could not be downloaded" in done.log

    def test_failed_installation_is_an_error(self, stack):
        done = stack.run(*STACK, CA=str(stack.root / "nowhere"))
        assert done.code == 1
        assert f"cannot stat '{stack.root}/nowhere'" in done.log
        assert f"elasticsearch-{VERSION}-amd64.deb could not be installed" in done.log

    def test_other_version_replaces_the_installed_one(self, stack):
        stack.succeed(*STACK[:2])
        stack.publish("9.6.0")
        stack.succeed(*STACK[:2], ELASTICSEARCH_VERSION="9.6.0")
        assert [Path(call[1]).name for call in stack.called("install_package")] == [
            f"elasticsearch-{VERSION}-amd64.deb",
            "elasticsearch-9.6.0-amd64.deb",
        ]

    def test_elasticsearch_is_installed_on_fedora(self, stack):
        machine = os.uname().machine
        stack.publish(VERSION, f"elasticsearch-{{}}-{machine}.rpm")
        for _ in range(2):
            stack.succeed(*STACK[:2], DISTRIBUTION="fedora")
        (call,) = stack.called("install_package")
        assert call[1].endswith(f"elasticsearch-{VERSION}-{machine}.rpm")

    def test_unsupported_distribution_is_an_error(self, stack):
        done = stack.run(*STACK[:2], DISTRIBUTION="plan9")
        assert (done.code, "no support for Elasticsearch" in done.log) == (1, True)

    def test_heap_of_elasticsearch_has_the_configured_size(self, stack):
        stack.succeed(*STACK[:2], ELASTICSEARCH_HEAP="1g")
        options = stack.elasticsearch / "jvm.options.d/freezer-api.options"
        assert options.read_text() == "-Xms1g\n-Xmx1g\n"

    def test_service_can_read_only_the_ca_certificate_of_elasticsearch(self, stack):
        stack.succeed(*STACK[:2])
        modes = {name: (stack.elasticsearch / name).stat().st_mode & 0o7 for name in (".", "certs")}
        assert modes == {".": 0o1, "certs": 0o1}
        assert (stack.elasticsearch / "certs/http_ca.crt").stat().st_mode & 0o7 == 0o4

    def test_elasticsearch_that_was_already_installed_is_kept(self, stack):
        (stack.root / "packages/elasticsearch").write_text("9.1.0")
        log = stack.succeed(*CONFIGURE)
        assert "its user freezer must have the password DATABASE_PASSWORD" in log
        stack.succeed("clean")
        assert stack.called("install_package", "stop_service", "uninstall_package") == []

    def test_server_that_does_not_start_is_an_error(self, stack):
        done = stack.run(*STACK, ELASTICSEARCH_URL="https://127.0.0.1:1")
        assert done.code == 1
        assert "https://127.0.0.1:1 is not ready after 1 s: curl: (7" in done.log
        assert not [secret for secret in SECRETS if secret in done.log]

    def test_password_that_elasticsearch_refuses_is_an_error(self, make_stack):
        stack = make_stack("apache2", "elasticsearch", ELASTICSEARCH_TIMEOUT="0")
        done = stack.run(*STACK, DATABASE_PASSWORD='quote"and\\slash')
        assert done.code == 1
        assert re.search(r"is not ready after 0 s: curl: .* 401$", done.log, re.MULTILINE)


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("FREEZER_API_SERVER_TYPE", "it can be apache2 or uwsgi"),
            ("FREEZER_BACKEND", "it can be elasticsearch or sqlalchemy"),
        ],
    )
    def test_unknown_value_of_a_setting_is_an_error(self, stack, name, words):
        done = stack.run(*STACK, **{name: "sqlachemy"})
        assert done.code == 1
        assert f"{name} is sqlachemy; {words}" in done.log
        assert stack.calls == []

    @pytest.mark.parametrize("password", ["short", ""])
    def test_short_password_is_an_error(self, stack, password):
        done = stack.run(*STACK, DATABASE_PASSWORD=password)
        assert done.code == 1
        assert "DATABASE_PASSWORD has less than 6 characters" in done.log
        assert stack.calls == []

    def test_database_password_is_not_logged(self, make_stack):
        url = f"mysql+pymysql://root:{DATABASE_PASSWORD}@127.0.0.1/DATABASE?charset=utf8"
        stack = make_stack("apache2", "sqlalchemy", DATABASE_URL=url)
        log = stack.succeed(*CONFIGURE)
        assert stack.options()["database"]["connection"] == url.replace("DATABASE", "freezer")
        assert DATABASE_PASSWORD not in log

    @pytest.mark.parametrize("phases", [STACK, ("unstack",), ("clean",)])
    def test_disabled_service_is_neither_installed_nor_started(self, stack, phases):
        before = stack.files()
        stack.succeed(*phases, DISABLED_SERVICES="freezer-api")
        assert (stack.files(), stack.calls) == (before, [])

    def test_sample_of_local_conf_enables_the_plugin(self, make_stack, tmp_path):
        stack = make_stack(backend="elasticsearch")
        del stack.variables["FREEZER_BACKEND"]
        text = (PLUGIN / "local.conf.sample").read_text()
        assert text.count("[[") == 1
        _, localrc = text.split("[[local|localrc]]\n")
        file = tmp_path / "localrc"
        file.write_text(f'function enable_plugin {{ _called enable_plugin "$@"; }}\n{localrc}')
        access = stack.variables["DATABASE_PASSWORD"]
        (tmp_path / "access").write_text(f"DATABASE_PASSWORD={access}\n")
        stack.succeed(*CONFIGURE, LOCALRC=f"{file} {tmp_path / 'access'}")
        assert stack.called("enable_plugin")[0][1] == "freezer-api"
        assert stack.options()["storage"]["driver"] == "elasticsearch"


def test_readme_lists_every_variable_with_its_default():
    rows = re.findall(r"^   \* - (.+)\n     - (.+)\n", (PLUGIN / "README.rst").read_text(), re.MULTILINE)
    documented = {
        name: default.strip("`") for names, default in rows for name in re.findall(r"``([A-Z_]+)``", names)
    }
    settings = dict(re.findall(r"^([A-Z_]+)=\$\{\1:-(.*)\}$", (PLUGIN / "settings").read_text(), re.MULTILINE))
    assert set(documented) - {"FREEZER_API_BIN_DIR"} == set(settings)
    literal = {name: value for name, value in settings.items() if "GIT" not in value}
    assert {name: documented[name] for name in literal} == literal
