# SPDX-License-Identifier: Apache-2.0
"""Read the options of a command from its ``--help``."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

_OPTION = re.compile(r"  (-\S.*?)(?:  +(.*))?$")
_INVERSE = "The inverse of "
_WIDE = "1000"


class Option(NamedTuple):
    """An option: its spellings, each with its value, and its description."""

    spellings: tuple[str, ...]
    meaning: str


def help_of(module: str) -> str:
    """Return the ``--help`` of the command in this module, without line breaks in descriptions."""
    command = [sys.executable, "-m", module, "--help"]
    environment = {**os.environ, "COLUMNS": _WIDE, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return done.stdout


def options(text: str) -> Iterator[Option]:
    """Yield the options of a help text, except the ``--no`` forms."""
    lines = text.partition("\noptions:\n")[2].splitlines()
    for number, line in enumerate(lines):
        match = _OPTION.match(line)
        if match is None:
            continue
        meaning = match[2] or (lines[number + 1].strip() if number + 1 < len(lines) else "")
        if not meaning.startswith(_INVERSE):
            yield Option(tuple(match[1].split(", ")), meaning)


def page(text: str) -> Iterator[str]:
    """Generate reStructuredText for the options."""
    for option in options(text):
        yield f".. option:: {', '.join(option.spellings)}"
        yield ""
        yield f"   {_escaped(option.meaning)}"
        yield ""


def _escaped(text: str) -> str:
    return re.sub(r"([*_`|\\])", r"\\\1", text)
