"""Runs the commands that a document shows and compares, or writes, what they print.

``console`` blocks hold commands (``$``, continued by ``>``) and what they print; where a document has them, only
those between ``.. tour-begin`` and ``.. tour-end`` count. An id that a command names is the one that was printed
before, and in another run the one that is printed there then.

`python -m tests.docs.console URL DOCUMENT...` writes what a run against the service at the URL prints into the
documents.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_WRITTEN_FOR = "localhost:9090"
_INDENT = "   "
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
        """What a shell runs: the command as shown, against this address, without curl's progress."""
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
    """Commands of one document after another, as they are run against the service at an address."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def printed(self, command: Command, address: str) -> str:
        """What the command prints now."""
        text = self.renamed(command.text(address))
        done = subprocess.run(
            ["bash", "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
        )
        assert not done.stderr, done.stderr
        self._ids.update(zip(_ID.findall(command.output), _ID.findall(done.stdout), strict=False))
        return done.stdout.rstrip("\n").replace(address, _WRITTEN_FOR)

    def renamed(self, text: str) -> str:
        """The text with the ids of this run in place of the document's."""
        return _ID.sub(lambda match: self._ids.get(match[0], match[0]), text)


def normalised(output: str) -> str:
    """The output without what every run makes anew."""
    for pattern, replacement in _CHANGING:
        output = pattern.sub(replacement, output)
    return output


def _rewritten(run: Run, block: str, address: str) -> str:
    lines = []
    for command in commands(block):
        output = run.printed(command, address)
        lines += [*map(run.renamed, command.lines), *(output.splitlines() if output else [])]
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
