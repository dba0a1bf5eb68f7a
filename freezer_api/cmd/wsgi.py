# SPDX-License-Identifier: Apache-2.0
"""The applications of :mod:`freezer_api.wsgi`, for servers that load this path, some of them as a file (kolla)."""

from freezer_api.wsgi import app, application

__all__ = ["app", "application"]
