# SPDX-License-Identifier: Apache-2.0
"""The Pygments lexer of ``console`` blocks."""

from pygments.lexers.shell import BashSessionLexer


class ConsoleLexer(BashSessionLexer):  # type: ignore[misc]
    """A lexer for shell sessions that also accepts lines with ``>`` inside a quoted argument.

    Pygments accepts them only after a backslash, and marks the opening quote as an error.
    """

    _bare_continuation = True
