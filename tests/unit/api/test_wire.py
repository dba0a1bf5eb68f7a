# SPDX-License-Identifier: Apache-2.0
"""Bodies that end too early because the client disconnects, which a client in this process cannot simulate."""

import falcon
import pytest
from falcon import testing

from freezer_api.api.wire import read_body
from freezer_api.errors import Malformed


class Broken:
    """The body of a request whose client has disconnected."""

    def read(self, _size: int) -> bytes:
        raise OSError("connection reset by peer")


@pytest.mark.parametrize("framing", [{"CONTENT_LENGTH": "10"}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_body_that_ends_too_early_is_malformed(framing: dict[str, str]) -> None:
    environ = testing.create_environ(method="POST")
    environ |= {"wsgi.input": Broken(), "wsgi.input_terminated": True, **framing}
    with pytest.raises(Malformed):
        read_body(falcon.Request(environ), 100)


def test_chunked_body_is_refused_without_wsgi_input_terminated() -> None:
    environ = testing.create_environ(method="POST")
    environ |= {"wsgi.input": Broken(), "HTTP_TRANSFER_ENCODING": "chunked"}
    environ.pop("CONTENT_LENGTH", None)
    assert read_body(falcon.Request(environ), 100) == b""
