# SPDX-License-Identifier: Apache-2.0
"""A clock for tests."""


class Clock:
    """A clock that only the test advances. ``now`` is in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
