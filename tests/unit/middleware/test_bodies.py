# SPDX-License-Identifier: Apache-2.0
"""Unread request bodies are discarded up to a limit of size and time."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pytest

from freezer_api.middleware import bodies


class Endless:
    """An endless body."""

    def __init__(self) -> None:
        self.read_size = 0

    def read(self, size: int) -> bytes:
        self.read_size += size
        return b" " * size


class Broken:
    def read(self, size: int) -> bytes:
        raise ConnectionResetError


def refuse(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    return [b"refused"]


def test_body_is_read_to_its_end() -> None:
    assert bodies.drain(BytesIO(b" " * 200_000)) is True


def test_endless_body_is_read_up_to_the_limit() -> None:
    body = Endless()
    assert bodies.drain(body) is False
    assert body.read_size <= bodies.MAX_DRAIN_SIZE


def test_slow_body_is_read_until_the_timeout(monkeypatch) -> None:
    monkeypatch.setattr(bodies, "DRAIN_TIMEOUT", -1.0)
    body = Endless()
    assert bodies.drain(body) is False
    assert body.read_size < bodies.MAX_DRAIN_SIZE


def test_broken_body_ends_the_drain() -> None:
    assert bodies.drain(Broken()) is False


@pytest.mark.parametrize(
    ("environ", "left"),
    [({"CONTENT_LENGTH": "4"}, b""), ({"wsgi.input_terminated": True}, b""), ({}, b"body")],
)
def test_rest_of_a_body_is_read_after_an_error_if_its_end_is_known(environ: dict[str, Any], left: bytes) -> None:
    body = BytesIO(b"body")
    response = bodies.drain_body(refuse, {"wsgi.input": body, **environ}, None)
    assert (list(response), body.read()) == ([b"refused"], left)
