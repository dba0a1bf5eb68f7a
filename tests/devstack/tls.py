# SPDX-License-Identifier: Apache-2.0
"""A TLS proxy for a server without TLS."""

import socket
import ssl
import subprocess
from pathlib import Path

from tests.support.proxy import Proxy


class Curtain(Proxy):
    """A TLS proxy. ``ca``: the file with its self-signed certificate, which is its own authority."""

    def __init__(self, url: str, directory: Path) -> None:
        key, self.ca = directory / "key.pem", directory / "ca.pem"
        names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
        form = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", *names)
        files = ("-keyout", str(key), "-out", str(self.ca))
        subprocess.run(["openssl", *form, *files], check=True, capture_output=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.ca, key)
        super().__init__(url)

    @property
    def url(self) -> str:
        return super().url.replace("http", "https")

    def _serve(self, client: socket.socket) -> None:
        try:
            super()._serve(self._context.wrap_socket(client, server_side=True))
        except OSError:
            client.close()
