# SPDX-License-Identifier: Apache-2.0
"""One database server: a process on a free port, and a directory with its data and log.

The server ends with the process that started it, even if that process is killed.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import psycopg2
import pymysql

from tests.support.search import tied
from tests.support.search.node import free_ports
from tests.support.sql import Failed, Missing

USER, PASSWORD = "freezer", "p@ss/w:rd"
"""The account of the service. The password contains characters that have to be quoted in a URL."""
QUOTED_PASSWORD = "p%40ss%2Fw%3Ard"

_TIED = [sys.executable, "-I", "-S", str(Path(tied.__file__))]
# A tied process ends with the *thread* that started it, so one thread that never ends starts all of them.
_STARTER = ThreadPoolExecutor(1, "sql-servers")


class SQLServer(ABC):
    """A database server. ``quick``: it does not wait until writes are on the disk."""

    name: ClassVar[str]

    def __init__(self, folder: Path, *options: str, quick: bool = False) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self.tls = False
        (self.port,) = free_ports(1)
        self._options = [*options, *(self._quick() if quick else ())]
        self._process: subprocess.Popen[bytes] | None = None
        self._prepare()

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._data = self.folder / "data"
        self._make_data()

    @abstractmethod
    def _make_data(self) -> None:
        """Create what the server needs before its first start."""

    @abstractmethod
    def _quick(self) -> Sequence[str]: ...

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def url(self, database: str) -> str:
        """Return the URL of a database as an operator writes it."""

    @abstractmethod
    def connect(self, database: str | None = None, **options: Any) -> Any:
        """Return a connection of the administrator in autocommit mode."""

    @property
    @abstractmethod
    def errors(self) -> type[Exception]: ...

    def run(self, *statements: str, database: str | None = None) -> list[Any]:
        """Run statements as administrator, and return the rows of the last one."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    @abstractmethod
    def create_database(self, name: str) -> str:
        """Create an empty database, and return its URL."""

    @abstractmethod
    def kill_connections(self) -> None:
        """Close all connections of the service."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the process that has all others of the server as descendants."""
        assert self._process is not None
        return self._process.pid

    def start(self, *options: str) -> Self:
        """Start the server with its port and data, and wait until it accepts connections."""
        command = [*_TIED, str(os.getpid()), *self._command(), *self._options, *options]
        self._process = _STARTER.submit(self._spawn, command).result()
        end = time.monotonic() + 60
        while True:
            try:
                # The drivers leave a socket open if the server refuses the connection.
                socket.create_connection(("127.0.0.1", self.port)).close()
                # A node of a cluster accepts connections before it executes statements.
                self._greet()
            except (OSError, self.errors) as error:
                if not self.alive or time.monotonic() > end:
                    raise Failed(f"{self.name} does not start: {error}\n{self.logged()}") from error
                time.sleep(0.02)
            else:
                return self

    @abstractmethod
    def _greet(self) -> None:
        """Create the account of the service if it does not exist."""

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )

    def stop(self) -> None:
        """Stop the server as an operator does."""
        assert self._process is not None
        self._process.send_signal(self._stop_signal)
        self._wait()

    _stop_signal = signal.SIGTERM

    def kill(self) -> None:
        """Send SIGKILL to all processes of the server."""
        self._signal_all(signal.SIGKILL)
        self._wait()

    def pause(self) -> None:
        """Send SIGSTOP: the server accepts connections and does not answer."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        """Send the signal to the process, and then to its children."""
        assert self._process is not None
        for pid in (self._process.pid, *_children(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(60)

    def end(self) -> None:
        """Kill the server and remove its data."""
        if self.alive:
            self.kill()
        shutil.rmtree(self._data, ignore_errors=True)

    def logged(self, since: int = 0, lines: int = 40) -> str:
        """Return the last lines of the log after that many bytes."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(since)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _found(program: str, *places: str) -> str:
    found = shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), *places)))
    if found is None:
        raise Missing(f"{program} is missing")
    return found


