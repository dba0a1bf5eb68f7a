# SPDX-License-Identifier: Apache-2.0
"""Random searches of random documents: a model in plain Python returns the same documents, order, pages and total.

The model implements the description in ``documents/search_index.py`` independently. Of the service it uses only
the definitions of the kinds and the type of values in queries.
"""

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freezer_api.documents.fields import Index
from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import as_value
from freezer_api.repository import query as q
from tests.contract.asking import exactly, keys_of

SECRETS = ("password", "passphrase", "secret", "token", "private_key", "access_key")
LONG = "long " * 210
SCALARS = (
    *(None, True, False, 0, 1, 1.0, -0.0, 1.5, -7, 2**53 + 1, 2**64, 10**40, 5e-324, 1e300),
    *("", "a", "A", "a b", "b a", "Full Backup", "full-backup_9", "1", "007", "7", "true", "null", " "),
    *("é", "e\u0301", "ß", "SS", "\0", "\x1f", "\x1e", "\x1d", "\x1a", "a\x1fb", "%", "_", "*"),
    *("\N{GRINNING FACE}", "日本 語", LONG, LONG[:1024]),
)
KEYS = (
    *("x", "y", "x.y", "", ".", "*x", "$k", "os_Password", "A", "\x1f"),
    *("hostname", "description", "status", "is_central"),
)
TEXTS = (*(scalar for scalar in SCALARS if isinstance(scalar, str)), "nowhere", "j1", "1.5", str(10**40), "false")
WORDS = (
    *("a", "b", "full", "backup", "9", "ss", "é", "日本", "long"),
    *("nowhere", "true", "7", "007", "j1", "e", "\x1f"),
)
OWNERS = ("ann", "bob")
MEMBERS = ("j1", "j2", "")

scalars = st.sampled_from(SCALARS)
keys = st.sampled_from(KEYS)
values = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3), max_leaves=5
)


# ---- the model -------------------------------------------------------------------------------------------------


class ObjectOrTooLong:
    """A value that exists but that no searched value equals: an object, an empty list, or a too long value."""


def as_number(field, value):
    """Return digit strings as numbers in ``EPOCH`` fields."""
    is_digits = isinstance(value, str) and value.isascii() and value.isdigit()
    return int(value) if is_digits and field is not None and field.index is Index.EPOCH else value


def text_of(scalar):
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    if isinstance(scalar, float) and scalar.is_integer():
        return str(int(scalar))
    return scalar if isinstance(scalar, str) else repr(scalar)


def words_of(text):
    runs = itertools.groupby(text, str.isalnum)
    return {"".join(run).casefold() for is_word, run in runs if is_word}


class Read:
    """The searchable content of a document: values by name, texts, and members."""

    def __init__(self, kind, document):
        self.kind, self.document = kind, document
        self.at: dict[str, list[Any]] = defaultdict(list)
        self.texts: list[tuple[str, str]] = []
        self.aside: list[tuple[str, str]] = []
        self.members: set[str] = set()
        self._free: dict[str, dict[int, list[Any]]] = defaultdict(lambda: defaultdict(list))
        self._object(document, "", 0)
        for key, by_depth in self._free.items():
            self.at[f"*{key}"] = by_depth[min(by_depth)]

    def _object(self, value, container, depth):
        for key, item in value.items():
            path = f"{container}{key}"
            field = self.kind.paths.get(path)
            if any(secret in key.lower() for secret in SECRETS) or (field and field.index is Index.OFF):
                continue
            if field and field.index is Index.MEMBERS:
                self.at[path].append(item if item is None else ObjectOrTooLong())
                if isinstance(item, dict):
                    self.members |= item.keys()
                    self.texts += [("", text_of(leaf)) for entry in item.values() for leaf in self._leaves(entry)]
                continue
            self._value(item, path, key, depth, field)

    def _value(self, value, path, key, depth, field):
        if isinstance(value, list) and value:
            for item in value:
                self._value(item, path, key, depth, field)
            return
        bare = isinstance(value, dict | list) or len(text_of(value)) > 1024
        self._stands(ObjectOrTooLong() if bare else as_number(field, value), path, key, depth, field)
        if isinstance(value, dict):
            self._object(value, f"{path}.", depth + 1)
        elif not isinstance(value, list) and value is not None and not (field and field.hidden and field.server):
            own = self.aside if field and field.index is Index.ASIDE else self.texts
            own.append((path, text_of(value)))

    def _stands(self, value, path, key, depth, field):
        if not path.startswith("*"):
            self.at[path].append(value)
        if key not in self.kind.shown_names and not (field and field.hidden):
            self._free[key][depth].append(value)

    def _leaves(self, value):
        """Yield the scalars in a value, except secrets."""
        if isinstance(value, dict):
            for key, item in value.items():
                if not any(secret in key.lower() for secret in SECRETS):
                    yield from self._leaves(item)
        elif isinstance(value, list):
            for item in value:
                yield from self._leaves(item)
        elif value is not None:
            yield value

    def words(self, path=None):
        own = self.texts if path is None else self.texts + self.aside
        return {word for place, text in own if path in (None, place) for word in words_of(text)}

    def has_value(self, text):
        return len(text) <= 1024 and any(own == text for _, own in self.texts)

    def epoch(self):
        value, path = self.document, self.kind.epoch_path
        for key in path.split(".") if path else ("",):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        is_integer = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
        return int(value) if path and is_integer and -(2**63) <= value < 2**63 else None


