"""What commands print."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from freezer_api.errors import CommandError


@contextmanager
def printed() -> Iterator[None]:
    """Flush stdout at the end of the block. Raises ``CommandError`` if that fails, as on a full disk."""
    try:
        yield
        # None when it was closed before the start.
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # What it still holds would be tried once more at the end of the process.
        sys.stdout = None
        raise CommandError(f"nothing can be printed: {error.strerror}") from None
