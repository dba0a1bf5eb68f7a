"""Support for names and data of older releases."""
