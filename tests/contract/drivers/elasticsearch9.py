"""Elasticsearch 9."""

from pathlib import Path

from freezer_api.repository.protocol import Repository
from tests.contract import elastic


def make(_directory: Path) -> str:
    return elastic.make("elasticsearch", "9")


def open_repository(address: str) -> Repository:
    return elastic.open_repository(address)


set_clock = elastic.set_clock
