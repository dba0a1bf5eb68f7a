# SPDX-License-Identifier: Apache-2.0
"""The SQL driver: one table per kind on SQLAlchemy Core; SQLite (WAL) is the embedded store."""
