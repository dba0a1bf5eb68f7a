# SPDX-License-Identifier: Apache-2.0
"""Commands, and a module that WSGI servers load."""
