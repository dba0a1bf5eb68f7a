"""The options of a command, read off what it says for ``--help``."""

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
    """An option in all its spellings, each with its value, and what it means."""

    spellings: tuple[str, ...]
    meaning: str


def help_of(module: str) -> str:
    """What the command in this module prints for ``--help``, in long lines."""
    command = [sys.executable, "-m", module, "--help"]
    environment = {**os.environ, "COLUMNS": _WIDE, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return done.stdout


def options(text: str) -> Iterator[Option]:
    """The options of a help text, those out that only say the contrary of another."""
    lines = text.partition("\noptions:\n")[2].splitlines()
    for number, line in enumerate(lines):
        match = _OPTION.match(line)
        if match is None:
            continue
        meaning = match[2] or (lines[number + 1].strip() if number + 1 < len(lines) else "")
        if not meaning.startswith(_INVERSE):
            yield Option(tuple(match[1].split(", ")), meaning)


def page(text: str) -> Iterator[str]:
    """The options as reStructuredText."""
    for option in options(text):
        yield f".. option:: {', '.join(option.spellings)}"
        yield ""
        yield f"   {_escaped(option.meaning)}"
        yield ""


def _escaped(text: str) -> str:
    return re.sub(r"([*_`|\\])", r"\\\1", text)
