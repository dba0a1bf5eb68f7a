# SPDX-License-Identifier: Apache-2.0
"""Addresses of the servers, the credentials and TLS settings for them, and the limits of calls."""

import logging
import ssl
from dataclasses import dataclass, field
from typing import Any

from elastic_transport import NodePool
from elastic_transport.client_utils import basic_auth_to_header
from elasticsearch import Elasticsearch

from freezer_api.errors import ConfigurationError

_MAX_BACKOFF = 5.0
"""Maximum seconds until a failed node is tried again."""


@dataclass(frozen=True)
class Access:
    """How to reach the servers. ``hosts``: URLs without credentials. ``authorization``: the header, if any.

    With ``verify_certs`` a server's certificate must be signed by an authority in the file ``ca_certs`` (None: the
    well-known authorities), or have this ``fingerprint`` (SHA-256, hexadecimal). ``engine``: one of ``ENGINES``.
    ``deadline`` (seconds) bounds a call with all its attempts, ``timeout`` one attempt.
    """

    hosts: tuple[str, ...] = ("http://127.0.0.1:9200",)
    authorization: str | None = field(default=None, repr=False)
    verify_certs: bool = True
    ca_certs: str | None = None
    fingerprint: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    engine: str = "auto"
    deadline: float = 5.0
    timeout: float = 60.0
    retries: int = 20


def authorization(credentials: tuple[str, str] | None, api_key: str | None) -> str | None:
    """Return the header ``Authorization``, None without credentials. An API key precedes a password."""
    if api_key:
        return f"ApiKey {api_key}"
    return None if credentials is None else basic_auth_to_header(credentials)


def check_files(access: Access) -> None:
    """Check the content of the files. Raises ``ConfigurationError`` if one cannot be used."""
    if access.client_key and not access.client_cert:
        raise ConfigurationError("client_key is set, but client_cert is not")
    if access.client_cert and (access.fingerprint or not access.verify_certs):
        # The client library would ignore the certificate without an error.
        raise ConfigurationError("client_cert needs a server that is verified by ca_certs")
    context = ssl.create_default_context()
    path = access.ca_certs
    try:
        if access.ca_certs:
            context.load_verify_locations(access.ca_certs)
        path = access.client_cert
        if access.client_cert:
            # Pass an empty password, so that OpenSSL does not prompt for the password of an encrypted key.
            context.load_cert_chain(access.client_cert, access.client_key, password="")
    except (ValueError, OSError) as error:
        reason = str(error)
        if isinstance(error, ssl.SSLError):
            reason = (error.reason or "invalid file").replace("_", " ").lower()
        raise ConfigurationError(f"cannot use {path} for TLS with the store: {reason}") from None


def open_pool(access: Access, connections: int) -> NodePool:
    """Return a pool of connections, at most ``connections`` to each server. It connects when it is used."""
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
    # At DEBUG this logger writes whole bodies, which contain passwords.
    logging.getLogger("elastic_transport.node").setLevel(logging.WARNING)
    client = Elasticsearch(list(access.hosts), **options)
    return client.transport.node_pool
