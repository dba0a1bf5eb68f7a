"""WHAT is kept: the five kinds of document, one definition each, and the pure rules of their change.

Nothing here has a clock, makes an id or does I/O.
"""
