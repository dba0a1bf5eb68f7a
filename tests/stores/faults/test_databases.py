# SPDX-License-Identifier: Apache-2.0
"""The database server stops, hangs, is killed or refuses requests under load."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.commands.command import ended, start
from tests.stores.faults.load import JOB, Load, check_a_store_that_is_away, until
from tests.support.left_out import leave_out
from tests.support.needs import SQL, on
from tests.support.search.node import free_ports
from tests.support.service import Service, sql_store
from tests.support.sql.server import SQLServer
from tests.support.sql.shared import SQLServers

pytestmark = pytest.mark.slow

GALERA = Path("/usr/lib/galera/libgalera_smm.so")

Start = Callable[..., tuple[Service, Service]]

_AWAY: dict[str, tuple[Callable[[SQLServer], None], Callable[[SQLServer], object]]] = {
    "stopped": (SQLServer.stop, SQLServer.start),
    "killed": (SQLServer.kill, SQLServer.start),
    "hanging": (SQLServer.pause, SQLServer.resume),
}


@pytest.fixture(scope="module", params=on(*SQL))
def server(request: pytest.FixtureRequest, sql_servers: SQLServers) -> Iterator[SQLServer]:
    """A server that tests may stop or damage, and leave running. Acknowledged writes are on its disk."""
    with sql_servers.own(request.param) as server:
        yield server


@pytest.fixture
def start_services(tmp_path: Path, start_both: Callable[[Path], tuple[Service, Service]]) -> Start:
    """Return a function that starts two services on one new database."""

    def start_on(server: SQLServer, **options: object) -> tuple[Service, Service]:
        return start_both(sql_store(tmp_path, server.create_database(f"f{time.monotonic_ns()}"), **options))

    return start_on


@pytest.mark.parametrize("how", _AWAY)
def test_acknowledged_writes_survive_an_outage(server: SQLServer, start_services: Start, how: str) -> None:
    go, come_back = _AWAY[how]
    services = start_services(server)
    with Load(services) as load:
        load.go_on(20)
        go(server)
        until(lambda: load.refused >= 4)
        come_back(server)
        load.go_on(20)
    load.check()
    _no_secret(services)


def test_acknowledged_writes_survive_repeatedly_closed_connections(
    server: SQLServer, start_services: Start
) -> None:
    services = start_services(server)
    with Load(services) as load:
        for _ in range(20):
            load.go_on(2)
            server.kill_connections()
        load.go_on(10)
    load.check()


def test_acknowledged_writes_survive_a_read_only_server(server: SQLServer, start_services: Start) -> None:
    on, off = (
        ("SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0")
        if server.name == "mariadb"
        else (
            "ALTER ROLE freezer SET default_transaction_read_only = on",
            "ALTER ROLE freezer RESET default_transaction_read_only",
        )
    )
    services = start_services(server)
    with Load(services) as load:
        load.go_on(10)
        server.run(on)
        server.kill_connections()
        until(lambda: load.refused >= 10)
        server.run(off)
        load.go_on(10)
    load.check()


def test_requests_are_503_with_retry_after_while_the_server_is_stopped(
    server: SQLServer, start_services: Start
) -> None:
    service, _ = start_services(server)
    check_a_store_that_is_away(service, server.stop, server.start)
    _no_secret([service])


def test_service_started_before_its_server_recovers(server: SQLServer, start_services: Start) -> None:
    service, _ = start_services(server)
    server.stop()
    service.stop()
    service.start()
    assert service.request("GET", "/v1/jobs")[0] == 503
    server.start()
    until(lambda: service.request("POST", "/v1/jobs/j1", JOB)[0] == 201)
    assert "The store cannot be used yet" in service.log.read_text()


def test_sync_retries_without_limit_if_configured(server: SQLServer, tmp_path: Path) -> None:
    url = server.create_database(f"f{time.monotonic_ns()}")
    server.stop()
    config = tmp_path / "freezer.conf"
    config.write_text(f"[database]\nconnection = {url}\nmax_retries = -1\nretry_interval = 1\n")
    process = start("--config-file", str(config), "db", "sync")
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(2)]
    server.start()
    done = ended(process)
    assert all("cannot be reached, trying again in 1 s" in line for line in lines)
    assert (done.code, done.stdout.count(" is True")) == (0, 5)


@pytest.mark.parametrize("how", ["ALL", "ALL_KILL"])
def test_acknowledged_writes_survive_a_galera_node_that_is_not_ready(
    sql_servers: SQLServers, start_services: Start, how: str
) -> None:
    """Rejecting queries by option causes the same error code as the loss of the cluster."""
    if not GALERA.exists():
        leave_out(f"galera: there is no {GALERA}")
    listen = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    with sql_servers.own(
        "mariadb",
        "--wsrep-on=ON",
        f"--wsrep-provider={GALERA}",
        "--wsrep-cluster-address=gcomm://",
        f"--wsrep-provider-options=gmcast.listen_addr={listen}",
        "--wsrep-node-address=127.0.0.1",
        "--binlog-format=ROW",
    ) as server:
        services = start_services(server, mysql_wsrep_sync_wait=1)
        with Load(services) as load:
            load.go_on(10)
            server.run(f"SET GLOBAL wsrep_reject_queries = {how}")
            until(lambda: load.refused >= 10)
            server.run("SET GLOBAL wsrep_reject_queries = NONE")
            load.go_on(10)
        load.check()
        assert "WSREP has not yet prepared node" in "".join(service.log.read_text() for service in services)


@pytest.mark.parametrize("name", on(*SQL))
def test_acknowledged_writes_survive_a_server_without_free_connections(
    sql_servers: SQLServers, start_services: Start, name: str
) -> None:
    few = ["--max-connections=12"] if name == "mariadb" else ["-c", "max_connections=12"]
    with sql_servers.own(name, *few) as server, ExitStack() as taken:
        # Small pools, so that each of the four worker processes gets a connection.
        services = start_services(server, max_pool_size=1)
        with Load(services) as load:
            load.go_on(10)
            server.kill_connections()
            _take_all(server, taken)
            until(lambda: load.refused >= 10)
            taken.close()
            load.go_on(10)
        load.check()
        logged = "".join(service.log.read_text() for service in services)
        assert re.search("[Tt]oo many|remaining connection slots", logged)


def _take_all(server: SQLServer, taken: ExitStack) -> None:
    """Take all free connections, and those of the service as soon as they become free."""
    first = server.connect()
    taken.callback(first.close)
    while True:
        try:
            taken.callback(server.connect().close)
        except server.errors:
            return


def test_write_to_a_full_disk_is_503(sql_servers: SQLServers, start_services: Start) -> None:
    """A tablespace that cannot grow simulates a full disk."""
    full = ("--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:16M")
    with sql_servers.own("mariadb", *full) as server:
        service, _ = start_services(server)
        large = {**JOB, "description": "word " * 20_000}
        created = 0
        while (status := service.request("POST", f"/v1/jobs/j{created}", large)[0]) == 201:
            created += 1
        assert status == 503
        assert len(service.request("GET", "/v1/jobs?limit=1000")[1]["jobs"]) == created
        assert "is full" in service.log.read_text()
        assert service.request("DELETE", "/v1/jobs/j0")[0] == 204


def _no_secret(services: object) -> None:
    assert isinstance(services, list | tuple)
    for service in services:
        log = service.log.read_text()
        assert "p@ss" not in log
        assert "p%40ss" not in log
