# SPDX-License-Identifier: Apache-2.0
"""Re-export what paste files load from this path; see :mod:`freezer_api.compat.paste`."""

from freezer_api.compat.paste import ContextMiddleware, HealthApp

__all__ = ["ContextMiddleware", "HealthApp"]