def equal(left, right):
    """Return whether two values are equal in a search: 1 equals 1.0 but not true."""
    number = (int, float)
    both = isinstance(left, number) and isinstance(right, number)
    return (type(left) is type(right) or (both and bool not in (type(left), type(right)))) and left == right


@dataclass
class Asked:
    """A condition for the store, and its counterpart in the model: whether a document meets the condition."""

    condition: q.Condition
    holds: Any

    def __repr__(self):
        return repr(self.condition)


# ---- documents and queries -------------------------------------------------------------------------------------


def documents(kind):
    """Return a strategy for stored documents of a kind: ids and owners are texts, other values are arbitrary."""
    names = [
        field.name for field in kind.fields if not field.server and field.name not in ("client_id", kind.id_field)
    ]
    free = st.dictionaries(keys, values, max_size=3)
    parts = {name: _of_field(kind, name) for name in names}
    return st.builds(
        lambda some, more, project, client: {**more, **some, **project, **client},
        st.fixed_dictionaries({"user_id": st.sampled_from(OWNERS)}, optional=parts),
        free,
        st.sampled_from(({}, {"project_id": "red"}, {"project_id": "blue"})),
        _client_id(kind),
    )


def _of_field(kind, name):
    field = kind.paths[name]
    if field.index is Index.MEMBERS:
        entries = st.dictionaries(st.sampled_from(("status", "x", "my_token")), values, max_size=2)
        return st.dictionaries(st.sampled_from(MEMBERS), entries | scalars, max_size=2) | values
    if not field.fields:
        return values
    inner = [below.name for below in field.fields if f"{name}.{below.name}" not in kind.hot_paths][:12]
    below = st.dictionaries(st.sampled_from((*inner, *KEYS)), values, max_size=4)
    if name == "job_schedule":
        statuses = st.sampled_from(({}, {"status": ""}, {"status": "completed"}, {"status": "running"}))
        return st.builds(
            lambda rest, status: {**{k: rest[k] for k in rest if k != "status"}, **status}, below, statuses
        )
    return st.lists(below, max_size=2) if field.many else below


def _client_id(kind):
    some = st.sampled_from(("host", "p_host", "Host"))
    if "client_id" in kind.hot_paths:
        return st.fixed_dictionaries({}, optional={"client_id": some})
    if "client.client_id" in kind.hot_paths:
        return st.builds(lambda one, rest: {"client": {**rest, "client_id": one}}, some, _of_field(kind, "client"))
    return st.just({})


def conditions(kind):
    described = [path for path, field in kind.paths.items() if field.index in (Index.TEXT, Index.ASIDE)]
    paths = [path for path, field in kind.paths.items() if not field.server and "freezer_action." not in path]
    leaves = [*KEYS, *(path.rsplit(".", 1)[-1] for path in paths), "user_id", "project_id", kind.id_field]
    names = st.one_of(
        st.sampled_from(leaves).map(lambda name: kind.resolve(name, ())),
        st.sampled_from(("user_id", *kind.hot_paths, *paths)).map(lambda name: (name,)),
        st.sampled_from(("x.y", "x.x", "*x", "*y", "backup_metadata.x", "client.x", "freezer_action.x")).map(
            lambda name: (name,)
        ),
    )
    wanted = st.sampled_from((*SCALARS, *OWNERS, "red", "host", "completed", "k0", "k1", "k3"))
    numbers = st.sampled_from((None, -(2**70), -(2**63), -7, 0, 1, 7, 8, 2**53, 2**63 - 1, 2**64))
    leaf = st.one_of(
        st.builds(_is, names, wanted, st.just(kind)),
        st.builds(_missing, names),
        st.builds(_words, st.sampled_from((None, *described)), st.lists(st.sampled_from(WORDS), max_size=3)),
        st.builds(lambda text: Asked(q.HasValue(text), lambda read: read.has_value(text)), st.sampled_from(TEXTS)),
        st.builds(lambda one: Asked(q.HasMember(one), lambda read: one in read.members), st.sampled_from(MEMBERS)),
        st.builds(_between, numbers, numbers),
    )
    return st.recursive(leaf, _combined, max_leaves=4)


