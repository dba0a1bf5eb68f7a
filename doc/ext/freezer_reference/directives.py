# SPDX-License-Identifier: Apache-2.0
"""Sphinx directives for the generated pages, and links between files of the repository as links between pages."""

import json
import posixpath
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from freezer_reference import commands, openapi, pages
from freezer_reference.highlighting import ConsoleLexer

LOG = logging.getLogger(__name__)

OPENAPI = "openapi.json"
"""Name of the OpenAPI document beside the pages."""


def _options(module: str) -> Iterable[str]:
    return commands.page(commands.help_of(module))


DIRECTIVES: Mapping[str, tuple[int, Callable[..., Iterable[str]]]] = {
    "freezer-operation": (2, pages.operation),
    "freezer-properties": (1, pages.properties),
    "freezer-routes": (0, pages.routes),
    "freezer-errors": (0, pages.errors),
    "freezer-parameters": (0, pages.parameters),
    "freezer-options": (1, _options),
}
"""The number of arguments of each directive, and the function that generates its reStructuredText from them."""


def _directive(number: int, generate: Callable[..., Iterable[str]]) -> type[SphinxDirective]:
    class Generated(SphinxDirective):
        required_arguments = number

        def run(self) -> list[nodes.Node]:
            lines = StringList(list(generate(*self.arguments)), source=f"<{self.name}>")
            return self.parse_text_to_nodes("\n".join(lines) + "\n")

    return Generated


def link_files(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace links to files of the repository by links to their pages; warn if a page does not exist.

    In the repository, the same links lead to files.
    """
    place, builder = PurePosixPath(docname).parent, app.builder
    if builder is None:
        raise RuntimeError("Sphinx has no builder")
    for link in doctree.findall(nodes.reference):
        target = link.get("refuri", "")
        if not target.endswith(".rst") or "://" in target:
            continue
        found = posixpath.normpath(place / target.removesuffix(".rst"))
        if found not in app.env.all_docs:
            LOG.warning("no page %s", target, location=link)
            continue
        link.replace_self(make_refnode(builder, docname, found, None, list(link.children)))


def write_openapi(app: Sphinx, error: Exception | None) -> None:
    """Write the OpenAPI document beside the pages."""
    if error is None and app.builder is not None and app.builder.format == "html":
        text = json.dumps(openapi.document(), indent=1) + "\n"
        Path(app.outdir, OPENAPI).write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives, the lexer and the hooks."""
    for name, (number, generate) in DIRECTIVES.items():
        app.add_directive(name, _directive(number, generate))
    app.add_lexer("console", ConsoleLexer)
    app.connect("doctree-resolved", link_files)
    app.connect("build-finished", write_openapi)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
