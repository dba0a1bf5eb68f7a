"""The path of :mod:`freezer_api.api.common.middleware`, which paste files name."""
