# SPDX-License-Identifier: Apache-2.0
"""``freezer-manage`` on Elasticsearch, and its messages about unsupported servers."""

import http.server
import json
import re
import signal
import socket
import threading
import time

import pytest

from tests.commands.command import configured, ended, start
from tests.commands.test_command import MADE, NOTHING, REMOVED
from tests.contract.asking import found, is_, keep
from tests.stores.elasticsearch.place import ALL, WITH_ANOTHER_FIELD, documents
from tests.stores.faults.test_driver import page
from tests.support.proxy import Proxy

SECRET = "wonderland"


@pytest.fixture
def store(place, tmp_path):
    """Return the arguments for a configuration with the indices of the place and further options."""

    def _store(*options):
        lines = [f"hosts = {place.url}", f"index = {place.prefix}", *options]
        return configured(tmp_path / "freezer.conf", "[elasticsearch]\n" + "\n".join(lines))

    return _store


def test_indices_are_created_shown_updated_and_removed(manage, place, store):
    config = store()
    assert manage(*config, "db", "show") == (0, NOTHING, "")
    assert manage(*config, "db", "update-settings").code == 1
    plan = manage(*config, "-t", "db", "sync")
    assert (plan.code, len(plan.stdout.splitlines())) == (0, 5)
    assert place.indices() == {}
    for word in ("sync", "update"):
        assert manage(*config, "db", word) == (0, MADE, "")
    shown = manage(*config, "-d", "db", "show")
    assert sorted(json.loads(shown.stdout)) == sorted(f"{place.prefix}-{kind}-000001" for kind in ALL)
    assert manage(*store("number_of_replicas = 1"), "db", "update-settings").stdout == "number_of_replicas is 1\n"
    assert {index["replicas"] for index in place.admin().show().values()} == {1}
    assert manage(*config, "-t", "db", "remove").stdout == "".join(f"{kind}: would be removed\n" for kind in ALL)
    assert manage(*config, "-y", "db", "remove") == (0, REMOVED, "")
    assert place.indices() == {}


def test_index_and_mapping_options_select_the_indices(manage, place, store):
    config = store("number_of_replicas = 1")
    assert manage(*config, "-i", f"{place.prefix}-x", "-m", "jobs", "db", "sync").code == 0
    assert list(place.indices()) == [f"{place.prefix}-x-jobs-000001"]
    assert manage(*config, "-m", "jobs", "db", "sync").code == 0
    assert f"{place.prefix}-jobs-000001" in place.indices()
    assert manage(*config, "-m", "jobs", "-y", "db", "remove") == (0, "Deleting jobs is True\n", "")
    assert list(place.indices()) == [f"{place.prefix}-x-jobs-000001"]


def test_erase_asks_before_it_removes_a_foreign_index(manage, typed, place, store):
    place.request("PUT", "/{}-jobs")
    config = store()
    refused = manage(*config, "-y", "-m", "jobs", "db", "sync")
    assert (refused.code, refused.stdout) == (1, "")
    assert "--erase removes it" in refused.stderr
    typed("n\n")
    assert manage(*config, "-e", "-m", "jobs", "db", "sync").code == 1
    assert list(place.indices()) == [f"{place.prefix}-jobs"]
    typed("y\n")
    assert manage(*config, "-e", "-m", "jobs", "db", "sync").code == 0
    assert list(place.indices()) == [f"{place.prefix}-jobs-000001"]


def test_sync_with_yes_and_erase_keeps_documents_of_a_current_store(manage, place, store):
    config = store()
    manage(*config, "db", "sync")
    keep(place.repository(), "one")
    assert manage(*config, "-y", "-e", "db", "sync") == (0, MADE, "")
    assert found(place.repository()) == ["one"]


def test_three_concurrent_syncs_create_one_store(place, store):
    running = [start(*store(), "db", "sync") for _ in range(3)]
    assert [ended(process)[:2] for process in running] == [(0, MADE)] * 3
    place.repository().check()
    assert len(place.indices()) == 5


def test_three_concurrent_syncs_copy_each_index_once(place, store):
    place.sync(WITH_ANOTHER_FIELD, kinds=ALL)
    place.fill(WITH_ANOTHER_FIELD["jobs"], 1500)
    before = documents(place.repository())
    running = [start(*store(), "db", "sync") for _ in range(3)]
    assert [ended(process)[:2] for process in running] == [(0, MADE)] * 3
    place.repository().check()
    assert len(place.indices()) == 5
    assert documents(place.repository()) == before


