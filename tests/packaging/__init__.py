# SPDX-License-Identifier: Apache-2.0
"""Tests of archives, wheels and installations. ``test_extras.py`` tests each extra."""

OPERATORS = {"audit", "elasticsearch", "journal", "mysql", "postgresql", "uwsgi"}
DEVELOPERS = {"check", "docs", "test"}
