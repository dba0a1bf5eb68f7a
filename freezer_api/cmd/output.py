# SPDX-License-Identifier: Apache-2.0
"""Print the output of commands."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from freezer_api.errors import CommandError


@contextmanager
def printed() -> Iterator[None]:
    """Flush stdout at the end of the block. Raises ``CommandError`` if that fails, as on a full disk."""
    try:
        yield
        # stdout is None if it was closed before the process started.
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # Set stdout to None, because otherwise the process would try to write its buffer again at its end.
        sys.stdout = None
        raise CommandError(f"cannot write to stdout: {error.strerror}") from None
