# SPDX-License-Identifier: Apache-2.0
"""python -m tests.gates: hold the coverage of the last run to its bounds, and list what is not covered."""

import subprocess
import sys

_WHOLE = "freezer_api/documents/*,freezer_api/operations/*,freezer_api/repository/*"


def main() -> int:
    bounds = (["--fail-under=95"], ["--fail-under=100", "--include", _WHOLE])
    reports = [[sys.executable, "-m", "coverage", "report", *bound] for bound in bounds]
    return max(subprocess.run(report, check=False).returncode for report in reports)


if __name__ == "__main__":
    sys.exit(main())
