import json
from typing import Any

import pytest

from freezer_api.documents import backups
from freezer_api.errors import Invalid

from .json_values import is_identical, nested, unchanged

LEAST = {"backup_name": "b", "container": "c", "hostname": "h"}
REAL = {
    **LEAST,
    "time_stamp": 1459349846,
    "ssh_port": "",
    "dry_run": "",
    "encrypted": False,
    "broken_links": [],
    "level": 1,
    "status": "my own",
    "backup_id": "mine",
    "user_id": 5,
    "max_level": None,
    "size": 10**30,
    "ratio": 1.0,
}


@pytest.mark.parametrize(
    "metadata", [LEAST, REAL, {**LEAST, "": 1, ".a": {"a..b": []}}, {**LEAST, "deep": nested(60)}]
)
def test_metadata_stay_as_they_are(metadata: Any) -> None:
    with unchanged(metadata):
        assert is_identical(backups.checked(metadata), metadata)


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize("value", [None, "", 0, 5, True, {}, [], ["x"], "absent"])
def test_three_properties_are_needed(name: str, value: Any) -> None:
    metadata = {key: kept for key, kept in LEAST.items() if key != name}
    if value != "absent":
        metadata[name] = value
    with pytest.raises(Invalid) as caught:
        backups.checked(metadata)
    assert str(caught.value).startswith("Bad Data Format")
    assert name in str(caught.value)


def test_an_error_does_not_tell_long_values() -> None:
    with pytest.raises(Invalid) as caught:
        backups.checked({**LEAST, "container": ["x" * 10**6]})
    assert str(caught.value) == "Bad Data Format: A list is not of type 'string' at container"
    assert json.dumps(str(caught.value)).isascii()


def test_the_time_to_search_between() -> None:
    assert backups.BACKUPS.epoch_path == backups.TIME_STAMP
