# SPDX-License-Identifier: Apache-2.0
"""Paste files name these here; see :mod:`freezer_api.compat.paste`."""

from freezer_api.compat.paste import ContextMiddleware, HealthApp

__all__ = ["ContextMiddleware", "HealthApp"]
