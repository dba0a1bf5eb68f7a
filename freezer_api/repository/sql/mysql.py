# SPDX-License-Identifier: Apache-2.0
"""MariaDB and MySQL, over PyMySQL."""

import re
import ssl
import struct
from collections.abc import Mapping
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT, CR
from sqlalchemy import URL, Engine, event
from sqlalchemy import Connection as SQLConnection

from freezer_api.errors import ConfigurationError
from freezer_api.repository.sql import dialects
from freezer_api.repository.sql import server_errors as errors
from freezer_api.repository.sql.servers import LOCK_WAIT_TIMEOUT, STATEMENT_TIMEOUT, Driver

_DEFAULT_PORT = 3306

_NO_SUCH_TABLE = 1146
_FAILED_COMMIT = 1180
_DEADLOCK_AT_COMMIT = re.compile(r"\berror (?:149|35)\b")
"""The message of a commit that conflicts with one of another node. Other failures leave the outcome unknown."""

_CLIENT_ERRORS = range(2000, 3000)
"""PyMySQL's own errors: the server cannot be reached, closed the connection or violated the protocol."""

# Errors by number. oslo.db knows only some of them, and those by their English texts.
_KINDS: dict[int, type[errors.DBError]] = {
    1062: errors.DBDuplicateEntry,
    # A node of Galera did not execute the statement. oslo.db would treat this as a lost connection.
    1047: errors.NodeNotReady,
    # Lock wait, deadlock, or transaction rolled back by the cluster: nothing was executed.
    **dict.fromkeys((1205, 1213, 3101), errors.DBDeadlock),
    **dict.fromkeys(
        (1053, 1080, 1152, 1158, 1159, 1160, 1161, _FAILED_COMMIT, 1184, 1927, 3169, 4031),
        errors.DBConnectionError,
    ),
    # The server is read-only or has left its cluster, or ProxySQL has no server for this connection.
    **dict.fromkeys((1290, 1792, 1836, 3100, 3168, *range(9001, 9010)), errors.OtherNode),
    **dict.fromkeys((1969, 3024), errors.TimedOut),
    # Too many connections; no memory or locks left; disk errors; interrupted statements.
    **dict.fromkeys((1040, 1129, 1203, 1226, 1037, 1038, 1041, 1206, 1637), errors.Refused),
    **dict.fromkeys((1021, 1024, 1026, 1030, 1114, 1878, 1317), errors.Refused),
    # Missing privileges; tables that do not exist yet or are being altered; values that the server refuses.
    **dict.fromkeys((1044, 1045, 1142, 1143, 1227, 1820, 1049, 1054, 1412, 1193, 1231), errors.NotPermitted),
    # The statement is larger than a packet, or than the redo log can hold.
    **dict.fromkeys((1118, 1153, 1301), errors.StatementTooLarge),
}

_PACKET_OVERHEAD = 2
"""Bytes of a packet that are not available to the statement, because the packet begins with the command."""

_STRICT = "STRICT_ALL_TABLES"
_ORACLE = "ORACLE"
"""A mode in which MariaDB parses another dialect of SQL."""

_TLS_FILES = ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key")
_TLS_SWITCHES = ("ssl_verify_cert", "ssl_verify_identity", "ssl_check_hostname", "ssl_disabled")
_TLS = (*_TLS_FILES, "ssl_cipher", *_TLS_SWITCHES)


class MySQL(Driver):
    """Connects to the database at ``url``. Of its parameters only ``unix_socket`` and those of TLS are used.

    ``sql_mode``: the mode of sessions, if empty that of the server; strict mode is always added. ``sync_wait``:
    Galera's ``wsrep_sync_wait``. Statements have no time limit unless ``bounded`` is set.
    """

    dialect = dialects.MYSQL
    package = "mysql+pymysql"
    protocol_errors = (LookupError, ValueError, struct.error)

    def __init__(
        self, url: URL, *, sql_mode: str = "", sync_wait: int | None = None, bounded: bool = True
    ) -> None:
        self._arguments = {
            **_arguments(url),
            "init_command": _session_settings(sql_mode, sync_wait, bounded=bounded),
        }

    def connect(self, timeout: float) -> "Connection[Any]":
        try:
            connection: Any = Connection(
                **self._arguments,
                # The encoding of statements. Texts of documents are bytes for the server.
                charset="utf8mb4",
                binary_prefix=True,
                autocommit=True,
                # The row count includes rows that an UPDATE leaves unchanged.
                client_flag=CLIENT.FOUND_ROWS,
                connect_timeout=timeout,
                read_timeout=timeout,
                write_timeout=timeout,
            )
            connection.max_statement_bytes = _max_statement_bytes(connection)
        except self.protocol_errors:
            raise pymysql.OperationalError(CR.CR_SERVER_HANDSHAKE_ERR, "it is not a MySQL server") from None
        return connection  # type: ignore[no-any-return]

    def set_timeout(self, connection: Any, timeout: float | None) -> None:
        # Set the private attributes, because PyMySQL accepts timeouts only when it connects.
        connection._read_timeout = connection._write_timeout = timeout  # noqa: SLF001

    def descriptor(self, connection: Any) -> int | None:
        return connection._sock.fileno() if connection.open else None  # noqa: SLF001

    def listen(self, engine: Engine) -> None:
        """Refuse statements that are larger than a packet.

        The server would close the connection while they are sent, which looks like an outage.
        """
        event.listen(engine, "before_cursor_execute", _check_size)

    def with_time_limit(self, statement: str, seconds: float) -> str:
        # MariaDB executes the content of the first comment, MySQL that of the second.
        milliseconds = max(1, int(seconds * 1000))
        return (
            f"/*M!100101 SET STATEMENT max_statement_time = {milliseconds / 1000} FOR */ "
            f"SELECT /*+ MAX_EXECUTION_TIME({milliseconds}) */ {statement.removeprefix('SELECT ')}"
        )

    def classify(self, error: BaseException) -> errors.DBError | None:
        if isinstance(error, self.protocol_errors) and not isinstance(error, UnicodeEncodeError):
            return errors.DBConnectionError("the server violated the protocol")
        if not isinstance(error, pymysql.MySQLError):
            return errors.DBError(type(error).__name__)
        # An error without a number: PyMySQL cannot parse what the server sent.
        number, text = error.args if len(error.args) == 2 else (0, error)
        text = errors.one_line(text)
        if number == _NO_SUCH_TABLE:
            return None
        if number == _FAILED_COMMIT and _DEADLOCK_AT_COMMIT.search(text):
            return errors.DBDeadlock(text)
        if not number or number in _CLIENT_ERRORS:
            return errors.DBConnectionError(text)
        if number not in _KINDS:
            # Omit the text of the error, which may quote a statement.
            return errors.DBError(f"{type(error).__name__} {number}")
        kind = _KINDS[number]
        return kind() if kind is errors.DBDuplicateEntry else kind(text)


