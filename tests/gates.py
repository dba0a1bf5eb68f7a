"""python -m tests.gates: holds the coverage of the last run to its bounds, and says what has none.

Where servers were left out, their driver is not held to anything.
"""

import subprocess
import sys
from pathlib import Path

LEFT_OUT = Path(".coverage-left-out")
SQL_LEFT_OUT = Path(".coverage-sql-left-out")
"""Made by a run without all search servers, and without all database servers."""

_SEARCH = "freezer_api/repository/elastic/*"
_SQL = ",".join(f"freezer_api/repository/sql/{name}.py" for name in ("dialects", "servers", "mysql", "postgresql"))
_WHOLE = "freezer_api/documents/*,freezer_api/operations/*,freezer_api/repository/*"


def main() -> int:
    left_out = [files for mark, files in ((LEFT_OUT, _SEARCH), (SQL_LEFT_OUT, _SQL)) if mark.exists()]
    omitted = ["--omit", ",".join(left_out)] if left_out else []
    if omitted:
        sys.stderr.write(f"Servers were left out: the coverage of {omitted[1]} is not looked at\n")
    bounds = (["--fail-under=95"], ["--fail-under=100", "--include", _WHOLE])
    reports = [[sys.executable, "-m", "coverage", "report", *bound, *omitted] for bound in bounds]
    return max(subprocess.run(report, check=False).returncode for report in reports)


if __name__ == "__main__":
    sys.exit(main())
