"""The table of errors knows all that a request can raise."""

from collections.abc import Iterator

from freezer_api import errors
from freezer_api.api.errors import TABLE

AT_START = {errors.StartFailed}
ONLY_SUBCLASSES_ARE_RAISED = {errors.LimitReached}


def _below(error: type[errors.FreezerError]) -> Iterator[type[errors.FreezerError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _below(subclass)


def test_every_error_has_its_status() -> None:
    ours = {error for error in _below(errors.FreezerError) if error.__module__ == errors.__name__}
    assert set(TABLE) == ours - AT_START - ONLY_SUBCLASSES_ARE_RAISED
