# SPDX-License-Identifier: Apache-2.0
"""The search index of a document as terms: exact strings in ``keyword`` fields, found by ``term`` queries.

Nothing depends on how an engine analyses text or parses numbers. Each term begins with a mark, so that one field
can hold entries, described words and members, and with the length of its name, which may contain any character.
"""

import hashlib

from freezer_api.documents.search_index import PRESENT, SearchIndex, Value

MAX_TERM_LENGTH = 1024
"""Characters of a term. A longer one is cut and ends in its digest, because Lucene accepts 32,766 bytes."""

_MARKS = {"string": "s", "number": "n", "boolean": "b", "null": "0", "present": "p"}
_WORD, _MEMBER = "w", "m"


def bounded(text: str) -> str:
    """Return the text as a term, shortened if necessary. Different texts have different terms."""
    if len(text) <= MAX_TERM_LENGTH:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[: MAX_TERM_LENGTH - len(digest)]}\x1f{digest}"


word = value = bounded
"""Terms of words and of whole values, which need no mark because these have separate fields."""


def _term(mark: str, name: str, text: str) -> str:
    return bounded(f"{mark}{len(name)}:{name}={text}")


def entry(name: str, value: Value) -> str | None:
    """Return the term of a value at a name, None if no value can be equal to it."""
    return None if value == PRESENT else _term(_MARKS[value.type], name, value.text)


def described_word(path: str, word: str) -> str:
    """Return the term of a word of the text field at the path."""
    return _term(_WORD, path, word)


def member(key: str) -> str:
    """Return the term of a member's id."""
    return _term(_MEMBER, "", key)


def fields(index: SearchIndex) -> dict[str, list[str]]:
    """Return the fields for searches. ``names``: the names that have a value."""
    entries = [_term(_MARKS[value.type], name, value.text) for name, value in index.entries if value != PRESENT]
    entries += [described_word(path, word) for path, word in index.described]
    entries += map(member, index.members)
    return {
        "entries": entries,
        "names": list({bounded(name) for name, _ in index.entries}),
        "words": list(map(bounded, index.words)),
        "values": list(map(bounded, index.values)),
    }
