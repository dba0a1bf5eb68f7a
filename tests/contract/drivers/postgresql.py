"""PostgreSQL."""

from pathlib import Path

from freezer_api.repository.protocol import Repository
from tests.contract import servers


def make(_directory: Path) -> str:
    return servers.make("postgresql")


def open_repository(address: str) -> Repository:
    return servers.open_repository(address)
