# SPDX-License-Identifier: Apache-2.0
"""A signal ends a command with one message and exit code 128 plus its number. A second run completes the work."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from freezer_api.documents.jobs import JOBS
from freezer_api.repository.protocol import Original
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.commands.command import COMMAND, configured, start
from tests.stores.faults.load import until

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
STATUS = (sys.executable, "-m", "freezer_api.cmd.status")


def _has_open(process: "subprocess.Popen[str]", file: Path) -> bool:
    assert process.poll() is None, process.communicate()
    try:
        return any(os.readlink(link) == str(file) for link in Path(f"/proc/{process.pid}/fd").iterdir())
    except FileNotFoundError:
        # The command closed one of its connections while its files were listed.
        return False


def _count_actions(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT count(*) FROM freezer_actions").fetchone()[0])


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_signal_ends_an_import_that_waits_for_its_dump(
    made: tuple[str, ...], file: Path, number: int, code: int
) -> None:
    process = start(*made, "import", "--from-dump", "-", stdin=subprocess.PIPE)
    until(lambda: _has_open(process, file))
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (code, "")
    assert err == f"freezer-manage: stopped by {signal.Signals(number).name}\n"


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_import_ended_by_a_signal_can_be_repeated(
    made: tuple[str, ...], file: Path, tmp_path: Path, number: int, code: int
) -> None:
    total = 20_000
    dump = tmp_path / "dump.json"
    with dump.open("w") as lines:
        for index in range(total):
            source = {"action_id": f"a{index}", "user_id": "u", "freezer_action": {"action": "backup"}}
            lines.write(json.dumps({"_type": "actions", "_id": f"a{index}", "_source": source}) + "\n")
    process = start(*made, "import", "--kind", "actions", "--from-dump", str(dump))
    until(lambda: _count_actions(file))
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (code, "")
    assert err.splitlines()[-1] == f"freezer-manage: stopped by {signal.Signals(number).name}"

    again = start(*made, "import", "--kind", "actions", "--from-dump", str(dump))
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0
    new, skipped = (int(part.split()[0]) for part in out.partition(": ")[2].split(", ")[:2])
    assert new + skipped == total
    assert new
    assert skipped


def test_closed_terminal_leaves_no_part_of_an_export(made: tuple[str, ...], file: Path, tmp_path: Path) -> None:
    with closing(SQLiteRepository(file)) as repository:
        repository.restore(JOBS, [Original(f"j{n}", {"text": "x" * 1000}, 1, n) for n in range(20_000)])
    target = tmp_path / "exports" / "x.jsonl"
    target.parent.mkdir()
    process = start(*made, "export", str(target))
    until(lambda: any(target.parent.iterdir()))
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (129, "freezer-manage: stopped by SIGHUP\n")
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_signal_ends_an_export_whose_reader_waits(
    made: tuple[str, ...], file: Path, number: int, code: int
) -> None:
    with closing(SQLiteRepository(file)) as repository:
        repository.restore(JOBS, [Original(f"j{n}", {"text": "x" * 10_000}, 1, n) for n in range(100)])
    process = start(*made, "export", "-")
    assert process.stdout is not None
    assert process.stdout.readline().startswith('{"format":"freezer-api export"')
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == code
    assert err == f"freezer-manage: stopped by {signal.Signals(number).name}\n"


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("command", [(*COMMAND, "db", "show"), (*STATUS, "upgrade", "check")], ids=lambda c: c[2])
def test_signal_ends_a_command_that_waits_for_its_store(
    tmp_path: Path, command: tuple[str, ...], number: int, code: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        options = f"[elasticsearch]\nhosts = http://127.0.0.1:{silent.getsockname()[1]}\n"
        process = start(*configured(tmp_path / "freezer.conf", options), *command[3:], command=command[:3])
        connection = silent.accept()[0]
        process.send_signal(number)
        out, err = process.communicate(timeout=300)
        connection.close()
    assert (process.returncode, out) == (code, "")
    program = "freezer-status" if command[:3] == STATUS else "freezer-manage"
    assert err == f"{program}: stopped by {signal.Signals(number).name}\n"
