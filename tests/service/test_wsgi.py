# SPDX-License-Identifier: Apache-2.0
"""The service under WSGI servers: modules and files that hold ``application``, and a failed start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import OPEN_PASTE

ROOT = Path(__file__).parents[2]


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Set the variable that selects two configuration files, of which the second takes precedence."""
    (tmp_path / "paste.ini").write_text(OPEN_PASTE)
    (tmp_path / "a.conf").write_text("[paste_deploy]\nconfig_file = no-such.ini\n")
    (tmp_path / "b.conf").write_text("[paste_deploy]\nconfig_file = paste.ini\n")
    files = f"{tmp_path / 'a.conf'};{tmp_path / 'b.conf'}"
    return {**os.environ, "OS_FREEZER_CONFIG_FILES": files, "XDG_DATA_HOME": str(tmp_path)}


LOAD = """
import runpy, sys
from wsgiref.util import setup_testing_defaults
name = sys.argv[1]
names = (runpy.run_path if "/" in name else runpy.run_module)(name)
assert names.get("app", names["application"]) is names["application"]
for path in ("/v1/jobs", "/healthcheck"):
    environ = {"PATH_INFO": path, "REMOTE_ADDR": "127.0.0.1"}
    setup_testing_defaults(environ)
    print(b"".join(names["application"](environ, lambda *_: None)).decode())
"""


@pytest.mark.parametrize(
    "name",
    [
        "freezer_api.wsgi",
        "freezer_api.cmd.wsgi",
        f"{ROOT}/freezer_api/cmd/wsgi.py",
        f"{ROOT}/bin/freezer-api-wsgi",
    ],
)
def test_wsgi_application_serves(name: str, variables: dict[str, str]) -> None:
    # The service must not parse the command line of the server.
    command = [sys.executable, "-c", LOAD, name, "--an-argument"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == '{"jobs":[]}\nOK\n'
    assert "only loopback requests are served" in done.stderr


def test_import_after_a_failed_one_reads_the_files_again(variables: dict[str, str], tmp_path: Path) -> None:
    program = """
import pathlib, sys
file = pathlib.Path(sys.argv[1])
good = file.read_text()
for text in ("[storage]\\ndriver = nonsense\\n" + good, "[api]\\nmax_limit = x\\n", good):
    file.write_text(text)
    try:
        import freezer_api.wsgi
    except Exception as error:
        print(error)
print(freezer_api.wsgi.application is not None)
"""
    file = tmp_path / "b.conf"
    command = [sys.executable, "-c", program, str(file)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300, check=True)
    first, second, last = done.stdout.splitlines()
    assert first == f"[storage] driver in {file}: nonsense is not one of elasticsearch, sqlalchemy"
    assert second.startswith(f"[api] max_limit in {file}: ")
    assert last == "True"
