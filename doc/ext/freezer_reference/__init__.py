# SPDX-License-Identifier: Apache-2.0
"""Sphinx extension that generates the reference pages from routes, definitions, policies and commands.

``rules`` describes a JSON Schema in words, ``operations`` lists what each route accepts and returns, ``pages``
writes reStructuredText from both, ``openapi`` an OpenAPI document, ``commands`` the options of the commands, and
``highlighting`` has the lexer of ``console`` blocks. Only ``directives`` imports Sphinx.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: "Sphinx") -> dict[str, Any]:
    """Register the extension with Sphinx."""
    from freezer_reference import directives

    return directives.setup(app)
