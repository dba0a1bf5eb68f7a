# SPDX-License-Identifier: Apache-2.0
"""The package of :mod:`freezer_api.api.common.middleware`, which paste files load from this path."""
