"""What a test needs and is not here: the test is skipped, and fails where everything has to be there."""

import os
from typing import NoReturn

import pytest


def leave_out(reason: object) -> NoReturn:
    """End the test, which asked for something that this machine does not have."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"under CI nothing may be missing: {reason}", pytrace=False)
    pytest.skip(str(reason))