def test_sigterm_during_a_copy_leaves_the_source_writable(place, store):
    place.sync(WITH_ANOTHER_FIELD, kinds=ALL)
    place.fill(WITH_ANOTHER_FIELD["jobs"], 3000)
    process = start(*store(), "-m", "jobs", "db", "sync")
    while len(place.indices()) == 5:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (143, "", "freezer-manage: stopped by SIGTERM\n")
    repository = place.repository(deadline=30.0)
    keep(repository, "written")
    place.sync()
    assert len(found(repository, is_("client_id", "host"), limit=10_000)) == 3001


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("word", ["sync", "show", "remove", "update-settings"])
def test_stopped_store_is_reported(manage, tmp_path, word):
    text = f"[elasticsearch]\nretries = 1\nhosts = http://alice:{SECRET}@127.0.0.1:{free_port()}\n"
    done = manage(*configured(tmp_path / "freezer.conf", text), "--debug", "-y", "db", word)
    assert (done.code, done.stdout) == (1, "")
    expected = "ElasticSearch cluster is not available. Cannot ping it"
    assert done.stderr.endswith(f"freezer-manage: [elasticsearch] hosts in {tmp_path}/freezer.conf: {expected}\n")
    assert re.search(
        r"after \d\.\d s: ConnectionError at http://127\.0\.0\.1:\d+: Connection refused\n", done.stderr
    )
    assert SECRET not in done.stderr


@pytest.fixture
def answering():
    """Start servers that send the same response to every request, and return their addresses."""
    servers = []

    def _answering(status, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield _answering
    for server in servers:
        server.shutdown()
        server.server_close()


SUPPORTED = "Elasticsearch 8.19 to 9.x and OpenSearch 2.19 to 3.x"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"<html>Welcome</html>", f"the server at the store's address is unknown; supported are {SUPPORTED}"),
        (401, b"{}", "the store refuses the service's credentials (it answers GET / with 401)"),
    ],
)
def test_unsupported_server_is_refused_in_one_line(manage, tmp_path, answering, status, body, expected):
    config = configured(tmp_path / "freezer.conf", f"[elasticsearch]\nhosts = {answering(status, body)}\n")
    where = f"[elasticsearch] hosts in {tmp_path}/freezer.conf"
    assert manage(*config, "db", "sync") == (1, "", f"freezer-manage: {where}: {expected}\n")


def test_sync_warns_of_added_aliases_and_fails_for_read_only_indices(manage, place, store):
    config = store()
    manage(*config, "db", "sync")
    index = f"{place.prefix}-jobs-000001"
    place.request("PUT", f"/{index}/_alias/everything", {})
    assert manage(*config, "db", "sync") == (0, MADE, f"freezer-manage: {index}: it has the alias everything\n")
    place.request("PUT", f"/{index}/_settings", {"index": {"blocks.read_only": True}})
    done = manage(*config, "-m", "jobs", "db", "sync")
    assert (done.code, done.stdout) == (1, "")
    reason = f"the index {index} has additions of others or of an index template: index.blocks.read_only is true"
    assert done.stderr == f"freezer-manage: {reason}\n"
    place.request("PUT", f"/{index}/_settings", {"index": {"blocks.read_only": False}})


@pytest.mark.parametrize("word", ["sync", "show", "remove", "update-settings"])
def test_response_of_a_proxy_ends_the_command_with_one_line(manage, place, tmp_path, word):
    foreign = page("404 Not Found", '{"message": "no route"}')
    place.sync(kinds=ALL)
    with Proxy(place.url) as proxy:
        lines = f"hosts = {proxy.url}\nindex = {place.prefix}\nretries = 0\n"
        config = configured(tmp_path / "freezer.conf", f"[elasticsearch]\n{lines}")
        proxy.trouble = lambda answer: foreign if answer and b"cluster_uuid" not in answer else "pass"
        done = manage(*config, "-y", "db", word)
    assert (done.code, done.stdout) == (1, "")
    logged, expected = done.stderr.splitlines()
    assert "with JSON that is not the store's" in logged
    assert expected == "freezer-manage: The store is not available, try again later"
    place.repository().check()
