# SPDX-License-Identifier: Apache-2.0
"""The server runs, but its indices are blocked, red or lose their primary shard."""

import pytest

from tests.stores.faults.conftest import Start
from tests.stores.faults.load import JOB, Load, create_job, get, until
from tests.support.needs import on
from tests.support.search.cluster import Cluster
from tests.support.search.shared import SearchServers
from tests.support.service import Service

pytestmark = pytest.mark.slow


def _set(node: Cluster, service: Service, settings: dict[str, object]) -> None:
    status, answer = node.access.request("PUT", f"{node.url}/{service.index}-*/_settings", settings)
    assert status == 200, answer


def test_writes_are_503_and_reads_work_on_a_full_disk(node: Cluster, start_services: Start) -> None:
    block = "index.blocks.read_only_allow_delete"
    services = start_services(node.url)
    with Load(services) as load:
        load.go_on(10)
        _set(node, services[0], {block: True})
        until(lambda: load.refused >= 4)
        assert get(services[1], "/v1/jobs/first")["job_id"] == "first"
        assert get(services[1], "/v1/jobs")["jobs"]
        _set(node, services[0], {block: None})
        load.go_on(10)
    load.check()


def test_red_index_is_503_until_it_recovers(search_servers: SearchServers, start_services: Start) -> None:
    with search_servers.cluster("elasticsearch", "9", nodes=3) as cluster:
        service, _ = start_services(",".join(cluster.urls))
        create_job(service, "j1")
        _, shards = cluster.access.request("GET", f"{cluster.urls[0]}/_cat/shards/{service.index}-*?format=json")
        places = {shard["index"].split("-")[1]: shard["node"] for shard in shards}
        (node,) = (node for node in cluster.nodes if node.name == places["jobs"])
        cluster.kill(node)
        for method, path, body in (
            ("GET", "/v1/jobs", None),
            ("GET", "/v1/jobs/j1", None),
            ("POST", "/v1/jobs/j2", JOB),
        ):
            assert service.request(method, path, body)[0] == 503
        for kind in ("clients", "backups", "sessions"):
            if places[kind] != node.name:
                assert get(service, f"/v1/{kind}") == {kind: []}
        cluster.start(node)
        assert get(service, "/v1/jobs/j1")["job_id"] == "j1"
        assert [job["job_id"] for job in get(service, "/v1/jobs")["jobs"]] == ["j1"]


@pytest.mark.parametrize("engine", on("elasticsearch8", "elasticsearch9"))
def test_acknowledged_writes_survive_the_loss_of_the_master_node(
    search_servers, start_services: Start, engine: str
) -> None:
    with search_servers.cluster("elasticsearch", engine[-1], nodes=3) as cluster:
        services = start_services(",".join(cluster.urls), number_of_replicas=1)
        _wait_for_green(cluster)
        with Load(services) as load:
            load.go_on(20)
            master = cluster.master()
            cluster.kill(master)
            load.go_on(40)
            cluster.start(master)
            load.go_on(10)
        load.check()


def _wait_for_green(cluster: Cluster) -> None:
    status, _ = cluster.access.request(
        "GET", f"{cluster.urls[0]}/_cluster/health?wait_for_status=green&timeout=60s"
    )
    assert status == 200
