# SPDX-License-Identifier: Apache-2.0
"""A source of documents, what it yields, and its errors."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.errors import CommandError, Malformed
from freezer_api.repository.sql.server_errors import DBError, one_line


class Found(NamedTuple):
    """A document of the source that is not yet validated.

    ``label`` is its id in the source. ``created`` is in microseconds since the epoch, None if it is unknown.
    """

    label: str
    document: Document
    version: int = 1
    created: int | None = None


class Refused(NamedTuple):
    """A document that cannot be imported, and the reason. ``kind`` is None if it is unknown."""

    kind: Kind | None
    label: str
    reason: str


class Source(NamedTuple):
    """``read`` yields all documents of a kind, in the same order at each call; it may raise ``CommandError``.

    ``strays`` are the entries that are not documents of a known kind.
    """

    read: Callable[[Kind], Iterator[Found | Refused]]
    strays: Sequence[Refused] = ()


@contextmanager
def source_errors(name: str) -> Iterator[None]:
    """Raise ``CommandError`` with one line for errors of the file or database ``name``."""
    try:
        yield
    except DBAPIError as error:
        reason: object = one_line(error.orig)
    except OSError as error:
        reason = error.strerror
    except UnicodeEncodeError:
        reason = "an id is not UTF-8"
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except (DBError, Malformed, CommandError) as error:
        reason = error
    else:
        return
    raise CommandError(f"cannot read {name}: {reason}")