def _is(names, scalar, kind):
    field = kind.paths.get(names[0])
    meant = as_number(field, scalar)
    too_long = isinstance(scalar, str) and len(scalar) > 1024
    return Asked(
        q.Is(names, as_value(scalar, field)),
        lambda read: not too_long and any(equal(own, meant) for name in names for own in read.at.get(name, ())),
    )


def _missing(names):
    return Asked(
        q.Missing(names),
        lambda read: (
            not any(read.at.get(name) for name in names) or any(None in read.at.get(name, ()) for name in names)
        ),
    )


def _words(path, words):
    return Asked(q.HasWords(path, tuple(words)), lambda read: set(words) <= read.words(path))


def _between(after, before):
    low, high = (-(2**80) if after is None else after), (2**80 if before is None else before)
    return Asked(q.Between(after, before), lambda read: read.epoch() is not None and low <= read.epoch() <= high)


def _combined(below):
    several = st.lists(below, max_size=3)
    return st.one_of(
        below.map(lambda one: Asked(q.Not(one.condition), lambda read: not one.holds(read))),
        several.map(
            lambda some: Asked(
                q.Any(tuple(one.condition for one in some)), lambda read: any(one.holds(read) for one in some)
            )
        ),
        several.map(
            lambda some: Asked(
                q.All(tuple(one.condition for one in some)), lambda read: all(one.holds(read) for one in some)
            )
        ),
    )


# ---- the comparison --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(
    max_examples=settings().max_examples * 2 // 5,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_store_agrees_with_the_model(lasting, kind, data):
    kept = _keep(lasting, kind, data.draw(st.lists(documents(kind), min_size=1, max_size=7), label="documents"))
    try:
        for _ in range(4):
            asked = data.draw(st.lists(conditions(kind), max_size=2), label="conditions")
            exact = data.draw(st.none() | st.sampled_from(TEXTS), label="exact_first")
            _compare(lasting, kind, kept, asked, exact)
    finally:
        for key, stored in kept.items():
            lasting.delete(kind, key, stored.token)


def _keep(repository, kind, documents):
    """Store the documents, some after a replacement. Return them by key in the order of creation."""
    kept = {}
    for number, document in enumerate(documents):
        key = f"k{number * 5 % 7}"
        if kind.keyed_by_id:
            document[kind.id_field] = key
        if number % 3 == 1:
            first = repository.create(kind, key, {"user_id": "bob", "x": "a"})
            kept[key] = repository.replace(kind, key, document, first.token)
        else:
            kept[key] = repository.create(kind, key, document)
    return kept


def _compare(repository, kind, kept, asked, exact):
    wanted = tuple(one.condition for one in asked)
    reads = {key: Read(kind, stored.document) for key, stored in kept.items()}
    fitting = [key for key in kept if all(one.holds(reads[key]) for one in asked)]
    if exact is not None:
        fitting.sort(key=lambda key: not reads[key].has_value(exact))
    whole = repository.search(kind, q.Query(wanted, exact, limit=50, with_total=True))

    assert keys_of(whole) == fitting
    assert (whole.total, whole.next) == (len(fitting), None)
    assert all(exactly(stored.document, kept[stored.key].document) for stored in whole.items)
    assert list(whole.items) == [kept[key] for key in fitting]
    assert _pages_by_offset(repository, kind, q.Query(wanted, exact, limit=2)) == fitting
    assert _pages_by_marker(repository, kind, q.Query(wanted, exact, limit=3, with_total=True)) == fitting


def _pages_by_offset(repository, kind, query):
    found = []
    while page := keys_of(
        repository.search(kind, q.Query(query.conditions, query.exact_first, query.limit, len(found)))
    ):
        found += page
    return found


def _pages_by_marker(repository, kind, query):
    found, after = [], None
    while True:
        page = repository.search(kind, q.Query(query.conditions, query.exact_first, query.limit, after=after))
        found += keys_of(page)
        after = page.next
        if after is None:
            return found
