"""The starter keeps its promises, on real servers."""

import hashlib
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.search import Failed, Missing, jdk
from tests.support.search.cluster import Cluster, Wish
from tests.support.search.given import VARIABLES, addresses, given
from tests.support.search.node import Node
from tests.support.search.server import Access, Server
from tests.support.search.shared import SearchServers
from tests.support.search.versions import VERSIONS, Version, choose

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
OPEN = [version for version in VERSIONS if not version.secure]
DOCUMENT = "/things/_doc/1"
# When a node that does not answer is given up; by default after half a minute.
_CHECKS = ("leader_check", "follower_check")
SOON = (
    {f"cluster.fault_detection.{check}.timeout": "2s" for check in _CHECKS}
    | {f"cluster.fault_detection.{check}.retry_count": "1" for check in _CHECKS}
    | {"cluster.publish.timeout": "2s"}
)


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shared servers may be given ones; what is tested here is started here."""
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def lone(search_servers: SearchServers) -> Iterator[Cluster]:
    with search_servers.cluster("elasticsearch", "8", nodes=1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def three(search_servers: SearchServers) -> Iterator[Cluster]:
    with search_servers.cluster("elasticsearch", "8", heap="256m", settings=SOON) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def secure(search_servers: SearchServers) -> Server:
    return search_servers.server("elasticsearch", "8", secure=True)


@pytest.mark.parametrize("version", OPEN, ids=str)
def test_every_version_answers_indexes_and_searches(search_servers: SearchServers, version: Version) -> None:
    server = search_servers.server(version.engine, version.major)
    index = f"/starter-{version.major}"
    try:
        assert server.request("GET", "/")[1]["version"]["number"] == server.version
        assert server.request("PUT", f"{index}/_doc/1?refresh=true", {"text": "one two"})[0] == 201
        status, found = server.request("POST", f"{index}/_search", {"query": {"match": {"text": "two"}}})
        assert (status, [hit["_id"] for hit in found["hits"]["hits"]]) == (200, ["1"])
    finally:
        server.request("DELETE", index)


def test_a_shared_server_is_started_once(search_servers: SearchServers) -> None:
    assert search_servers.server("elasticsearch", "8") is search_servers.server("elasticsearch", "8")


def test_a_node_comes_back_with_its_data_on_its_port(lone: Cluster) -> None:
    lone.request("PUT", DOCUMENT, {"a": 1})
    for end in (lone.kill, lone.stop):
        end()
        with pytest.raises(OSError, match="refused"):
            lone.request("GET", DOCUMENT)
        lone.start()
        assert lone.request("GET", DOCUMENT)[1]["_source"] == {"a": 1}


def test_a_paused_node_does_not_answer_until_it_is_resumed(lone: Cluster) -> None:
    lone.pause()
    assert lone.nodes[0].alive
    with pytest.raises(TimeoutError):
        lone.request("GET", "/", timeout=0.5)
    lone.resume()
    assert lone.request("GET", "/")[0] == 200


def test_a_cluster_survives_its_master(three: Cluster) -> None:
    three.request("PUT", DOCUMENT, {"a": 1})
    three.request("GET", "/_cluster/health/things?wait_for_status=green")  # the copies are there
    first = three.master()
    three.kill(first)
    assert three.master() != first
    three.wait()
    others = [node for node in three.nodes if node != first]
    assert [three.access.request("GET", node.url + DOCUMENT)[0] for node in others] == [200, 200]
    three.start(first)
    assert three.request("GET", "/_cluster/health")[1]["number_of_nodes"] == 3


def test_a_cluster_replaces_a_master_that_does_not_answer(three: Cluster) -> None:
    first = three.master()
    three.pause(first)
    assert three.master() != first
    three.resume(first)
    three.wait()
    assert three.master() in three.nodes


def test_security_knows_its_user(secure: Server) -> None:
    assert secure.request("GET", "/")[0] == 200
    assert Access(ca=secure.access.ca).request("GET", secure.url)[0] == 401
    assert Access("freezer", "guessed", secure.access.ca).request("GET", secure.url)[0] == 401


def test_security_has_a_certificate_that_nobody_else_trusts(secure: Server) -> None:
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        Access(secure.access.user, secure.access.password).request("GET", secure.url)


def test_the_fingerprint_is_the_certificates(secure: Server) -> None:
    host, _, port = secure.url.removeprefix("https://").partition(":")
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, int(port))) as plain, unverified.wrap_socket(plain) as wrapped:
        certificate = wrapped.getpeercert(binary_form=True)
    assert certificate is not None
    assert hashlib.sha256(certificate).hexdigest() == secure.access.fingerprint


def test_a_start_that_fails_says_why(search_servers: SearchServers) -> None:
    cluster = search_servers.cluster("elasticsearch", "8", nodes=1, settings={"no.such.thing": "1"})
    with pytest.raises(Failed, match=r"ended: .*IllegalArgumentException: unknown setting \[no\.such\.thing\]"):
        cluster.start()
    assert not cluster.nodes[0].alive


# Servers that run already


def test_given_addresses_of_one_cluster_are_one_server(three: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEZER_TEST_ES_URL", ", ".join(three.urls))
    assert given() == [Server(three.engine, three.version, three.urls, Access())]


def test_a_given_server_is_not_started(three: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEZER_TEST_ES_URL", three.url)
    assert SearchServers().server("elasticsearch", "8").url == three.url


def test_a_given_server_may_want_a_user_and_have_a_ca(secure: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEZER_TEST_ES_URL", addresses([secure]))
    monkeypatch.setenv("FREEZER_TEST_ES_CA", str(secure.access.ca))
    assert SearchServers().server("elasticsearch", "8", secure=True).access == secure.access


def test_a_given_server_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEZER_TEST_OPENSEARCH_URL", "http://127.0.0.1:1")
    with pytest.raises(
        Failed, match=r"FREEZER_TEST_OPENSEARCH_URL names http://127[.]0[.]0[.]1:1, which does not answer"
    ):
        given()


# What dies with whom

_DIES = """
import sys, threading, time
from pathlib import Path
from tests.support.search.node import Node
folder = Path(sys.argv[1])
node = Node("node-1", "", folder, ("/bin/sleep", "600"))
thread = threading.Thread(target=node.launch, kwargs={"tied": sys.argv[2] == "tied"})
thread.start()
thread.join()
while b"sleep" not in Path(f"/proc/{node.pid}/cmdline").read_bytes().split(b"\\0")[0]:
    time.sleep(0.01)
