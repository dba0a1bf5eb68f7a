# SPDX-License-Identifier: Apache-2.0
"""Objects that a forked process has to renew."""

import os
import weakref
from collections.abc import Callable
from typing import TypeVar

_Owner = TypeVar("_Owner")


def call_after_fork(renew: Callable[[_Owner], None], owner: _Owner) -> None:
    """Call ``renew(owner)`` in each forked process, as long as the owner exists."""
    reference = weakref.ref(owner)

    def _call() -> None:
        existing = reference()
        if existing is not None:
            renew(existing)

    os.register_at_fork(after_in_child=_call)
