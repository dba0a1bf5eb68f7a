# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin that selects tests by store (``--stores``) and runs all tests of a server in one worker."""

from collections.abc import Iterable, Sequence

import pytest
from _pytest.mark import ParameterSet

SEARCH = ("elasticsearch8", "elasticsearch9", "opensearch2", "opensearch3")
SQL = ("mariadb", "postgresql")
STORES = ("sqlite", *SEARCH, *SQL)

_SERVERS = (*SEARCH, "keystone", *SQL)
"""The servers, in the order of their start-up time, the slowest first."""


def on(*stores: str, slow: Iterable[str] = ()) -> list[ParameterSet]:
    """Return pytest parameters for these stores.

    Stores in ``slow`` are used only by ``make test-matrix``, or if ``--stores`` lists them.
    """
    return [pytest.param(name, id=name, marks=pytest.mark.store(name, slow=name in slow)) for name in stores]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stores",
        metavar="STORE,...",
        type=_stores,
        help=f"run the tests of these stores only, on each of them: {', '.join(STORES)}",
    )


def pytest_configure(config: pytest.Config) -> None:
    for name in ("sqlite", *_SERVERS):
        config.addinivalue_line("markers", f"{name}: needs this store or server; set by tests.support.needs")


def _stores(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(STORES):
        raise pytest.UsageError(f"--stores: unknown {', '.join(sorted(unknown))}; known are {', '.join(STORES)}")
    return names


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the test with the name of each server that it needs, and group the tests of a server."""
    stores = list(item.iter_markers("store"))
    fixtures = getattr(item, "fixturenames", ())
    needs = [str(mark.args[0]) for mark in stores]
    if not stores and "search_servers" in fixtures:
        needs.append("elasticsearch9")
    if "keystone" in fixtures:
        needs.append("keystone")
    for name in needs:
        item.add_marker(name)
    if item.config.getoption("stores") is None and any(mark.kwargs.get("slow") for mark in stores):
        item.add_marker("slow")
    if group := next((name for name in _SERVERS if name in needs), None):
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select the tests of the stores in ``--stores``, and tests marked ``any_store`` on SQLite only."""
    chosen: Sequence[str] | None = config.getoption("stores")
    excluded = set() if chosen is None else set(STORES) - set(chosen)
    deselected = {item for item in items if _is_repeated(item) or excluded & {m.name for m in item.iter_markers()}}
    if deselected:
        config.hook.pytest_deselected(items=list(deselected))
        items[:] = [item for item in items if item not in deselected]


def _is_repeated(item: pytest.Item) -> bool:
    """Return whether to deselect the test: its result does not depend on the store, so it runs on SQLite only."""
    stores = {mark.args[0] for mark in item.iter_markers("store")}
    return item.get_closest_marker("any_store") is not None and bool(stores - {"sqlite"})
