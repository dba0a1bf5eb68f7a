"""Servers that run already: FREEZER_TEST_ES_URL and FREEZER_TEST_OPENSEARCH_URL.

Each is a list, separated by commas, of addresses of the form ``http://[USER:PASSWORD@]HOST:PORT``: of nodes of one
cluster, of servers of different versions, or both. With a CA of its own, FREEZER_TEST_ES_CA names the file.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.support.search import Failed
from tests.support.search.server import Access, Server

VARIABLES = {"elasticsearch": "FREEZER_TEST_ES_URL", "opensearch": "FREEZER_TEST_OPENSEARCH_URL"}


def ca_variable(engine: str) -> str:
    return VARIABLES[engine].replace("_URL", "_CA")


def given() -> list[Server]:
    """All of them, those of one cluster as one server."""
    clusters: dict[str, list[Server]] = {}
    for engine, variable in VARIABLES.items():
        for address in filter(None, os.environ.get(variable, "").split(",")):
            uuid, server = _ask(engine, address.strip())
            clusters.setdefault(uuid, []).append(server)
    return [_together(nodes) for nodes in clusters.values()]


def _together(nodes: list[Server]) -> Server:
    urls = tuple(url for node in nodes for url in node.urls)
    return Server(nodes[0].engine, nodes[0].version, urls, nodes[0].access)


def _ask(engine: str, address: str) -> tuple[str, Server]:
    """The cluster's id, and the node alone as a server."""
    url, access = _split(address, os.environ.get(ca_variable(engine)))
    try:
        status, info = access.request("GET", url)
        return info["cluster_uuid"], Server(engine, info["version"]["number"], (url,), access)
    except (OSError, ValueError) as error:
        raise Failed(f"{VARIABLES[engine]} names {url}, which does not answer: {error}") from error
    except (KeyError, TypeError) as error:
        raise Failed(f"{VARIABLES[engine]} names {url}, which answers {status}: {info}") from error


def _split(address: str, ca: str | None) -> tuple[str, Access]:
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    access = Access(unquote(parts.username or ""), unquote(parts.password or ""), Path(ca) if ca else None)
    return f"{parts.scheme}://{host}", access


def addresses(servers: Iterable[Server]) -> str:
    """The list that `given` reads."""
    return ",".join(_address(url, server.access) for server in servers for url in server.urls)


def _address(url: str, access: Access) -> str:
    scheme, _, host = url.partition("://")
    return f"{scheme}://{access.user}:{access.password}@{host}" if access.user else url
