# SPDX-License-Identifier: Apache-2.0
"""Re-export what paste files load from this path; see :mod:`freezer_api.compat.paste`."""

from freezer_api.compat.paste import VersionNegotiator, api_versions

__all__ = ["VersionNegotiator", "api_versions"]
