# SPDX-License-Identifier: Apache-2.0
"""The configuration: options, their values, reading, search paths, removed and misspelt options."""
