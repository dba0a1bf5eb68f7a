"""MariaDB and MySQL, over PyMySQL."""

import re
import socket
import ssl
import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT, CR, ER
from sqlalchemy import URL

from freezer_api.errors import ConfigurationError
from freezer_api.repository.sql import dialects
from freezer_api.repository.sql.servers import (
    LONGEST_AT_SERVER,
    LONGEST_WAIT_FOR_LOCK,
    Trouble,
    Verdict,
    one_line,
)

_DEFAULT_PORT = 3306

# Numbers that the package has no names for.
_TOO_MANY_TRANSACTIONS = 1637
_READ_ONLY_TRANSACTION, _READ_ONLY_MODE = 1792, 1836
_PASSWORD_EXPIRED = 1820
_TEMPORARY_FILE_FAILED = 1878
_KILLED, _KILLED_ON_MYSQL = 1927, 3169
_TOO_LONG_ON_MARIADB, _TOO_LONG_ON_MYSQL = 1969, 3024
_LEFT_GROUP, _ROLLED_BACK_BY_GROUP, _NOT_AVAILABLE = 3100, 3101, 3168
_LET_GO = 4031

_NOT_READY = ER.UNKNOWN_COM_ERROR
"""How a node of Galera says it."""

_BUSY = frozenset({ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK, _NOT_READY, _ROLLED_BACK_BY_GROUP})

_DEADLOCK = re.compile(r"\berror (?:149|35)\b")
"""Of the engine, of the operating system: a commit that met the one of another node. Other texts leave it open
whether it was done.
"""

_LOST = frozenset(
    {
        ER.SERVER_SHUTDOWN,
        ER.FORCING_CLOSE,
        ER.ABORTING_CONNECTION,
        ER.NEW_ABORTING_CONNECTION,
        ER.NET_READ_ERROR,
        ER.NET_READ_INTERRUPTED,
        ER.NET_ERROR_ON_WRITE,
        ER.NET_WRITE_INTERRUPTED,
        ER.ERROR_DURING_COMMIT,
        _KILLED,
        _KILLED_ON_MYSQL,
        _LET_GO,
    }
)

_OF_A_PROXY = range(9001, 9010)
"""ProxySQL's own: it has no server, or not the one that the connection is bound to."""

_OF_THIS_NODE = frozenset(
    {
        ER.OPTION_PREVENTS_STATEMENT,
        _READ_ONLY_TRANSACTION,
        _READ_ONLY_MODE,
        _LEFT_GROUP,
        _NOT_AVAILABLE,
        *_OF_A_PROXY,
    }
)
"""Read-only, or out of its cluster: over another connection there may be another node."""

_AWAY = _OF_THIS_NODE | {
    ER.CON_COUNT_ERROR,
    ER.TOO_MANY_USER_CONNECTIONS,
    ER.USER_LIMIT_REACHED,
    ER.HOST_IS_BLOCKED,
    ER.OUT_OF_RESOURCES,
    ER.OUTOFMEMORY,
    ER.OUT_OF_SORTMEMORY,
    ER.LOCK_TABLE_FULL,
    _TOO_MANY_TRANSACTIONS,
    ER.DISK_FULL,
    ER.RECORD_FILE_FULL,
    ER.ERROR_ON_WRITE,
    ER.ERROR_ON_READ,
    ER.GET_ERRNO,
    _TEMPORARY_FILE_FAILED,
    ER.QUERY_INTERRUPTED,
    _TOO_LONG_ON_MARIADB,
    _TOO_LONG_ON_MYSQL,
    # What an operator has yet to do: tables to make, rights to grant.
    ER.NO_SUCH_TABLE,
    ER.BAD_FIELD_ERROR,
    ER.BAD_DB_ERROR,
    ER.TABLEACCESS_DENIED_ERROR,
    ER.COLUMNACCESS_DENIED_ERROR,
    ER.DBACCESS_DENIED_ERROR,
    ER.ACCESS_DENIED_ERROR,
    ER.SPECIFIC_ACCESS_DENIED_ERROR,
    _PASSWORD_EXPIRED,
    ER.TABLE_DEF_CHANGED,
    # What an operator has said of the session, mysql_sql_mode for one.
    ER.WRONG_VALUE_FOR_VAR,
    ER.UNKNOWN_SYSTEM_VARIABLE,
}

_OF_THE_CLIENT = range(2000, 3000)
"""What the package finds out itself: the server is gone, or what it says makes no sense."""

_PASSING = frozenset(
    {
        ER.CON_COUNT_ERROR,
        ER.TOO_MANY_USER_CONNECTIONS,
        ER.USER_LIMIT_REACHED,
        _LEFT_GROUP,
        _NOT_AVAILABLE,
        *_OF_A_PROXY,
    }
)

