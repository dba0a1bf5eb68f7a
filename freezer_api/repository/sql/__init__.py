# SPDX-License-Identifier: Apache-2.0
"""The driver for SQLite, MariaDB, MySQL and PostgreSQL: one table for each kind, by SQLAlchemy Core."""
