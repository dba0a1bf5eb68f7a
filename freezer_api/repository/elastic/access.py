"""Where the servers are and how the service proves itself to them."""

import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from elastic_transport import NodePool
from elastic_transport.client_utils import basic_auth_to_header
from elasticsearch import Elasticsearch

from freezer_api.errors import ConfigurationError

_LONGEST_REST = 5.0
"""Seconds after which a node that failed is tried again, however often it has failed."""

_DEFAULT_PORTS = {"http": 9200, "https": 443}


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

    @property
    def uses_tls(self) -> bool:
        """Whether a host is spoken to by TLS."""
        return any(host.startswith("https:") for host in self.hosts)


def parsed_hosts(texts: Sequence[str], *, use_ssl: bool) -> tuple[tuple[str, ...], tuple[str, str] | None]:
    """The URLs, and the user and password that stand in them. ``ConfigurationError`` for what is no address."""
    hosts, credentials = [], set()
    for text in filter(str.strip, texts):
        url = _split(text)
        if url.username is not None:
            credentials.add((unquote(url.username), unquote(url.password or "")))
        scheme = "https" if use_ssl else url.scheme
        name = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        hosts.append(f"{scheme}://{name}:{url.port or _DEFAULT_PORTS[url.scheme]}{url.path.rstrip('/')}")
    if not hosts:
        raise ConfigurationError("there is no address in it")
    if len(credentials) > 1:
        raise ConfigurationError("they name several users; name one, by http_auth")
    return tuple(hosts), credentials.pop() if credentials else None


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text.strip() if "://" in text else f"http://{text.strip()}")
        good = url.scheme in _DEFAULT_PORTS and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good:
        # The text may hold a password.
        raise ConfigurationError("it holds what is no address such as https://es1.example.org:9200")
    return url


def authorization(credentials: tuple[str, str] | None, api_key: str | None) -> str | None:
    """The header that proves who the service is; an API key counts before a password."""
    if api_key:
        return f"ApiKey {api_key}"
    return None if credentials is None else basic_auth_to_header(credentials)


def check_files(access: Access) -> None:
    """``ConfigurationError`` says what is wrong with the content of the files."""
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
    """The servers, with as many connections to each."""
    files = {
        "ca_certs": access.ca_certs,
        "ssl_assert_fingerprint": access.fingerprint,
        "client_cert": access.client_cert,
        "client_key": access.client_key,
    }
    options: dict[str, Any] = {"connections_per_node": connections, "max_dead_node_backoff": _LONGEST_REST}
    if access.uses_tls:
        options |= {"verify_certs": access.verify_certs, "ssl_show_warn": False}
        options |= {name: value for name, value in files.items() if value is not None}
    # At DEBUG it writes whole bodies, and in those are passwords.
    logging.getLogger("elastic_transport.node").setLevel(logging.WARNING)
    client = Elasticsearch(list(access.hosts), **options)
    return client.transport.node_pool
