# SPDX-License-Identifier: Apache-2.0
"""The only node of the store is stopped, killed or paused under load."""

from collections.abc import Callable

import pytest

from tests.stores.faults.conftest import Start
from tests.stores.faults.load import JOB, Load, check_a_store_that_is_away, create_job, get, until
from tests.support.search.cluster import Cluster
from tests.support.service import sync

_AWAY: dict[str, tuple[Callable[[Cluster], None], Callable[[Cluster], object]]] = {
    "stopped": (Cluster.stop, Cluster.start),
    "killed": (Cluster.kill, Cluster.start),
    "hanging": (Cluster.pause, Cluster.resume),
}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("how", _AWAY)
def test_acknowledged_writes_survive_an_outage_of_the_only_node(
    node: Cluster, start_services: Start, how: str
) -> None:
    go, come_back = _AWAY[how]
    services = start_services(node.url)
    with Load(services) as load:
        load.go_on(20)
        go(node)
        until(lambda: load.refused >= 4)
        come_back(node)
        load.go_on(20)
    load.check()


def test_lists_are_503_and_not_empty_while_the_store_is_stopped(node: Cluster, start_services: Start) -> None:
    service, _ = start_services(node.url)
    check_a_store_that_is_away(service, node.stop, node.start)


def test_service_that_starts_before_its_store_recovers(node: Cluster, start_services: Start) -> None:
    service, _ = start_services(node.url)
    create_job(service, "j1")
    node.stop()
    service.stop()
    service.start()
    assert service.request("GET", "/v1/jobs")[0] == 503
    node.start()
    assert get(service, "/v1/jobs/j1")["job_id"] == "j1"
    assert "The store cannot be used yet" in service.log.read_text()


def test_missing_indices_are_logged_by_name(node: Cluster, start_services: Start) -> None:
    service, _ = start_services(node.url)
    _, indices = node.access.request("GET", f"{node.url}/{service.index}-*")
    for index in indices:
        assert node.access.request("DELETE", f"{node.url}/{index}")[0] == 200
    for method, path, body in (("GET", "/v1/jobs", None), ("POST", "/v1/jobs/j1", JOB)):
        assert service.request(method, path, body)[0] == 503
    assert service.log.read_text().count("run 'freezer-manage db sync'") >= 2
    assert service.config is not None
    sync(service.config)
    create_job(service, "j1")
    _, indices = node.access.request("GET", f"{node.url}/{service.index}-*")
    assert all(index["mappings"]["dynamic"] == "strict" for index in indices.values())
