# SPDX-License-Identifier: Apache-2.0
"""Paste files name these here; see :mod:`freezer_api.compat.paste`."""

from freezer_api.compat.paste import VersionNegotiator, api_versions

__all__ = ["VersionNegotiator", "api_versions"]
