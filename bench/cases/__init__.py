# SPDX-License-Identifier: Apache-2.0
"""The measurements of ``make bench``, with a module for each."""
