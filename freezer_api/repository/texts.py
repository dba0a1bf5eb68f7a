"""Texts that a store can hold: Unicode without halves of surrogate pairs. A query may hold any text."""


def is_text(text: str) -> bool:
    """Whether the text is one that a store can hold."""
    return text.isascii() or nearest_text(text) == text


def nearest_text(text: str) -> str:
    """The text with question marks for halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8")
