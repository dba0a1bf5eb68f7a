"""The pages as directives of Sphinx, and links to files as links to their pages."""

import json
from collections.abc import Iterable
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
"""The OpenAPI document, beside the pages."""


class _Written(SphinxDirective):
    """A directive whose content is written by a function of its arguments."""

    has_content = False

    def written(self) -> Iterable[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        lines = StringList(list(self.written()), source=f"<{self.name}>")
        # A directive may stand below a heading, whose level the lines do not know.
        return self.parse_text_to_nodes("\n".join(lines) + "\n")


class OperationDirective(_Written):
    """``.. freezer-operation:: POST /jobs``"""

    required_arguments = 2

    def written(self) -> Iterable[str]:
        return pages.operation(*self.arguments)


class PropertiesDirective(_Written):
    """``.. freezer-properties:: jobs``"""

    required_arguments = 1

    def written(self) -> Iterable[str]:
        return pages.properties(*self.arguments)


class RoutesDirective(_Written):
    """``.. freezer-routes::``"""

    def written(self) -> Iterable[str]:
        return pages.routes()


class ErrorsDirective(_Written):
    """``.. freezer-errors::``"""

    def written(self) -> Iterable[str]:
        return pages.errors()


class ParametersDirective(_Written):
    """``.. freezer-parameters::``"""

    def written(self) -> Iterable[str]:
        return pages.parameters()


class OptionsDirective(_Written):
    """``.. freezer-options:: freezer_api.cmd.manage``: the options of a command."""

    required_arguments = 1

    def written(self) -> Iterable[str]:
        return commands.page(commands.help_of(self.arguments[0]))


DIRECTIVES: dict[str, type[_Written]] = {
    "freezer-operation": OperationDirective,
    "freezer-properties": PropertiesDirective,
    "freezer-routes": RoutesDirective,
    "freezer-errors": ErrorsDirective,
    "freezer-parameters": ParametersDirective,
    "freezer-options": OptionsDirective,
}


def link_files(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Links to files of the repository become links to their pages; one that leads nowhere is warned of.

    The same texts are read in the repository, where a link names a file.
    """
    place, builder = PurePosixPath(docname).parent, app.builder
    if builder is None:
        raise RuntimeError("no pages are being written")
    for link in doctree.findall(nodes.reference):
        target = link.get("refuri", "")
        if not target.endswith(".rst") or "://" in target:
            continue
        found = _normalised(place / target.removesuffix(".rst"))
        if found not in app.env.all_docs:
            LOG.warning("there is no page %s", target, location=link)
            continue
        link.replace_self(make_refnode(builder, docname, found, None, list(link.children)))


def _normalised(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def write_openapi(app: Sphinx, error: Exception | None) -> None:
    """The OpenAPI document beside the pages."""
    if error is None and app.builder is not None and app.builder.format == "html":
        text = json.dumps(openapi.document(), indent=1) + "\n"
        Path(app.outdir, OPENAPI).write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives, the lexer and the hooks."""
    for name, directive in DIRECTIVES.items():
        app.add_directive(name, directive)
    app.add_lexer("console", ConsoleLexer)
    app.connect("doctree-resolved", link_files)
    app.connect("build-finished", write_openapi)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
