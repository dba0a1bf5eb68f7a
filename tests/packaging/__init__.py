"""What is built, installed and removed; the extras, each of which has its test in ``test_extras.py``."""

OPERATORS = {"audit", "elasticsearch", "journal", "mysql", "postgresql", "uwsgi"}
DEVELOPERS = {"check", "docs", "test"}
