# SPDX-License-Identifier: Apache-2.0
"""If the server is down or is not a database, the service starts, commands fail, and the reason is logged."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from oslo_config import cfg
from oslo_log import formatters, log

from freezer_api.errors import CommandError
from tests.unit.conftest import read_config
from tests.unit.test_databases import POSTGRESQL, URL
from tests.unit.test_databases import store as database
from tests.unit.test_stores import ES, store

__all__ = ["database", "read_config", "store"]


@pytest.mark.parametrize(
    "text",
    [ES.replace("es:1", "127.0.0.1:1"), *(f"[database]\nconnection = {url}" for url in (URL, POSTGRESQL))],
)
def test_service_starts_while_its_server_is_down(store, caplog, text):
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf([])
    # oslo.log appends the exception that is being handled, so format records as the service does.
    caplog.handler.setFormatter(formatters.ContextFormatter(config=conf))
    store(text).prepare()
    assert "The store cannot be used yet; requests are answered with 503 until it can be." in caplog.messages[-1]
    assert "p@ss" not in caplog.text


def test_administration_of_an_unreachable_server_is_an_error(database):
    admin = database("max_retries = 0").admin()
    with pytest.raises(CommandError, match=r"^cannot use mysql://127.0.0.1:1/freezer: Can't connect"):
        admin.show()
    admin.close()


def test_parameters_without_effect_are_accepted(database, caplog):
    usual = "charset=utf8&read_timeout=10&connect_timeout=10&use_unicode=0&plugin=dbcounter"
    database(url=f"{URL}?{usual}&foo=p%40ss&read_default_file=/etc/mysql/my.cnf&autocommit=true").prepare()
    assert "The store cannot be used yet" in caplog.messages[-1]
    assert "p@ss" not in caplog.text


@pytest.mark.parametrize(
    ("name", "sent", "text"),
    [
        ("mysql", b"\5\0\0\0ABCDE", "it is not a MySQL server"),
        ("mysql", bytes(50), "it is not a MySQL server"),
        ("mysql", b"HTTP/1.1 400 Bad Request\r\n\r\n", "Packet sequence number wrong - got 80 expected 0"),
        ("postgresql", b"\xff" * 100, "it is not a PostgreSQL server"),
        ("postgresql", b"HTTP/1.1 400 Bad Request\r\n\r\n", "received invalid response to SSL negotiation: H"),
    ],
)
def test_server_of_another_protocol_is_unavailable_and_logged(database, caplog, name, sent, text):
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:
        preparing = thread.submit(
            database(url=f"{name}://u:p%40ss@127.0.0.1:{listener.getsockname()[1]}/f").prepare
        )
        while not preparing.done():
            listener.settimeout(0.1)
            with suppress(TimeoutError), listener.accept()[0] as client:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                client.settimeout(5)
                with suppress(OSError):
                    while client.recv(1024):
                        pass
        preparing.result()
    (line,) = (
        line for line in caplog.messages if line.startswith("The store is not available (the health check)")
    )
    assert line.endswith(f" s: {text}")
    assert "p@ss" not in caplog.text
