# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx; `make docs` builds the pages and the man pages."""

import shutil
import sys
from pathlib import Path

_DOC = Path(__file__).parents[1]
sys.path.insert(0, str(_DOC / "ext"))

import freezer_api  # noqa: E402 - the path comes first

# Copy the decision records into the source directory, because archives lose or duplicate symbolic links.
_DECISIONS = _DOC / "source/contributor/adr"
shutil.rmtree(_DECISIONS, ignore_errors=True)
shutil.copytree(_DOC / "adr", _DECISIONS, ignore=shutil.ignore_patterns("README.rst"))

project = "Freezer API"
author = "OpenStack"
release = version = freezer_api.__version__
extensions = [
    "openstackdocstheme",
    "oslo_config.sphinxext",
    "oslo_policy.sphinxext",
    "reno.sphinxext",
    "freezer_reference",
]
html_theme = "openstackdocs"
openstackdocs_repo_name = "openstack/freezer-api"
openstackdocs_auto_name = False
openstackdocs_auto_version = False
nitpicky = True

_PAGES = {
    "freezer-api": "serves the Freezer API",
    "freezer-manage": "manages the store of the Freezer API, exports and imports documents",
    "freezer-status": "checks the configuration and the store of the Freezer API before an upgrade",
}
man_pages = [(f"cli/{name}", name, description, [], 1) for name, description in _PAGES.items()]