_TOO_LARGE = frozenset({ER.NET_PACKET_TOO_LARGE, ER.WARN_ALLOWED_PACKET_OVERFLOWED, ER.TOO_BIG_ROWSIZE})
"""The last one is said of texts that do not fit into the redo log."""

_LIMIT = "SELECT GREATEST(@@max_allowed_packet, @@net_buffer_length)"

_PACKET_OVERHEAD = 2
"""A packet is smaller than the limit, and begins with a byte that says what it is."""

_STRICT = "STRICT_ALL_TABLES"
_OTHER_LANGUAGE = "ORACLE"
"""The mode in which MariaDB understands other statements than ours."""

_TLS_FILES = ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key")
_TLS_SWITCHES = ("ssl_verify_cert", "ssl_verify_identity", "ssl_check_hostname", "ssl_disabled")
_TLS = (*_TLS_FILES, "ssl_cipher", *_TLS_SWITCHES)

_SETTLED = frozenset(
    {
        "autocommit",
        "binary_prefix",
        "charset",
        "client_flag",
        "collation",
        "compress",
        "connect_timeout",
        "local_infile",
        "max_allowed_packet",
        "program_name",
        "read_timeout",
        "use_unicode",
        "write_timeout",
    }
)
"""Parameters of the package that deployers write, and that nobody misses: what they are about is settled here."""

_NOT_UNDERSTOOD = (LookupError, ValueError, struct.error)
"""What the package makes of bytes that no server of its kind says."""


class _Bounded(Connection):
    """A connection with bounds that can be changed; with ``tls`` there is none but a safe one.

    It refuses a statement that is too large for the server, which would close the connection while the statement
    is sent. That looks like an outage.
    """

    _sock: socket.socket
    server_capabilities: int
    max_statement: int | None = None
    """Bytes, None until it is known."""

    def __init__(self, *, tls: ssl.SSLContext | None, **options: Any) -> None:
        self._tls = tls
        super().__init__(ssl=tls, **options)

    def _request_authentication(self) -> None:
        # Releases before 1.2 would do without TLS, and whoever is in between can say that the server has none.
        if self._tls is not None and not self.server_capabilities & CLIENT.SSL:
            raise pymysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, "the server does not speak TLS")
        super()._request_authentication()  # type: ignore[misc]

    def _create_ssl_ctx(self, sslp: Any) -> Any:
        # Where the URL says nothing of TLS it is spoken if the server does, and nobody is asked for a certificate:
        # reading those of the well-known authorities would be most of the work of a connection.
        return super()._create_ssl_ctx(sslp) if sslp else _any_certificate()  # type: ignore[misc]

    def _execute_command(self, command: int, sql: str | bytes) -> None:
        if self.max_statement is not None and len(sql) > self.max_statement:
            text = f"{len(sql)} bytes, and max_allowed_packet is {self.max_statement + _PACKET_OVERHEAD}"
            raise pymysql.OperationalError(ER.NET_PACKET_TOO_LARGE, text)
        super()._execute_command(command, sql)  # type: ignore[misc]

    def allow(self, seconds: float | None) -> None:
        self._read_timeout = self._write_timeout = seconds

    def descriptor(self) -> int:
        return self._sock.fileno()


