# SPDX-License-Identifier: Apache-2.0
"""Run the commands that a document shows, and compare their output or write it into the document.

``console`` blocks contain commands (``$``, continued by ``>``) and their output. If a document has the markers
``.. tour-begin`` and ``.. tour-end``, only the blocks between them are run. Ids in commands are replaced by the
ids that the same command printed in this run. Long lines of output are folded in documents.

`python -m tests.docs.console URL DOCUMENT...` runs the commands against the service at the URL and updates the
documents.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.rst",
    *(page for page in sorted((ROOT / "doc").rglob("*.rst")) if page.parent.name != "adr"),
]
"""The README and all pages except decision records, which may describe former commands."""

_WRITTEN_FOR = "localhost:9090"
_INDENT = "   "
MAX_LINE_LENGTH = 100
"""Columns of a code block in a browser window of 1,200 pixels."""
_BEGIN, _END = ".. tour-begin\n", ".. tour-end\n"
_BLOCK = re.compile(r"\.\. code-block:: console\n\n((?:   .*\n)+)")
_ID = re.compile(r"[0-9a-f]{32}")
_CHANGING = (
    (_ID, "<id>"),
    (re.compile(r'("time_\w+": ?)1[0-9]{9}\b'), r"\1<time>"),
    (re.compile(r"marker=[\w%-]+"), "marker=<marker>"),
)


@dataclass(frozen=True)
class Command:
    lines: list[str]
    output: str

    def text(self, address: str) -> str:
        """Return the command for a shell, with the address of this service and without curl's progress meter."""
        shown = "\n".join(line[2:] for line in self.lines)
        return shown.replace(_WRITTEN_FOR, address).replace("curl ", "curl -sS ")


def tour(document: str) -> str:
    if _BEGIN not in document:
        return document
    return document.split(_BEGIN, 1)[1].split(_END, 1)[0]


def commands(block: str) -> list[Command]:
    found: list[tuple[list[str], list[str]]] = []
    for line in (line.removeprefix(_INDENT) for line in block.splitlines()):
        if line.startswith("$ "):
            found.append(([line], []))
        elif line.startswith("> "):
            found[-1][0].append(line)
        else:
            found[-1][1].append(line)
    return [Command(lines, "\n".join(output)) for lines, output in found]


def blocks(document: str) -> list[str]:
    return _BLOCK.findall(tour(document))


class Run:
    """Run the commands of one or more documents, and track ids that differ between runs."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def printed(self, command: Command, address: str) -> str:
        """Run the command and return its output."""
        text = self.renamed(command.text(address))
        done = subprocess.run(
            ["bash", "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
        )
        assert not done.stderr, done.stderr
        self._ids.update(zip(_ID.findall(command.output), _ID.findall(done.stdout), strict=False))
        return done.stdout.rstrip("\n").replace(address, _WRITTEN_FOR)

    def renamed(self, text: str) -> str:
        """Return the text with the ids of this run in place of those in the document."""
        return _ID.sub(lambda match: self._ids.get(match[0], match[0]), text)


def normalised(output: str) -> str:
    """Return the output without values that differ in each run, and without white space, which folding changes."""
    for pattern, replacement in _CHANGING:
        output = pattern.sub(replacement, output)
    return "".join(output.split())


def folded(line: str) -> list[str]:
    """Split a long line into lines that end after a JSON value, before a parameter of a URL, or at a space."""
    width, lines = MAX_LINE_LENGTH, []
    while len(line) > width:
        head = line[:width]
        end = max(head.rfind(',"') + 1, head.rfind(",{") + 1, head.rfind("&")) or head.rindex(" ", 2)
        lines.append(line[:end])
        line = "  " + line[end:].lstrip()
    return [*lines, line]


def _rewritten(run: Run, block: str, address: str) -> str:
    lines: list[str] = []
    for command in commands(block):
        output = run.printed(command, address)
        lines += map(run.renamed, command.lines)
        for line in output.splitlines():
            lines += folded(line)
    return "".join(f"{_INDENT}{line}\n" for line in lines)


def main(url: str, *paths: str) -> None:
    run = Run()
    for path in map(Path, paths):
        document = path.read_text()
        for block in blocks(document):
            document = document.replace(block, _rewritten(run, block, url.removeprefix("http://")), 1)
        path.write_text(document)


if __name__ == "__main__":
    main(*sys.argv[1:])