def _made(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=300)
    if done.returncode:
        raise Failed(f"{command[0]} failed: {done.stdout}{done.stderr}")


class MariaDB(SQLServer):
    name = "mariadb"

    def _make_data(self) -> None:
        self._server = _found("mariadbd", "/usr/sbin")
        install = _found("mariadb-install-db")
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", *_as_myself()]
        _made([install, "--no-defaults", f"--datadir={self._data}", *options], self.folder)

    def _quick(self) -> Sequence[str]:
        return ("--innodb-flush-log-at-trx-commit=0",)

    def _command(self) -> list[str]:
        return [
            self._server,
            "--no-defaults",
            *_as_myself(),
            f"--datadir={self._data}",
            f"--socket={self.folder}/socket",
            f"--pid-file={self.folder}/pid",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-log-bin",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=32M",
            "--skip-name-resolve",
        ]

    def url(self, database: str) -> str:
        return f"mysql+pymysql://{USER}:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/{database}?charset=utf8"

    def connect(self, database: str | None = None, **options: Any) -> Any:
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            database=database,
            autocommit=True,
            # Reading the certificate authorities of this machine would take most of the start.
            ssl_disabled=not self.tls,
            **options,
        )

    errors = pymysql.MySQLError

    def _greet(self) -> None:
        self.run(f"CREATE USER IF NOT EXISTS {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")

    def create_database(self, name: str) -> str:
        # Create the database as deployment tools do: with three-byte UTF-8 and a collation that ignores case.
        rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX"
        self.run(
            f"CREATE DATABASE {name} CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci",
            f"GRANT {rights} ON {name}.* TO {USER}@'127.0.0.1'",
        )
        return self.url(name)

    def kill_connections(self) -> None:
        self.run(f"KILL CONNECTION USER {USER}@'127.0.0.1'")


def _as_myself() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


class PostgreSQL(SQLServer):
    name = "postgresql"
    # The mode "fast" does not wait for clients to disconnect.
    _stop_signal = signal.SIGINT

    def _make_data(self) -> None:
        newest = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda bin_: int(bin_.parent.name))
        self._server = _found("postgres", *map(str, newest[-1:]))
        initdb = _found("initdb", *map(str, newest[-1:]))
        # PostgreSQL refuses to run as root, and another account has no access to the directories of the tests.
        self._data = Path(tempfile.mkdtemp(prefix="freezer-postgresql-"))
        password = self._data / "password"
        password.write_text("root")
        if os.geteuid() == 0:
            for path in (self._data, password):
                shutil.chown(path, "nobody", "nogroup")
        options = ["--no-sync", "--username=root", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
        _made([*_unprivileged(), initdb, "-D", f"{self._data}/data", f"--pwfile={password}", *options], self._data)

    def _quick(self) -> Sequence[str]:
        return ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")

    def _command(self) -> list[str]:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "shared_buffers": "64MB"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [
            *_unprivileged(tied=True),
            self._server,
            "-D",
            f"{self._data}/data",
            "-p",
            str(self.port),
            *settings,
        ]

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str | None = None, **options: Any) -> Any:
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            password="root",
            dbname=database or "postgres",
            **options,
        )
        connection.autocommit = True
        return connection

    errors = psycopg2.Error

    def _greet(self) -> None:
        if not self.run(f"SELECT 1 FROM pg_roles WHERE rolname = '{USER}'"):
            self.run(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")

    def create_database(self, name: str) -> str:
        self.run(f"CREATE DATABASE {name} OWNER {USER}")
        return self.url(name)

    def kill_connections(self) -> None:
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{USER}'")


def _unprivileged(*, tied: bool = False) -> list[str]:
    if os.geteuid() != 0:
        return []
    dying = ["--pdeathsig", "KILL"] if tied else []
    return [_found("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups", *dying]


SERVERS: dict[str, type[SQLServer]] = {server.name: server for server in (MariaDB, PostgreSQL)}
