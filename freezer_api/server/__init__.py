"""gunicorn: application, arbiter, worker and settings."""
