"""The same as ``freezer_api.wsgi``, which old configurations load from here, some of them as a file."""

from freezer_api.wsgi import app, application

__all__ = ["app", "application"]
