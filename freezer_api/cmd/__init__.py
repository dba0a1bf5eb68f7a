"""Commands, and what WSGI servers load."""
