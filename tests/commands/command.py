# SPDX-License-Identifier: Apache-2.0
"""Run ``freezer-manage`` as a separate process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, NamedTuple

NO_HOME = "/dev/null"
"""A home in which no user, not even root, can create files."""

COMMAND = (sys.executable, "-m", "freezer_api.cmd.manage")


class Done(NamedTuple):
    code: int
    stdout: str
    stderr: str


def start(
    *arguments: str,
    command: tuple[str, ...] = COMMAND,
    stdin: int | IO[str] | None = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    **environment: str,
) -> "subprocess.Popen[str]":
    """Start the command. stdin is not a terminal, and no configuration but that in the arguments is found."""
    return subprocess.Popen(
        [*command, *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": NO_HOME, **environment},
    )


def ended(process: "subprocess.Popen[str]") -> Done:
    stdout, stderr = process.communicate(timeout=300)
    return Done(process.returncode, stdout, stderr)


def configured(file: Path, text: str) -> tuple[str, ...]:
    """Write the text to the file and return the arguments that select it as the configuration."""
    file.write_text(text)
    return "--config-file", str(file)
