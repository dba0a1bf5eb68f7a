"""Commands, and a module that WSGI servers load."""
