# SPDX-License-Identifier: Apache-2.0
"""Errors of database servers: oslo.db's exceptions, and more specific ones.

Their text is for the log: one line, without passwords and values of documents. ``DBDuplicateEntry``: the key
exists. ``DBDeadlock``: nothing was executed, and an immediate retry may succeed. ``DBConnectionError``: the
connection is lost, and the outcome is unknown. ``DBError`` itself: the statement cannot be executed.
"""

from oslo_db.exception import DBConnectionError, DBDeadlock, DBDuplicateEntry, DBError

__all__ = ["DBConnectionError", "DBDeadlock", "DBDuplicateEntry", "DBError"]


class Refused(DBError):  # type: ignore[misc]
    """The server did not execute the statement; a later attempt may succeed."""


class NodeNotReady(DBDeadlock):  # type: ignore[misc]
    """A node of Galera did not execute the statement; a new connection may lead to another node."""


class OtherNode(Refused):
    """A new connection may lead to a node of the cluster that executes it."""


class TimedOut(Refused):
    """The server stopped the statement at its time limit."""


class NotPermitted(Refused):
    """An operator has to grant a privilege, create the tables, or change an option first."""


class StatementTooLarge(DBError):  # type: ignore[misc]
    """The statement is larger than the server accepts."""


def one_line(text: object) -> str:
    """Join the lines of a driver's message."""
    return " ".join(str(text).split())
