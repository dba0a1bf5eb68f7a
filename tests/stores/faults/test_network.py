# SPDX-License-Identifier: Apache-2.0
"""Responses of the store are late, incomplete or lost."""

import itertools
import random

import pytest

from tests.stores.faults.conftest import Start
from tests.stores.faults.load import JOB, Load, create_job, get, until
from tests.support.proxy import Proxy, Trouble
from tests.support.search.cluster import Cluster
from tests.support.service import AMPLE_DEADLINE

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("trouble", ["drop", "cut", "delay"])
def test_occasional_network_errors_are_retried_without_a_log_line(
    node: Cluster, start_services: Start, trouble: Trouble
) -> None:
    with Proxy(node.url) as proxy:
        services = start_services(proxy.url, deadline=AMPLE_DEADLINE)
        number = itertools.count()
        with Load(services) as load:
            proxy.trouble = lambda _answer: trouble if next(number) % 7 == 0 else "pass"
            load.go_on(30)
            proxy.always("pass")
        load.check()
        assert load.refused == 0


def test_random_network_errors_lose_no_acknowledged_write(node: Cluster, start_services: Start) -> None:
    troubles: list[Trouble] = ["drop", "cut", "delay", "refuse", "drop", "cut", "hang"]
    chance = random.Random(4)
    with Proxy(node.url) as proxy:
        services = start_services(proxy.url)
        with Load(services) as load:
            proxy.trouble = lambda _answer: chance.choice(troubles) if chance.random() < 0.2 else "pass"
            load.go_on(30)
            proxy.always("pass")
            load.go_on(10)
        load.check()


@pytest.mark.parametrize("trouble", ["drop", "cut", "refuse", "hang"])
def test_requests_are_503_while_network_errors_last(
    node: Cluster, start_services: Start, trouble: Trouble
) -> None:
    with Proxy(node.url) as proxy:
        service, _ = start_services(proxy.url)
        create_job(service, "j1")
        proxy.always(trouble)
        assert service.request("GET", "/v1/jobs")[0] == 503
        assert service.request("POST", "/v1/jobs/j2", JOB)[0] == 503
        proxy.always("pass")
        until(lambda: service.request("GET", "/v1/jobs")[0] == 200)
        # The store may have performed the write whose response was lost.
        jobs = {job["job_id"] for job in get(service, "/v1/jobs")["jobs"]}
        assert {"j1"} <= jobs <= {"j1", "j2"}
