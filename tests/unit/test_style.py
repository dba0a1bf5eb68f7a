# SPDX-License-Identifier: Apache-2.0
"""Rules for files in the tree: plain words, and a licence in the first line."""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROSE = {
    ".rst",
    ".md",
    ".yaml",
    ".yml",
    ".sh",
    ".conf",
    ".ini",
    ".txt",
    ".sample",
    ".service",
    ".toml",
    ".cfg",
    "",
}

IDIOMS = {
    r"(told|said)": "reported, logged, described",
    r"believed?": "trusted, accepted without verification",
    r"vouch(es|ed)?": "verifies, signs",
    r"counts (as|for|from|only|after|here|too)": "takes effect, applies, is treated as",
    r"stands?( \w+)? (in|at|beside|before|there|alone)": "is stored in, is listed in",
    r"(is|are|was|were|be|been)( not| no longer)? there": "exists, does not exist, is missing",
    r"(?<!there )(is|are|was|were) (?-i:none)": "does not exist, is missing",
    r"(anew|once more)": "again",
    r"(tak(es?|en|ing)|took|gives?|given)( \w+)? back": "removed, revoked, returned",
    r"(tak(es?|en|ing)|took)( \w+)? away": "removed, revoked",
    r"(lent|lends)": "delegated",
    r"(is|are|was|were|be|been) made": "created",
    r"look(s|ed|ing)? at": "checked, inspected",
    r"ask(s|ed)?( \w+)? again": "retried",
    r"(whoever|nobody)": "the caller, a process, an operator",
    r"who (loses|dies|looks|asks|reads|creates|comes)": "the caller, a process, an operator",
    r"of (ours|theirs)": "our own, this project's; the server's",
    r"(for want of|mind that)": "without, because; note that",
    r"(at work at|takes its leave|goes on as it was|unasked|their mind)": "what the program does",
    r"(is|are|holds what is) no (address|such)": "invalid ...; expected a value such as ...",
    r"prove who": "verify the certificate",
    r"(says?|tells?) (what|which|why|where|so|how|nothing)": "describes, contains, explains",
    r"all the same": "nevertheless",
    r"(http-v[12]|upstream-faults|clients-expect|documents|operations|policy)\.md": "a page in compatibility/",
    r"the contract's README": "a page in compatibility/",
}
"""Phrases that the project replaces, as regular expressions, and what to write instead."""

_FOUND = re.compile("|".join(rf"(?P<i{n}>\b{phrase}\b)" for n, phrase in enumerate(IDIOMS)), re.IGNORECASE)

_LICENCE = "SPDX-License-Identifier: Apache-2.0"
SOURCES = {".py", ".sh", ".mako", ".java"}

EXCEPTIONS = {Path(__file__).relative_to(ROOT), Path("LICENSE")}


def _tracked_files() -> list[Path]:
    """Return the files relative to the root; none if this is not a checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


FILES = _tracked_files()
pytestmark = pytest.mark.skipif(not FILES, reason="not a git checkout")


def _texts_of_python(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.replace("_", " ")


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    source = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix == ".py" or source.startswith("#!/usr/bin/env python"):
        yield from _texts_of_python(source)
    elif path.suffix in PROSE:
        yield 1, source


def violations(path: Path) -> Iterator[str]:
    for first, text in _texts(path):
        # A phrase may continue on the next line, after the sign of a comment.
        for match in _FOUND.finditer(re.sub(r"\n[#\s]*", lambda gap: gap[0].replace("#", " "), text)):
            line = first + text.count("\n", 0, match.start())
            found = " ".join(match[0].split())
            yield f"{path}:{line}: {found!r}; write: {IDIOMS[list(IDIOMS)[int((match.lastgroup or 'i0')[1:])]]}"


def test_texts_have_no_idioms() -> None:
    paths = [path for path in FILES if path not in EXCEPTIONS]
    assert [line for path in paths for line in violations(path)] == []


def is_source(path: Path) -> bool:
    """Return whether the file is a program, or a part of one that a shell reads."""
    if path.suffix in SOURCES or path.name in {"Makefile", "Containerfile", "settings"}:
        return True
    with (ROOT / path).open(encoding="utf-8", errors="replace") as file:
        return not path.suffix and (path.parts[:2] == ("devstack", "lib") or file.read(2) == "#!")


def test_source_files_begin_with_their_licence() -> None:
    lacking = []
    for path in filter(is_source, FILES):
        first, *others = (ROOT / path).read_text(encoding="utf-8").splitlines() or [""]
        line = others[0] if first.startswith("#!") and others else first
        if line != f"{'//' if path.suffix == '.java' else '#'} {_LICENCE}":
            lacking.append(str(path))
    assert lacking == []
