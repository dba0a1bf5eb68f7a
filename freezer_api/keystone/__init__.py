"""Keystone: options of the auth-token middleware, and trusts."""
