"""A shell, ``freezer`` or ``openstack``: the module that is named. Run by its own environment.

Reads command lines from stdin, each a JSON list, and prints a JSON object for each: exit code, stdout, stderr. One
process for all of them, as a start of the client takes longer than its command.
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
        # cliff takes stdout when it starts, and logs to the stderr of that moment.
        code = shell.main(json.loads(line))
    print(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}), flush=True)
