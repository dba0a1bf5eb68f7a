# SPDX-License-Identifier: Apache-2.0
"""Options of Keystone's middleware under their old names."""

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import logging, sys
from oslo_config import cfg
from freezer_api.keystone import options as keystone
from freezer_api.middleware.auth_token import auth_filter
logging.basicConfig()
cfg.CONF(["--config-file", sys.argv[1]], project="freezer")
auth_filter(cfg.CONF, {})(lambda _environ, _start: [])
"""


def test_middleware_knows_the_translated_options(tmp_path: Path) -> None:
    # Run in a separate process with cfg.CONF, because older releases of the middleware use no other configuration.
    file = tmp_path / "freezer.conf"
    file.write_text("[keystone_authtoken]\nauth_uri = http://127.0.0.1:1\nadmin_user = a\nadmin_password = b\n")
    command = [sys.executable, "-c", _PROGRAM, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    assert "not known" not in done.stderr