if sys.argv[3] == "paused":
    node.pause()
print(node.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("state", ["running", "paused"])
@pytest.mark.parametrize("tied", ["tied", "free"])
def test_a_tied_node_dies_with_a_killed_starter(tmp_path: Path, tied: str, state: str) -> None:
    """Though not with the thread that asked for it."""
    starter = subprocess.Popen(
        [sys.executable, "-c", _DIES, tmp_path, tied, state], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert starter.stdout is not None
    starter.stdout.readline()
    node = Node("node-1", "", tmp_path, ())
    assert node.alive
    starter.kill()
    starter.communicate()
    deadline = time.monotonic() + (60 if tied == "tied" else 0.3)
    while node.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert node.alive is (tied == "free")
    node.kill()


# What cannot be started


def _fake_jdk(folder: Path, major: int, *tools: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    for tool in tools:
        (folder / "bin" / tool).write_text(f"#!/bin/sh\necho 'openjdk version \"{major}.0.1\" 2026-01-01' >&2\n")
        (folder / "bin" / tool).chmod(0o755)
    return folder


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FREEZER_ES_JAVA_HOME", raising=False)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))


@pytest.mark.usefixtures("no_java")
class TestJdk:
    def test_the_first_that_suits(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        beside, on_path = (_fake_jdk(tmp_path / f"jdk-{major}", major, "java", "javac") for major in (25, 17))
        monkeypatch.setenv("PATH", str(on_path / "bin"))
        assert jdk.find(choose("elasticsearch", "8")) == jdk.Jdk(on_path, 17)
        assert jdk.find(choose("elasticsearch", "9")) == jdk.Jdk(beside, 25)
        monkeypatch.setenv("JAVA_HOME", str(beside))
        assert jdk.find(choose("elasticsearch", "8")).major == 25
        assert jdk.find(choose("opensearch", "2")).major == 17

    def test_older_ones_are_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("JAVA_HOME", str(_fake_jdk(tmp_path, 17, "java", "javac")))
        with pytest.raises(Missing, match=r"Java 21 or newer is needed \(a JDK with javac\), found 17"):
            jdk.find(choose("opensearch", "3"))

    def test_one_without_compiler_is_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("FREEZER_ES_JAVA_HOME", str(_fake_jdk(tmp_path, 17, "java")))
        with pytest.raises(Missing, match=r"Java 11 to 23 is needed .* found none"):
            jdk.find(choose("opensearch", "2"))

    def test_without_one_a_test_is_skipped_and_a_line_says_so(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv("CI", raising=False)
        output = _pytest(tmp_path, _ASKS_TWICE, code=0)
        assert "2 skipped" in output
        reason = "Java 21 or newer is needed (a JDK with javac), found none"
        assert f"elasticsearch 9: {reason} (2 tests)\n" in output

    def test_under_ci_it_fails(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("CI", "true")
        output = _pytest(tmp_path, _ASKS_TWICE, code=1)
        assert "2 failed" in output
        assert "under CI nothing may be missing: elasticsearch 9: Java 21" in output


def test_without_maven_nothing_is_assembled(
    search_servers: SearchServers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    search_servers.cluster("elasticsearch", "8")  # there is a JDK
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FREEZER_ES_MVN", "no-such-maven")
    with pytest.raises(
        Missing, match="Maven is needed to assemble it the first time, no-such-maven was not found"
    ):
        Cluster.make(Wish("elasticsearch"), tmp_path / "cluster")


def test_a_version_that_is_not_there() -> None:
    with pytest.raises(Failed, match=r"there is no elasticsearch 7; there are elasticsearch 8 \(8\.19"):
        choose("elasticsearch", "7")


# A run of pytest, and the command


_ASKS_TWICE = """
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_asks(search_servers, number):
    search_servers.server("elasticsearch", "9")
"""
_FAILS = """
def test_fails(search_servers):
    server = search_servers.server("elasticsearch", "8")
    server.request("PUT", "/seen-in-the-log")
    print(f"the pid is {server.nodes[0].pid}.")
    assert False
"""


def _pytest(folder: Path, test: str, code: int) -> str:
    """What a run of pytest prints for one file of tests."""
    (folder / "test_inner.py").write_text(test)
    plugins = ["-p", "no:cacheprovider", "-p", "tests.support.left_out", "-p", "tests.support.fixtures"]
    options = [*plugins, f"--basetemp={folder / 'inner'}"]
    command = [sys.executable, "-m", "pytest", *options, f"--rootdir={folder}", str(folder / "test_inner.py")]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_a_failure_shows_what_the_server_logged_and_the_run_leaves_no_process(
    search_servers: SearchServers, tmp_path: Path
) -> None:
    search_servers.cluster("elasticsearch", "8")  # or this is skipped
    output = _pytest(tmp_path, _FAILS, code=1)
    assert "log of search server" in output
    assert "creating index" in output
    assert "[seen-in-the-log]" in output
    pid = re.search(r"the pid is (\d+)", output)
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid[1]), 0)


_USES = f"""
set -e
search="{sys.executable} -m tests.support.search"
echo "url $FREEZER_TEST_ES_URL"
$search node kill 1 --name "$FREEZER_TEST_ES_NAME"
$search status | grep "^$FREEZER_TEST_ES_NAME elasticsearch" | sed 's/^/after kill: /'
$search node start 1 --name "$FREEZER_TEST_ES_NAME"
$search status | grep "^$FREEZER_TEST_ES_NAME elasticsearch" | sed 's/^/after start: /'
exit 7
"""


def test_the_command_runs_a_command(search_servers: SearchServers) -> None:
    search_servers.cluster("elasticsearch", "8")  # or this is skipped
    name = f"test-{os.getpid()}"
    command = [sys.executable, "-m", "tests.support.search", "run", "--name", name, "--", "sh", "-c", _USES]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 7, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    url = lines[0].removeprefix("url ")
    server = f"{name} elasticsearch {choose('elasticsearch', '8').exact} node-1 {url}"
    assert lines[1] == f"after kill: {server} down"
    assert lines[2].startswith(f"after start: {server} pid ")
    assert lines[2].endswith(" green")
    with pytest.raises(OSError, match="refused"):
        Access().request("GET", url)
