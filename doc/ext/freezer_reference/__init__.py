"""The reference pages, written from what the service is made of: routes, definitions, policies and commands.

``rules`` says a JSON Schema in words, ``operations`` knows what each route takes and answers, ``pages`` writes
reStructuredText of both, ``openapi`` an OpenAPI document, ``commands`` the options of the commands.
``directives`` hands them to Sphinx, and is the only part that needs it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: "Sphinx") -> dict[str, Any]:
    """What Sphinx calls."""
    from freezer_reference import directives

    return directives.setup(app)
