# SPDX-License-Identifier: Apache-2.0
"""Archives, wheels and installations. Each extra has its test in ``test_extras.py``."""

OPERATORS = {"audit", "elasticsearch", "journal", "mysql", "postgresql", "uwsgi"}
DEVELOPERS = {"check", "docs", "test"}
