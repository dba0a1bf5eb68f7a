# SPDX-License-Identifier: Apache-2.0
"""The path of :mod:`freezer_api.api.common.middleware`, which paste files name."""
