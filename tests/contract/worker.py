# SPDX-License-Identifier: Apache-2.0
"""Make calls to a store: read batches of calls from stdin, and write their results to stdout.

python -m tests.contract.worker <driver>
"""

import pickle
import sys
from typing import Any

from freezer_api.documents.registry import KINDS
from freezer_api.errors import FreezerError
from freezer_api.repository.protocol import Repository
from tests.contract.drivers import Driver, find_driver

BY_NAME = {kind.name: kind for kind in KINDS}


def _outcome(repository: Repository, method: str, kind: str, *arguments: Any) -> Any:
    try:
        return getattr(repository, method)(BY_NAME[kind], *arguments)
    except FreezerError as error:
        return type(error).__name__


def _serve(driver: Driver) -> None:
    opened: dict[str, Repository] = {}
    while True:
        try:
            address, calls, one_by_one = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        repository = opened.get(address) or opened.setdefault(address, driver.open_repository(address))
        outcomes = []
        for call in calls:
            outcomes.append(_outcome(repository, *call))
            if one_by_one:
                pickle.dump(outcomes.pop(), sys.stdout.buffer)
                sys.stdout.buffer.flush()
        pickle.dump(outcomes, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    for repository in opened.values():
        repository.close()


if __name__ == "__main__":
    _serve(find_driver(sys.argv[1]))
