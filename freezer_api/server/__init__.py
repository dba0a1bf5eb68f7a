# SPDX-License-Identifier: Apache-2.0
"""The server of ``freezer-api``: gunicorn's application, arbiter, worker and settings."""
