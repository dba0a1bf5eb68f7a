"""PostgreSQL."""

from pathlib import Path

from freezer_api.repository.protocol import Repository
from tests.contract import databases


def make(_directory: Path) -> str:
    return databases.make("postgresql")


def open_repository(address: str) -> Repository:
    return databases.open_repository(address)


set_clock = databases.set_clock
