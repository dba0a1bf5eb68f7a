"""The service under servers that are not ours: the module, the old module, and files that hold ``application``."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import Service

ROOT = Path(__file__).parents[2]
PASTE = "[app:main]\npaste.app_factory = freezer_api.service:freezer_app_factory\n"


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Two configuration files, of which the second wins."""
    (tmp_path / "paste.ini").write_text(PASTE)
    (tmp_path / "a.conf").write_text("[paste_deploy]\nconfig_file = no-such.ini\n")
    (tmp_path / "b.conf").write_text("[paste_deploy]\nconfig_file = paste.ini\n")
    files = f"{tmp_path / 'a.conf'};{tmp_path / 'b.conf'}"
    return {**os.environ, "OS_FREEZER_CONFIG_FILES": files, "XDG_DATA_HOME": str(tmp_path)}


class Gunicorn(Service):
    """Somebody else's server, whose command line is none of ours."""

    variables: dict[str, str]

    def _command(self) -> list[str]:
        shown = "print('Server listening on 127.0.0.1:%s' % worker.sockets[0].getsockname()[1], flush=True)"
        settings = self.data_dir.with_suffix(".py")
        settings.write_text(f"def post_worker_init(worker):\n    {shown}\n")
        place = ["--bind", "127.0.0.1:0", "--config", str(settings), "--no-control-socket"]
        variables = [f"{name}={value}" for name, value in self.variables.items()]
        return ["env", *variables, sys.executable, "-m", "gunicorn", *place, *self.arguments]


@pytest.fixture(
    params=["freezer_api.wsgi:application", "freezer_api.wsgi:app", "freezer_api.cmd.wsgi:application"]
)
def service(request: pytest.FixtureRequest, tmp_path: Path, variables: dict[str, str]) -> Iterator[Service]:
    made = Gunicorn(tmp_path / "data", request.param)
    made.variables = variables
    yield made.start()
    made.end()


def test_a_module(service: Service) -> None:
    assert service.request("GET", "/v1/jobs") == (200, {"jobs": []})
    with urllib.request.urlopen(f"{service.url}/healthcheck") as answer:
        assert answer.read() == b"OK"


@pytest.mark.parametrize("path", ["freezer_api/cmd/wsgi.py", "bin/freezer-api-wsgi"])
def test_a_file(path: str, variables: dict[str, str]) -> None:
    program = (
        f"import runpy; names = runpy.run_path({str(ROOT / path)!r}); names['application'].__call__;"
        "print(names.get('app', names['application']) is names['application'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--an-argument", "of-the-server"],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "True\n"
    assert re.search("only loopback requests are served", done.stderr)


def test_a_server_that_tries_again_finds_what_was_put_right(variables: dict[str, str], tmp_path: Path) -> None:
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
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=True)
    first, second, last = done.stdout.splitlines()
    assert first == f"[storage] driver in {file}: nonsense is none of elasticsearch, sqlalchemy"
    assert second.startswith(f"[api] max_limit in {file}: ")
    assert last == "True"
