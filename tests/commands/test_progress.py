# SPDX-License-Identifier: Apache-2.0
"""Progress is a bar on a terminal, and otherwise a line every ten seconds."""

import os
import pty
import termios

from freezer_api.cmd.progress import Progress


def test_line_every_ten_seconds(capsys):
    now = [0.0]
    with Progress(lambda: now[0]).task("Importing jobs", 70) as advance:
        for _ in range(7):
            now[0] += 4
            advance(10)
    with Progress(lambda: now[0]).task("Importing jobs") as advance:
        now[0] += 10
        advance(1)
    assert capsys.readouterr().err.splitlines() == [
        "Importing jobs: 30 of 70 documents so far",
        "Importing jobs: 60 of 70 documents so far",
        "Importing jobs: 1 documents so far",
    ]


def test_short_task_prints_nothing(capsys):
    with Progress().task("Importing jobs", 10) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_terminal_shows_a_bar_and_lines_above_it(monkeypatch):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        progress = Progress()
        with progress.task("Importing jobs", 70) as advance:
            progress.print_error("Refused job 1")
            advance(70)
        print("stopped by SIGINT", file=terminal, flush=True)
        shown = ""
        # One read returns only a part of what was written.
        while "SIGINT\r\n" not in shown:
            shown += os.read(ours, 100_000).decode()
    os.close(ours)
    assert "Importing jobs:   0%" in shown
    assert "0/70" in shown
    assert "\rRefused job 1\r\n" in shown
    # The bar is removed at its end, so the next line begins in the first column.
    assert shown.endswith(" \rstopped by SIGINT\r\n")
