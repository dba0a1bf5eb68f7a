# SPDX-License-Identifier: Apache-2.0
"""Run commands of the shell ``freezer`` or ``openstack`` in its own environment. The argument is its module.

Reads command lines from stdin, each a JSON list, and prints a JSON object for each: exit code, stdout, stderr. One
process runs all of them, because the start of the client takes longer than a command.
"""

import contextlib
import importlib
import io
import json
import sys

shell = importlib.import_module(sys.argv[1])

for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        # The library cliff keeps the stdout and stderr that exist when it is imported.
        code = shell.main(json.loads(line))
    print(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}), flush=True)
