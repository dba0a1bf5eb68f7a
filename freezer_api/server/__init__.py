# SPDX-License-Identifier: Apache-2.0
"""gunicorn: application, arbiter, worker and settings."""
