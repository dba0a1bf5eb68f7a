# SPDX-License-Identifier: Apache-2.0
"""The plugin starts the service in a complete stack, and users reach it at the registered endpoint."""

import json
import re
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request

import pytest

from tests.devstack.apache import ordinary
from tests.devstack.stack import STACK
from tests.devstack.tls import Curtain
from tests.support.left_out import leave_out
from tests.support.search.node import free_ports
from tests.support.service import Production

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Return an environment for the Python of Debian's mod_wsgi and uWSGI, with the packages of this one."""
    python = "/usr/bin/python3"
    program = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([python, "-c", program], check=False, capture_output=True, text=True)
    if done.stdout.split() != [str(number) for number in sys.version_info[:2]]:
        leave_out(f"{python} is not {sys.version_info[0]}.{sys.version_info[1]}: {done.stdout}{done.stderr}")
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    packages.joinpath("tested.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    return folder


class Endpoint:
    def __init__(self, url, token):
        self.url = url
        self.token = token

    def request(self, method, path, body=None, token=None):
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("X-Auth-Token", self.token if token is None else token)
        if body is not None:
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, self._read(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, self._read(error)

    @staticmethod
    def _read(answer):
        text = answer.read()
        return json.loads(text) if answer.headers.get_content_type() == "application/json" else text

    @property
    def is_there(self):
        try:
            return self.request("GET", "/healthcheck", token="") == (200, b"OK")
        except OSError:
            return False


@pytest.fixture
def curtain(search_servers, tmp_path):
    """Return a TLS proxy in front of an Elasticsearch of the version that the plugin installs."""
    with Curtain(search_servers.server("elasticsearch", "9").url, tmp_path) as made:
        yield made


@pytest.fixture
def served(request, make_stack, apache, environment, keystone):
    """Return a function that starts a stack and returns its endpoint. All stacks are stopped at the end."""
    stacks = []

    def _served(server_type, store):
        backend = "elasticsearch" if store.startswith("elasticsearch") else "sqlalchemy"
        stack = make_stack(server_type, backend)
        if store in ("mariadb", "postgresql"):
            url = request.getfixturevalue("sql_servers").server(store).create_database("freezer")
            stack.variables["DATABASE_URL"] = re.sub(r"/freezer(?=\?|$)", "/DATABASE", url)
        if store == "elasticsearch 9":
            curtain = request.getfixturevalue("curtain")
            stack.variables |= {"ELASTICSEARCH_URL": curtain.url, "CA": str(curtain.ca)}
        stacks.append(stack)
        web = apache(stack).start()
        keystone.token("freezer", "service", "admin", "service")
        stack.variables |= {
            "SERVED": str(web.pid),
            "KEYSTONE_SERVICE_URI": keystone.url,
            "SERVICE_PASSWORD": "freezer",
            "SERVICE_LISTEN_ADDRESS": "127.0.0.1",
            # devstack uses port 80; this stack uses a free one.
            "SERVICE_HOST": f"127.0.0.1:{web.port}" if server_type == "uwsgi" else "127.0.0.1",
            "FREEZER_API_PORT": str(*free_ports(1)),
            "GLOBAL_VENV": "True",
            "DEVSTACK_VENV": str(environment),
        }
        stack.succeed(*STACK, prefix=ordinary())
        url = stack.called("get_or_create_endpoint")[0][3]
        return stack, Endpoint(url, keystone.token("alice", "stacked", "member"))

    yield _served
    for stack in stacks:
        stack.run("unstack", prefix=ordinary())


def upgrade_check(stack):
    command = [
        sys.executable,
        "-m",
        "freezer_api.cmd.status",
        "--config-file",
        str(stack.conf),
        "upgrade",
        "check",
    ]
    return subprocess.run(command, check=False, capture_output=True, timeout=300).returncode


@pytest.mark.parametrize(
    ("server_type", "store"),
    [
        pytest.param("apache2", "elasticsearch", marks=pytest.mark.store("elasticsearch8")),
        pytest.param("apache2", "mariadb", marks=pytest.mark.store("mariadb")),
        pytest.param("uwsgi", "elasticsearch 9", marks=pytest.mark.store("elasticsearch9")),
        pytest.param("uwsgi", "postgresql", marks=pytest.mark.store("postgresql")),
        ("uwsgi", "sqlite"),
    ],
)
def test_registered_endpoint_serves_until_unstack(served, keystone, server_type, store):
    stack, endpoint = served(server_type, store)
    _, versions = endpoint.request("GET", "/", token="")
    links = {link["href"] for version in versions["versions"] for link in version["links"]}
    assert links >= {f"{endpoint.url}/v1/", f"{endpoint.url}/v2/"}

    project = keystone.project("stacked")
    client = {"client_id": "node1", "hostname": "node1"}
    assert endpoint.request("POST", f"/v2/{project}/clients", client)[0] == 201
    status, answer = endpoint.request("GET", f"/v2/{project}/clients")
    assert (status, [found["client"]["client_id"] for found in answer["clients"]]) == (200, ["node1"])
    assert endpoint.request("GET", "/v1/jobs", token="unknown")[0] == 401
    assert endpoint.request("GET", f"/v2/{project}/clients/{'x' * 10}")[0] == 404

    assert upgrade_check(stack) == 0
    assert endpoint.is_there
    stack.succeed("unstack", prefix=ordinary())
    # Apache stops only after its running requests have completed.
    while endpoint.is_there:
        time.sleep(0.05)
    assert list((stack.root / "processes").iterdir()) == []


def test_freezer_api_starts_with_the_configuration_of_the_stack(make_stack, tmp_path):
    stack = make_stack("uwsgi", "sqlalchemy")
    stack.succeed(*STACK)
    service = Production(tmp_path / "data", "--workers", "1", config=stack.conf)
    try:
        assert service.start().request("GET", "/v1/jobs")[0] == 401
    finally:
        service.end()
