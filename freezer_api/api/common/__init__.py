"""A place that paste files name; see :mod:`freezer_api.service`."""
