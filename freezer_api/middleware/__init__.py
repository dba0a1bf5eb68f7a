"""WSGI middleware of the service."""
