# SPDX-License-Identifier: Apache-2.0
"""Documents are moved from the embedded store to a server and back, unchanged and in their order."""

from contextlib import closing
from pathlib import Path

import pytest

from freezer_api.documents.registry import KINDS
from freezer_api.operations.scoped import iterate_all
from freezer_api.repository.protocol import Original
from tests.commands.command import configured
from tests.contract.asking import exactly
from tests.contract.drivers import find_driver
from tests.contract.elastic import PREFIX
from tests.contract.test_documents import DOCUMENTS
from tests.support.needs import SEARCH, on

KEYS = ["plain", "_id", "a.b-c_d", "A", "B", "z" * 255, "ann_node1.example.org", "0", "~", "%2F", "a b", "/"]

ORIGINALS = [
    Original(
        KEYS[number % len(KEYS)] + str(number), document, 1 + number * 1000, 1_700_000_000_000_000 - number // 2
    )
    for number, document in enumerate(DOCUMENTS.values())
]
"""Documents of every shape, of which two have the same time of creation, the later ones with earlier times."""


def _contents(driver, address):
    """Return key, document, version and time of creation of every document of each kind, in order."""
    with closing(driver.open_repository(address)) as repository:
        return {
            kind.name: [(s.key, s.document, s.version, s.created) for s in iterate_all(repository, kind)]
            for kind in KINDS
        }


def _config(name: str, address: str, file: Path) -> tuple[str, ...]:
    if name in SEARCH:
        return configured(file, f"[elasticsearch]\nhosts = {address}\nindex = {PREFIX}\n")
    return configured(
        file, f"[database]\nconnection = {address if '://' in address else f'sqlite:///{address}'}\n"
    )


@pytest.mark.parametrize("name", on("elasticsearch9", "mariadb", "postgresql"))
def test_move_to_a_server_and_back_keeps_every_document(manage, tmp_path, name):
    embedded, server = find_driver("sqlite"), find_driver(name)
    (tmp_path / "first").mkdir()
    (tmp_path / "last").mkdir()
    stores = [
        ("sqlite", embedded, embedded.make(tmp_path / "first")),
        (name, server, server.make(tmp_path)),
        ("sqlite", embedded, embedded.make(tmp_path / "last")),
    ]
    with closing(embedded.open_repository(stores[0][2])) as repository:
        for kind in KINDS:
            assert all(repository.restore(kind, ORIGINALS))
    expected = _contents(embedded, stores[0][2])
    assert len(expected["jobs"]) == len(ORIGINALS)

    exports = []
    for number, (store, driver, address) in enumerate(stores):
        config = _config(store, address, tmp_path / f"{number}.conf")
        if exports:
            done = manage(*config, "import", "--from-export", str(exports[-1]))
            assert done.code == 0, done.stderr
            assert done.stdout.count(f": {len(ORIGINALS)} new, 0 existing, 0 different\n") == len(KINDS)
            again = manage(*config, "import", "--from-export", str(exports[-1]))
            assert again.stdout.count(f": 0 new, {len(ORIGINALS)} existing, 0 different\n") == len(KINDS)
        exports.append(tmp_path / f"{number}.jsonl")
        assert manage(*config, "export", str(exports[-1])).code == 0
        assert exactly(_contents(driver, address), expected)
    assert len({export.read_bytes() for export in exports}) == 1
