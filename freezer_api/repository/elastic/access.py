"""The servers, and how the service authenticates to them."""

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from elastic_transport import NodePool
from elastic_transport.client_utils import basic_auth_to_header
from elasticsearch import Elasticsearch

from freezer_api.errors import ConfigurationError

_MAX_BACKOFF = 5.0
"""Seconds after which a node that failed is tried again, however often it has failed."""


@dataclass(frozen=True)
class Access:
    """``hosts``: URLs, without credentials. ``authorization``: the header of that name, None for none.

    ``verify_certs`` says whether a server has to prove itself: by a certificate that ``ca_certs`` (a file, None:
    the well-known authorities) vouches for, or that has this ``fingerprint`` (SHA-256, hexadecimal).
    """

    hosts: tuple[str, ...] = ("http://127.0.0.1:9200",)
    authorization: str | None = field(default=None, repr=False)
    verify_certs: bool = True
    ca_certs: str | None = None
    fingerprint: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


def authorization(credentials: tuple[str, str] | None, api_key: str | None) -> str | None:
    """Return the header of that name, None without credentials; an API key wins over a password."""
    if api_key:
        return f"ApiKey {api_key}"
    return None if credentials is None else basic_auth_to_header(credentials)


def check_files(access: Access) -> None:
    """Check the content of the files. Raises ``ConfigurationError`` if one cannot be used."""
    if access.client_key and not access.client_cert:
        raise ConfigurationError("client_key is set, and client_cert is not")
    if access.client_cert and (access.fingerprint or not access.verify_certs):
        # The client library would leave it out without a word.
        raise ConfigurationError("client_cert is shown only to a server that ca_certs vouch for")
    context = ssl.create_default_context()
    if access.ca_certs:
        _use(access.ca_certs, partial(context.load_verify_locations, access.ca_certs))
    if access.client_cert:
        # Nobody is there to be asked for the password of a key.
        _use(
            access.client_cert,
            partial(context.load_cert_chain, access.client_cert, access.client_key, password=""),
        )


def _use(path: str, use: Callable[[], object]) -> None:
    try:
        use()
    except ssl.SSLError as error:
        reason = (error.reason or "it is none").replace("_", " ").lower()
        raise ConfigurationError(f"cannot use {path} for TLS with the store: {reason}") from None
    except (ValueError, OSError) as error:
        raise ConfigurationError(f"cannot use {path} for TLS with the store: {error}") from None


def open_pool(access: Access, connections: int) -> NodePool:
    """Return the servers as a pool, with ``connections`` to each; none is made yet."""
    files = {
        "ca_certs": access.ca_certs,
        "ssl_assert_fingerprint": access.fingerprint,
        "client_cert": access.client_cert,
        "client_key": access.client_key,
    }
    options: dict[str, Any] = {"connections_per_node": connections, "max_dead_node_backoff": _MAX_BACKOFF}
    if any(host.startswith("https:") for host in access.hosts):
        options |= {"verify_certs": access.verify_certs, "ssl_show_warn": False}
        options |= {name: value for name, value in files.items() if value is not None}
    # At DEBUG it writes whole bodies, and in those are passwords.
    logging.getLogger("elastic_transport.node").setLevel(logging.WARNING)
    client = Elasticsearch(list(access.hosts), **options)
    return client.transport.node_pool
