"""OpenStack Freezer's REST service: clients, jobs, actions, sessions and backup metadata."""

__version__ = "20.0.0.dev1"
