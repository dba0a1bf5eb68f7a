"""Engines in a process that forks."""

import os
import weakref
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.pool import Pool

LEFT_TO_PARENT: list[Pool] = []
"""Pools from before a fork. They are the parent's; the child may not even close them, so they are kept."""


def start_anew_after_fork(engine: Engine) -> None:
    """Have forked processes start with no connection of this engine."""
    os.register_at_fork(after_in_child=partial(leave_to_parent, weakref.ref(engine)))


def leave_to_parent(held: "weakref.ref[Engine]") -> None:
    """In a forked process: start anew; connections that are open are left untouched."""
    engine = held()
    if engine is not None:
        LEFT_TO_PARENT.append(engine.pool)
        engine.dispose(close=False)