@cache
def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class MySQL:
    """The database at ``url``. ``sql_mode``: the server's own when empty, and strict whatever it says;
    ``sync_wait``: Galera's ``wsrep_sync_wait``. Without ``bounded`` a statement may take any time.
    """

    dialect = dialects.MYSQL
    package = "mysql+pymysql"

    def __init__(
        self, url: URL, *, sql_mode: str = "", sync_wait: int | None = None, bounded: bool = True
    ) -> None:
        others = sorted(name for name in url.query if not name.startswith("ssl"))
        self.ignored = tuple(name for name in others if name not in _SETTLED and name != "unix_socket")
        self._arguments = {**_arguments(url), "init_command": _settings(sql_mode, sync_wait, bounded=bounded)}

    def connect(self, seconds: float) -> _Bounded:
        try:
            made = _Bounded(
                **self._arguments,
                # Texts are bytes to this server: this says how statements are written, and nothing else.
                charset="utf8mb4",
                binary_prefix=True,
                autocommit=True,
                # A row that was found counts, even if it is as it should be already.
                client_flag=CLIENT.FOUND_ROWS,
                connect_timeout=seconds,
                read_timeout=seconds,
                write_timeout=seconds,
            )
            with made.cursor() as cursor:
                cursor.execute(_LIMIT)
                ((limit,),) = cursor.fetchall()
            made.max_statement = int(limit) - _PACKET_OVERHEAD
            return made
        except _NOT_UNDERSTOOD:
            raise pymysql.OperationalError(CR.CR_SERVER_HANDSHAKE_ERR, "what answers is no MySQL server") from None

    def allow(self, connection: _Bounded, seconds: float | None) -> None:
        connection.allow(seconds)

    def is_open(self, connection: _Bounded) -> bool:
        return bool(connection.open)

    def socket(self, connection: _Bounded) -> int:
        return connection.descriptor()

    def limited(self, statement: str, seconds: float) -> str:
        # To each of the two servers the other one's words are a comment.
        milliseconds = max(1, int(seconds * 1000))
        return (
            f"/*M!100101 SET STATEMENT max_statement_time = {milliseconds / 1000} FOR */ "
            f"SELECT /*+ MAX_EXECUTION_TIME({milliseconds}) */ {statement.removeprefix('SELECT ')}"
        )

    def trouble(self, error: BaseException | None) -> Trouble:
        if not isinstance(error, pymysql.MySQLError):
            return Trouble(Verdict.FAILED, type(error).__name__)
        # Without a number it is the package that has lost its place in what the server says.
        number, text = error.args if len(error.args) == 2 else (0, error)
        if number == ER.DUP_ENTRY:
            return Trouble(Verdict.TAKEN, "")
        if number in _BUSY or (number == ER.ERROR_DURING_COMMIT and _DEADLOCK.search(str(text))):
            return Trouble(Verdict.BUSY, one_line(text), drops=number == _NOT_READY, passing=True)
        if number in _TOO_LARGE:
            return Trouble(Verdict.TOO_LARGE, one_line(text))
        if number in _LOST or number in _OF_THE_CLIENT or not number:
            return Trouble(Verdict.LOST, one_line(text), drops=True, passing=True)
        if number in _AWAY:
            return Trouble(
                Verdict.AWAY,
                one_line(text),
                drops=number in _OF_THIS_NODE,
                passing=number in _PASSING,
                timed_out=number in (_TOO_LONG_ON_MARIADB, _TOO_LONG_ON_MYSQL),
            )
        # What it says beyond its number may quote a statement.
        return Trouble(Verdict.FAILED, f"{type(error).__name__} {number}")


def _settings(sql_mode: str, sync_wait: int | None, *, bounded: bool) -> str:
    """The statement that begins a session. Comments with a number are read by servers from that release on, those
    with an M by MariaDB alone.
    """
    settings = ["time_zone = '+00:00'", f"sql_mode = {_strict(sql_mode)}"]
    if sync_wait is not None:
        settings.append(f"wsrep_sync_wait = {sync_wait}")
    if bounded:
        settings.append(f"innodb_lock_wait_timeout = {LONGEST_WAIT_FOR_LOCK}")
    more = (
        f" /*M!100101 , max_statement_time = {LONGEST_AT_SERVER} */"
        f" /*!50708 , max_execution_time = {int(LONGEST_AT_SERVER * 1000)} */"
    )
    return f"SET SESSION {', '.join(settings)}{more if bounded else ''}"


def _strict(sql_mode: str) -> str:
    """The mode as an expression: a server that is not strict cuts what is too long, and says that it is stored."""
    if sql_mode:
        words = [word.strip() for word in sql_mode.upper().split(",")]
        return f"'{','.join([*(word for word in words if word != _OTHER_LANGUAGE), _STRICT])}'"
    return f"CONCAT(REPLACE(@@sql_mode, '{_OTHER_LANGUAGE}', ''), ',{_STRICT}')"


def _arguments(url: URL) -> dict[str, Any]:
    query = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    tls = {name: value for name, value in query.items() if name.startswith("ssl")}
    for name in tls:
        if name not in _TLS:
            raise ConfigurationError(f"there is no parameter {name}, only {', '.join(_TLS)}")
    disabled = _is_true(tls.pop("ssl_disabled", ""))
    arguments: dict[str, Any] = {
        "host": url.host or "localhost",
        "port": url.port or _DEFAULT_PORT,
        "user": url.username,
        # The package would write it in Latin-1.
        "password": (url.password or "").encode(),
        "database": url.database,
        "tls": _tls(tls) if tls and not disabled else None,
        "ssl_disabled": disabled,
    }
    if "unix_socket" in query:
        arguments["unix_socket"] = query["unix_socket"]
    return arguments


def _tls(query: Mapping[str, str]) -> ssl.SSLContext:
    """A server whose certificate is asked for has to be the one that it is for, unless the URL says otherwise.

    It is made once: the files need not be read for every connection.
    """
    told = {name: _is_true(query[name]) for name in _TLS_SWITCHES if name in query}
    identity = told.get("ssl_check_hostname", told.get("ssl_verify_identity"))
    context = _context(query)
    # Servers make themselves certificates that lack what this asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = False
    if identity or told.get("ssl_verify_cert", "ssl_ca" in query or "ssl_capath" in query):
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
        raise ConfigurationError(f"{files} cannot be used: {error.strerror}") from None
    if "ssl_cipher" in query:
        try:
            context.set_ciphers(query["ssl_cipher"])
        except ssl.SSLError:
            raise ConfigurationError("ssl_cipher cannot be used: no cipher has this name") from None
    return context


def _is_true(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on")