def _max_statement_bytes(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT GREATEST(@@max_allowed_packet, @@net_buffer_length)")
        ((limit,),) = cursor.fetchall()
    return int(limit) - _PACKET_OVERHEAD


def _check_size(
    connection: SQLConnection, cursor: Any, statement: str, parameters: Any, _context: Any, many: Any
) -> None:
    driver: Any = connection.connection.dbapi_connection
    limit = driver.max_statement_bytes
    values = () if many else parameters.values() if isinstance(parameters, dict) else parameters
    texts = [value for value in values if isinstance(value, bytes | str)]
    # An upper bound: an escaped byte takes two bytes, a character up to four, any other value less than 32.
    if len(statement) + 32 * len(values) + 4 * sum(map(len, texts)) <= limit:
        return
    size = len(cursor.mogrify(statement, parameters).encode("utf-8", "surrogateescape"))
    if size > limit:
        raise errors.StatementTooLarge(f"{size} bytes, and max_allowed_packet is {limit + _PACKET_OVERHEAD}")


def _session_settings(sql_mode: str, sync_wait: int | None, *, bounded: bool) -> str:
    """Return the statement that begins a session.

    Servers of the release in a comment, or later, execute it; one with an M is for MariaDB only.
    """
    settings = ["time_zone = '+00:00'", f"sql_mode = {_strict(sql_mode)}"]
    if sync_wait is not None:
        settings.append(f"wsrep_sync_wait = {sync_wait}")
    if bounded:
        settings.append(f"innodb_lock_wait_timeout = {LOCK_WAIT_TIMEOUT}")
    more = (
        f" /*M!100101 , max_statement_time = {STATEMENT_TIMEOUT} */"
        f" /*!50708 , max_execution_time = {int(STATEMENT_TIMEOUT * 1000)} */"
    )
    return f"SET SESSION {', '.join(settings)}{more if bounded else ''}"


def _strict(sql_mode: str) -> str:
    """Return the mode as an expression. A server that is not strict truncates long values without an error."""
    if sql_mode:
        words = [word.strip() for word in sql_mode.upper().split(",")]
        return f"'{','.join([*(word for word in words if word != _ORACLE), _STRICT])}'"
    return f"CONCAT(REPLACE(@@sql_mode, '{_ORACLE}', ''), ',{_STRICT}')"


def _arguments(url: URL) -> dict[str, Any]:
    query = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    tls = {name: value for name, value in query.items() if name.startswith("ssl")}
    for name in tls:
        if name not in _TLS:
            raise ConfigurationError(f"unknown parameter {name}; known are {', '.join(_TLS)}")
    disabled = _is_true(tls.pop("ssl_disabled", ""))
    arguments: dict[str, Any] = {
        "host": url.host or "localhost",
        "port": url.port or _DEFAULT_PORT,
        "user": url.username,
        # Encode the password here, because PyMySQL would encode it in Latin-1.
        "password": (url.password or "").encode(),
        "database": url.database,
        "ssl": _tls(tls) if tls and not disabled else None,
        "ssl_disabled": disabled,
    }
    if "unix_socket" in query:
        arguments["unix_socket"] = query["unix_socket"]
    return arguments


def _tls(query: Mapping[str, str]) -> ssl.SSLContext:
    """Return the context for all connections, so that the files are read once.

    If the certificate is verified, so is the host name in it, unless the URL disables that.
    """
    switches = {name: _is_true(query[name]) for name in _TLS_SWITCHES if name in query}
    identity = switches.get("ssl_check_hostname", switches.get("ssl_verify_identity"))
    context = _context(query)
    # Clear the strict flag: certificates that servers generate themselves lack extensions that it requires.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = False
    if identity or switches.get("ssl_verify_cert", "ssl_ca" in query or "ssl_capath" in query):
        context.check_hostname = identity is not False
    else:
        context.verify_mode = ssl.CERT_NONE
    return context


def _context(query: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=query.get("ssl_ca"), capath=query.get("ssl_capath"))
        if "ssl_cert" in query:
            context.load_cert_chain(query["ssl_cert"], query.get("ssl_key"), password="")
    except OSError as error:
        files = ", ".join(query[name] for name in _TLS_FILES if name in query)
        raise ConfigurationError(f"cannot use the TLS files {files}: {error.strerror}") from None
    if "ssl_cipher" in query:
        try:
            context.set_ciphers(query["ssl_cipher"])
        except ssl.SSLError:
            raise ConfigurationError("unknown cipher in ssl_cipher") from None
    return context


def _is_true(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on")
