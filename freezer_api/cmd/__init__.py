# SPDX-License-Identifier: Apache-2.0
"""The commands, and a module that WSGI servers load."""
