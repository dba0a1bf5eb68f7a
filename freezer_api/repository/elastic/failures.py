"""Why a server did not answer, in words of the system or of OpenSSL, never in those that the server sent."""

import ssl
from collections.abc import Iterator
from typing import NamedTuple

from elastic_transport import TlsError, TransportError


class Failure(NamedTuple):
    """Why an attempt failed. ``answered``: a server answered it at all. ``distrusted``: there is one, to which the
    request was not sent, as nobody vouches for it. ``foreign``: the answer is not the store's own.
    """

    text: str
    answered: bool
    distrusted: bool = False
    foreign: bool = False


NO_FAILURE = Failure("", answered=True)


def failure_of(error: TransportError, place: str) -> Failure:
    """What the library met at this address."""
    cause = next((below for below in _below(error) if isinstance(below, OSError)), None)
    distrusted = False
    if isinstance(cause, ssl.SSLCertVerificationError):
        words, distrusted = cause.verify_message, True
    elif isinstance(cause, ssl.SSLError):
        words = (cause.reason or "no TLS").replace("_", " ").lower()
    elif cause is not None:
        words = cause.strerror or str(cause)
    elif isinstance(error, TlsError):
        # Another name or another fingerprint, which are looked at after the handshake.
        words, distrusted = str(error.errors[0]), True
    else:
        words = "the answer is none of HTTP"
    return Failure(f"{type(error).__name__} at {place}: {words}", answered=False, distrusted=distrusted)


def _below(error: BaseException) -> Iterator[BaseException]:
    """The errors of which the error was made, beginning with itself."""
    below: BaseException | None = error
    while below is not None:
        yield below
        below = below.__cause__ or below.__context__
