# SPDX-License-Identifier: Apache-2.0
"""Handlers of the routes, the same for all versions: read the body, call the operation, return the result."""
