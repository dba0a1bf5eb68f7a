"""Each fault of the original that could be repeated is pinned: a test or a conversation is named after it."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]

FAULTS = range(1, 105)
"""The numbers of upstream-faults.md."""


def _pinned() -> set[int]:
    texts = [path.read_text(encoding="utf-8") for suffix in ("py", "yaml") for path in TESTS.rglob(f"*.{suffix}")]
    return {int(number) for text in texts for number in re.findall(r"fault_([0-9]+)", text)}


def test_every_fault_is_pinned() -> None:
    assert _pinned() == set(FAULTS)
