"""Options of the middleware by their old names."""

import subprocess
import sys
from pathlib import Path

_MADE_BY_A_SERVICE = """
import logging, sys
from oslo_config import cfg
from freezer_api.keystone import options as keystone
from freezer_api.middleware.auth_token import auth_filter
logging.basicConfig()
cfg.CONF(["--config-file", sys.argv[1]], project="freezer")
auth_filter(cfg.CONF, {})(lambda _environ, _start: [])
"""


def test_the_middleware_does_not_complain_of_what_old_names_mean(tmp_path: Path) -> None:
    """In a process of its own, with cfg.CONF: older releases of the middleware take no other once it was read."""
    file = tmp_path / "freezer.conf"
    file.write_text("[keystone_authtoken]\nauth_uri = http://127.0.0.1:1\nadmin_user = a\nadmin_password = b\n")
    command = [sys.executable, "-c", _MADE_BY_A_SERVICE, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert "not known" not in done.stderr
