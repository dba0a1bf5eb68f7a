# SPDX-License-Identifier: Apache-2.0
"""The troubleshooting page explains every warning and error of the service."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs import console

PAGE = console.ROOT / "doc" / "source" / "operations" / "troubleshooting.rst"
PACKAGE = console.ROOT / "freezer_api"

_ERRORS = {"CommandError", "ConfigurationError", "UnsupportedServer", "UsageError"}
_LEVELS = {"warning", "error", "exception", "critical"}
_ELSEWHERE = {
    "files.warning": "a text of policy_files",
    "line": "a text of obsolete or unknown",
}
"""Expressions that are raised or logged in place of a literal message, and where their text comes from."""
_BESIDE = {
    "The policy file <> does not exist, <> is read: convert it to YAML and rename it",
    "<> is an old name; write <>",
    "<> is ignored",
    "[<>] <> in <> is unknown and ignored",
    "[<>] <> in <> is unknown and ignored; is it <>?",
    "[<>] in <> is unknown and ignored, with all that is in it; is it [<>]?",
}
"""Messages of these expressions that are not arguments of any call."""
_FORM = "<>: <>"
"""Format of ``reading.option_error``, whose messages are collected from its calls."""
_TERM = re.compile(r"^``(.+)``$", re.MULTILINE)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "LOG":
        return "LOG" if function.attr in _LEVELS else ""
    return function.id if isinstance(function, ast.Name) else ""


def _texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args:
            if _name(node.func) in {"LOG", *_ERRORS}:
                yield _text(node.args[0])
            elif ast.unparse(node.func) in ("option_error", "reading.option_error"):
                yield _of_an_option(node.args[1:])


def _of_an_option(arguments: list[ast.expr]) -> str:
    """Return the message about an option: ``[group] option in FILE: reason``."""
    *place, reason = (argument.value if isinstance(argument, ast.Constant) else "<>" for argument in arguments)
    group, name = place if len(place) == 2 else ("<>", "<>")
    message = _text(arguments[-1]) if isinstance(arguments[-1], ast.JoinedStr) else reason
    return f"[{group}] {name} in <>: {message}"


def _text(argument: ast.expr) -> str:
    """Return the message with ``<>`` instead of its variable parts."""
    if isinstance(argument, ast.Constant):
        return re.sub(r"%(\.\d+)?[dfgrs]", "<>", str(argument.value))
    if isinstance(argument, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "<>" for part in argument.values)
    return f"code: {ast.unparse(argument)}"


def _messages() -> set[str]:
    texts = {text for path in PACKAGE.rglob("*.py") for text in _texts(path)}
    elsewhere = {text.removeprefix("code: ") for text in texts if text.startswith("code: ")}
    assert elsewhere == _ELSEWHERE.keys(), "add the origin of these messages to _ELSEWHERE"
    return {text for text in texts if not text.startswith("code: ")} - {_FORM} | _BESIDE


def _documented() -> list[str]:
    return [re.sub(r"<[^<>]+>", "<>", term) for term in _TERM.findall(PAGE.read_text())]


def test_page_explains_each_message_once() -> None:
    documented = _documented()
    assert sorted(_messages() - set(documented)) == []
    assert sorted(set(documented) - _messages()) == []
    assert len(documented) == len(set(documented))


def test_messages_are_collected_from_code() -> None:
    trees = (ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py"))
    formed = {_text(node) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)}
    assert {*_BESIDE, _FORM} <= formed
    assert "cannot listen on <>: <>" in _messages()
    assert "The store is not available (<>), after <> s: <>" in _messages()
