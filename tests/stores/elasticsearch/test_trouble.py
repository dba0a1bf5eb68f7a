# SPDX-License-Identifier: Apache-2.0
"""Errors of servers without HTTP, TLS or a valid certificate, on real sockets."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from freezer_api.errors import Unavailable
from freezer_api.repository.elastic.access import Access
from freezer_api.repository.elastic.dialect import UnsupportedServer
from freezer_api.repository.elastic.transport import Connection
from tests.hosting.certificates import make_certificates

CANARY = b"\x00canary\r\n\r\n"


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    make_certificates(tmp_path)
    return tmp_path


@pytest.fixture
def listening() -> Iterator[Callable[..., str]]:
    """Start a server that sends these bytes to every client, over TLS if files are given. Return its address."""
    listeners: list[socket.socket] = []

    def _listening(says: bytes = b"", *files: Path) -> str:
        listeners.append(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=_serve, args=(listeners[-1], says, files), daemon=True).start()
        return f"127.0.0.1:{listeners[-1].getsockname()[1]}"

    yield _listening
    for listener in listeners:
        listener.close()


def _serve(listener: socket.socket, says: bytes, files: tuple[Path, ...]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client, suppress(OSError), _secured(client, files) as secured:
            secured.recv(1 << 16)
            secured.sendall(says)


def _secured(client: socket.socket, files: tuple[Path, ...]) -> socket.socket:
    if not files:
        return client
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    return context.wrap_socket(client, server_side=True)


@pytest.fixture
def asked() -> Iterator[Callable[..., Connection]]:
    made: list[Connection] = []

    def _asked(*hosts: str, **options: str) -> Connection:
        made.append(Connection(Access(hosts, **options, deadline=5.0, retries=0), 1))
        return made[-1]

    yield _asked
    for connection in made:
        connection.close()


def test_closed_port_is_unavailable(asked: Callable[..., Connection], caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(Unavailable):
            asked(url).detect_engine()
    assert caplog.messages[-1].startswith("The store is not available (everything), after ")
    assert caplog.messages[-1].endswith(f" s: ConnectionError at {url}: Connection refused")


@pytest.mark.parametrize(
    ("says", "words"),
    [(b"", "Remote end closed connection without response"), (CANARY, "the response is not HTTP")],
)
def test_server_without_http_is_unavailable(
    asked: Callable[..., Connection],
    listening: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
    says: bytes,
    words: str,
) -> None:
    with pytest.raises(Unavailable):
        asked(f"http://{listening(says)}").detect_engine()
    assert caplog.text.endswith(f": {words}\n")
    assert "canary" not in caplog.text


def test_server_without_tls_is_unavailable(
    asked: Callable[..., Connection], listening: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    url = f"https://{listening(CANARY)}"
    with pytest.raises(Unavailable):
        asked(url).detect_engine()
    assert f": TlsError at {url}: " in caplog.text
    assert "canary" not in caplog.text


@pytest.fixture
def speaking_tls(listening: Callable[..., str], certificates: Path) -> str:
    """Return the URL of a server whose certificate for 127.0.0.1 is signed by ``ca.pem``."""
    return f"https://{listening(CANARY, certificates / 'server.pem', certificates / 'server.key')}"


def test_certificate_of_another_name_is_refused(
    asked: Callable[..., Connection], speaking_tls: str, certificates: Path
) -> None:
    named = speaking_tls.replace("127.0.0.1", "localhost")
    with pytest.raises(UnsupportedServer) as refusal:
        asked(named, ca_certs=str(certificates / "ca.pem")).detect_engine()
    assert "'localhost'" in refusal.value.reason


def test_next_server_is_tried_before_the_refusal(
    asked: Callable[..., Connection], speaking_tls: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Unavailable) as refusal:
        asked(speaking_tls, speaking_tls.replace("127.0.0.1", "localhost")).detect_engine()
    assert not isinstance(refusal.value, UnsupportedServer)
    assert "TlsError" in caplog.text
