# SPDX-License-Identifier: Apache-2.0
"""Keystone: options of the auth-token middleware, and trusts."""
