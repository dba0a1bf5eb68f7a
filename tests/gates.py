# SPDX-License-Identifier: Apache-2.0
"""python -m tests.gates: compare the coverage of the last run with its lower bounds, and list uncovered lines."""

import subprocess
import sys

_WHOLE = "freezer_api/documents/*,freezer_api/operations/*,freezer_api/repository/*"


def main() -> int:
    bounds = (["--fail-under=95"], ["--fail-under=100", "--include", _WHOLE])
    reports = [[sys.executable, "-m", "coverage", "report", *bound] for bound in bounds]
    return max(subprocess.run(report, check=False).returncode for report in reports)


if __name__ == "__main__":
    sys.exit(main())
