# SPDX-License-Identifier: Apache-2.0
"""A client of a WSGI application in the same process. It checks the form of every response."""

import io
import json
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication
from wsgiref.validate import WSGIWarning, validator

from tests.functional.versions import Version

Headers = Mapping[str, str | None]

DEFAULT = "alice"
"""The default caller."""

NO_BODY = object()
_NONE: Headers = {}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names are lower-cased."""
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, title and description."""
        return self.status, self.json["title"], self.json["description"]


class Client:
    """Sends requests to a ``version``, the prefix of paths without a leading slash.

    ``identity`` returns the identity headers of a caller, ``peer`` is the address of the caller,
    ``protocol`` the version of HTTP.
    """

    def __init__(
        self, service: WSGIApplication, version: Version, identity: Callable[[str], dict[str, str]]
    ) -> None:
        self.version = version
        self.base = version.base(DEFAULT)
        self.peer = "127.0.0.1"
        self.protocol = "HTTP/1.1"
        self._service = service
        self._identity = identity

    def __call__(
        self, method: str, path: str, body: Any = NO_BODY, *, by: str | None = DEFAULT, headers: Headers = _NONE
    ) -> Answer:
        """Send a request and check the form of the response.

        A body of bytes is sent unchanged, any other as JSON. Headers with the value None are omitted. If ``by`` is
        None, the request has no identity.
        """
        answer = self.unchecked(method, path, body, by=by, headers=headers)
        _check(method, answer)
        return answer

    def unchecked(
        self, method: str, path: str, body: Any = NO_BODY, *, by: str | None = DEFAULT, headers: Headers = _NONE
    ) -> Answer:
        """Send a request without checking the form of the response."""
        sent: dict[str, str | None] = {"Content-Type": "application/json", "Accept": "application/json"}
        sent |= self._identity(by) if by is not None else {}
        sent |= headers
        data = b"" if body is NO_BODY else body if isinstance(body, bytes) else json.dumps(body).encode()
        environ = self._environ(method, path if path.startswith("/") else f"{self.version.base(by)}/{path}", data)
        for name, value in sent.items():
            environ.pop(_variable(name), None)
            if value is not None:
                environ[_variable(name)] = value
        if "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input_terminated"] = True
        elif body is not NO_BODY:
            environ.setdefault("CONTENT_LENGTH", str(len(data)))
        return self._asked(environ)

    def _environ(self, method: str, path: str, data: bytes) -> dict[str, Any]:
        url, _, query = path.partition("?")
        return {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(url).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "backup.localhost",
            "SERVER_PORT": "9090",
            "REMOTE_ADDR": self.peer,
            "SERVER_PROTOCOL": self.protocol,
            "HTTP_HOST": "backup.localhost:9090",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(data),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }

    def _asked(self, environ: dict[str, Any]) -> Answer:
        started: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[..., Any]:
            started[:] = [status, headers]
            return lambda data: None

        with warnings.catch_warnings():
            # wsgiref's validator warns of unknown methods.
            warnings.simplefilter("ignore", WSGIWarning)
            parts = validator(self._service)(environ, start_response)
            data = b"".join(parts)
            parts.close()
        status, headers = started
        return Answer(int(status[:3]), {name.lower(): value for name, value in headers}, data)


def _variable(name: str) -> str:
    variable = name.upper().replace("-", "_")
    return variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"


_JSON = re.compile(r"application/(json|json-home)(; ?charset=utf-8)?", re.IGNORECASE)


def _check(method: str, answer: Answer) -> None:
    """Check what all responses have in common: headers and form."""
    assert re.fullmatch(r"req-[A-Za-z0-9._-]+", answer.headers["x-openstack-request-id"])
    if answer.status == 204:
        assert answer.data == b""
        assert "content-type" not in answer.headers
        return
    if method != "HEAD":
        assert answer.headers["content-length"] == str(len(answer.data))
    if answer.data and not answer.headers["content-type"].startswith("text/plain"):
        assert _JSON.fullmatch(answer.headers["content-type"])
        assert isinstance(answer.json, dict)
    if answer.status >= 400 and answer.data and "reasons" not in answer.json:
        _check_error(answer.json)
    assert ("allow" in answer.headers) == (answer.status == 405 or (method, answer.status) == ("OPTIONS", 200))
    assert ("retry-after" in answer.headers) == (answer.status in (429, 503))


def _check_error(body: dict[str, Any]) -> None:
    """Check that title and description are one short line each, without internals of the service."""
    assert body.keys() <= {"title", "description", "code", "link"}
    for name in ("title", "description"):
        text = body[name]
        assert isinstance(text, str)
        assert text
        assert text.isprintable(), f"{name} is not one line: {text!r}"
        assert len(text) <= 600
    for inside in ("Traceback", "<class", "sqlite", "SELECT", "freezer_api.", " object at 0x"):
        assert inside not in body["description"]
