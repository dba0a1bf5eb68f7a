# SPDX-License-Identifier: Apache-2.0
"""Code blocks of the pages are highlighted without errors and fit into the width of a page."""

import re
from collections.abc import Iterator

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Error

from freezer_reference.highlighting import ConsoleLexer
from tests.docs import console

_BLOCK = re.compile(r"^( *)\.\. code-block:: (\w+)\n\n((?:\1   .*\n|\n)+)", re.MULTILINE)


def _blocks() -> Iterator[tuple[str, str, str]]:
    """Yield page, language and text of each code block."""
    for page in console.PAGES:
        for indent, language, text in _BLOCK.findall(page.read_text()):
            yield page.name, language, re.sub(rf"^{indent}   ", "", text, flags=re.MULTILINE)


def _lexer(language: str) -> Lexer:
    return ConsoleLexer() if language == "console" else get_lexer_by_name(language)


def test_code_blocks_have_no_highlighting_errors() -> None:
    errors, blocks = [], list(_blocks())
    for page, language, text in blocks:
        errors += [(page, text) for kind, _ in _lexer(language).get_tokens(text) if kind in Error]
    assert errors == []
    assert len(blocks) > 50


def test_lines_of_code_blocks_fit_a_window_of_1200_pixels() -> None:
    long = [(page, line) for page, _, text in _blocks() for line in text.splitlines()]
    assert [(page, line) for page, line in long if len(line) > console.MAX_LINE_LENGTH] == []
