"""Runs the commands that a document shows and compares, or writes, what they print.

Between ``.. tour-begin`` and ``.. tour-end``, ``console`` blocks hold commands (``$``, continued by ``>``) and
what they print. `python -m tests.docs.console README.rst URL` writes the output of a run against the service at
the URL into the document.
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
_CHANGING = (
    (re.compile(r"[0-9a-f]{32}"), "<id>"),
    (re.compile(r'("time_\w+":)1[0-9]{9}\b'), r"\1<time>"),
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


def printed(command: Command, address: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command.text(address)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert not done.stderr, done.stderr
    return done.stdout.rstrip("\n")


def normalised(output: str) -> str:
    """The output without what every run makes anew."""
    for pattern, replacement in _CHANGING:
        output = pattern.sub(replacement, output)
    return output


def _rewritten(block: str, address: str) -> str:
    lines = []
    for command in commands(block):
        output = printed(command, address)
        lines += [*command.lines, *(output.splitlines() if output else [])]
    return "".join(f"{_INDENT}{line}\n" for line in lines)


def main(path: Path, url: str) -> None:
    document = path.read_text()
    for block in blocks(document):
        document = document.replace(block, _rewritten(block, url.removeprefix("http://")), 1)
    path.write_text(document)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
