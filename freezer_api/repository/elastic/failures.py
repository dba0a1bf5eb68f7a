# SPDX-License-Identifier: Apache-2.0
"""Describe why a request to the store failed, with messages of the system or OpenSSL, never of the server."""

import ssl
from collections.abc import Iterator
from typing import NamedTuple

from elastic_transport import TlsError, TransportError


class Failure(NamedTuple):
    """The reason why an attempt failed.

    ``answered``: a server responded. ``distrusted``: its certificate was rejected, so the request was not sent.
    ``foreign``: the response is not the store's.
    """

    text: str
    answered: bool
    distrusted: bool = False
    foreign: bool = False


def failure_of(error: TransportError, place: str) -> Failure:
    """Return the failure that the client library reports for the address ``place``."""
    cause = next((below for below in _chain(error) if isinstance(below, OSError)), None)
    distrusted = False
    if isinstance(cause, ssl.SSLCertVerificationError):
        words, distrusted = cause.verify_message, True
    elif isinstance(cause, ssl.SSLError):
        words = (cause.reason or "TLS failed").replace("_", " ").lower()
    elif cause is not None:
        words = cause.strerror or str(cause)
    elif isinstance(error, TlsError):
        # The library checks host name and fingerprint after the handshake, and raises its own error.
        words, distrusted = str(error.errors[0]), True
    else:
        words = "the response is not HTTP"
    return Failure(f"{type(error).__name__} at {place}: {words}", answered=False, distrusted=distrusted)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes."""
    below: BaseException | None = error
    while below is not None:
        yield below
        below = below.__cause__ or below.__context__
