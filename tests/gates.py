"""python -m tests.gates: holds the coverage of the last run to its bounds, and says what has none.

Where servers were left out, their driver is not held to anything.
"""

import subprocess
import sys
from pathlib import Path

LEFT_OUT = Path(".coverage-left-out")
"""Made by a run without all servers."""

_SEARCH = "freezer_api/repository/elastic/*"
_WHOLE = "freezer_api/documents/*,freezer_api/operations/*,freezer_api/repository/*"


def main() -> int:
    omitted = ["--omit", _SEARCH] if LEFT_OUT.exists() else []
    if omitted:
        sys.stderr.write("Search servers were left out: the coverage of their driver is not looked at\n")
    bounds = (["--fail-under=95"], ["--fail-under=100", "--include", _WHOLE])
    reports = [[sys.executable, "-m", "coverage", "report", *bound, *omitted] for bound in bounds]
    return max(subprocess.run(report, check=False).returncode for report in reports)


if __name__ == "__main__":
    sys.exit(main())
