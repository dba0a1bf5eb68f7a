# SPDX-License-Identifier: Apache-2.0
"""The cases that are measured, a module for each."""
