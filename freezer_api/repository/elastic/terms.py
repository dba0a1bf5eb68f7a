"""A document's search index as terms: exact strings that a ``keyword`` field holds and a ``term`` query finds.

Nothing here depends on how an engine analyses text or parses numbers. A term is marked, so that one field holds
entries, described words and members alike; the length of the name says where it ends, whatever it holds.
"""

import hashlib

from freezer_api.documents.search_index import PRESENT, SearchIndex, Value

MAX_TERM_LENGTH = 1024
"""Characters; a longer term is cut and ends in its digest, as Lucene takes no more than 32,766 bytes."""

_MARKS = {"string": "s", "number": "n", "boolean": "b", "null": "0", "present": "p"}
_WORD, _MEMBER = "w", "m"


def bounded(text: str) -> str:
    """The text as a term: itself when it is short, and no two texts are one term."""
    if len(text) <= MAX_TERM_LENGTH:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[: MAX_TERM_LENGTH - len(digest)]}\x1f{digest}"


word = value = bounded
"""Words and whole values have fields of their own, so their terms are not marked."""


def _term(mark: str, name: str, text: str) -> str:
    return bounded(f"{mark}{len(name)}:{name}={text}")


def entry(name: str, value: Value) -> str | None:
    """The term of a value at a name; None when nothing can be equal to it."""
    return None if value == PRESENT else _term(_MARKS[value.type], name, value.text)


def described_word(path: str, word: str) -> str:
    """The term of a word of the text field at the path."""
    return _term(_WORD, path, word)


def member(key: str) -> str:
    """The term of a member's id."""
    return _term(_MEMBER, "", key)


def fields(index: SearchIndex) -> dict[str, list[str]]:
    """The fields of a document that searches look at. ``names``: at which names anything stands."""
    entries = [_term(_MARKS[value.type], name, value.text) for name, value in index.entries if value != PRESENT]
    entries += [described_word(path, word) for path, word in index.described]
    entries += map(member, index.members)
    return {
        "entries": entries,
        "names": list({bounded(name) for name, _ in index.entries}),
        "words": list(map(bounded, index.words)),
        "values": list(map(bounded, index.values)),
    }
