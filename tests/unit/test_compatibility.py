# SPDX-License-Identifier: Apache-2.0
"""The tests and the page about the original's faults cite the same numbers."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "doc/source/contributor/compatibility/faults.rst"


def _numbers(pattern: str, *paths: Path) -> set[int]:
    return {int(number) for path in paths for number in re.findall(pattern, path.read_text(encoding="utf-8"))}


def test_each_fault_of_the_page_has_a_test_and_no_other_is_cited() -> None:
    tests = [path for suffix in ("py", "yaml") for path in (ROOT / "tests").rglob(f"*.{suffix}")]
    assert _numbers(r"fault_([0-9]+)", *tests) == _numbers(r"(?m)^_`fault-([0-9]+)`$", PAGE)
