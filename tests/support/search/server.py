# SPDX-License-Identifier: Apache-2.0
"""The addresses of a server, the credentials for it, and requests to it."""

import base64
import hashlib
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Access:
    """The credentials for a server: user, password and CA certificate with security, otherwise empty."""

    user: str = ""
    password: str = ""
    ca: Path | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal."""
        assert self.ca is not None, "the server has no certificate"
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.ca.read_text())).hexdigest()

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self.ca is not None:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca)))
        return urllib.request.build_opener(*handlers)

    def request(self, method: str, url: str, body: Any = None, timeout: float = 30) -> tuple[int, Any]:
        """Send a request. Return status and body of the response; raise ``OSError`` if there is none."""
        request = urllib.request.Request(
            url, method=method, data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("Content-Type", "application/json")
        if self.user:
            token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _parsed(error.read())
        except HTTPException as error:
            raise ConnectionError(str(error)) from error


def _parsed(text: bytes) -> Any:
    return json.loads(text) if text else None


@dataclass(frozen=True)
class Server:
    """A server of one node or more."""

    engine: str
    version: str
    urls: tuple[str, ...]
    access: Access

    @property
    def url(self) -> str:
        """The address of the first node."""
        return self.urls[0]

    def request(self, method: str, path: str, body: Any = None, timeout: float = 30) -> tuple[int, Any]:
        """Send a request to the first node and return status and body."""
        return self.access.request(method, self.url + path, body, timeout)
