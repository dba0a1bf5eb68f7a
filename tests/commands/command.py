"""``freezer-manage`` as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

NO_HOME = "/dev/null"
"""A home in which there is nothing, and nothing can be made, by root neither."""

COMMAND = (sys.executable, "-m", "freezer_api.cmd.manage")


class Done(NamedTuple):
    code: int
    stdout: str
    stderr: str


def start(*arguments: str, command: tuple[str, ...] = COMMAND, **environment: str) -> "subprocess.Popen[str]":
    """On its way; stdin is no terminal, and there is no configuration that is not named."""
    return subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": NO_HOME, **environment},
    )


def ended(process: "subprocess.Popen[str]") -> Done:
    stdout, stderr = process.communicate(timeout=60)
    return Done(process.returncode, stdout, stderr)


def configured(file: Path, text: str) -> tuple[str, ...]:
    """The arguments that name this file, which gets this text."""
    file.write_text(text)
    return "--config-file", str(file)
