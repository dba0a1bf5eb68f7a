# SPDX-License-Identifier: Apache-2.0
"""The API tests of freezer-tempest-plugin, unmodified, on v2. They create their own projects and users."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.compat.clients.conftest import programs_of
from tests.support.keystone import PASSWORD, Keystone
from tests.support.service import Production

pytestmark = pytest.mark.slow

REQUIREMENTS = ("freezer-tempest-plugin==3.5.0", "tempest==47.0.0")
TESTS = 34
"""The number of tests in the plugin's ``tests/freezer_api``."""

_CONFIGURATION = """
[DEFAULT]
log_file = {directory}/tempest.log
[oslo_concurrency]
lock_path = {directory}
[identity]
auth_version = v3
uri_v3 = {keystone.url}
region = RegionOne
[auth]
admin_username = admin
admin_password = {password}
admin_project_name = admin
admin_domain_name = Default
tempest_roles = member
create_isolated_networks = false
[service_available]
cinder = false
glance = false
neutron = false
nova = false
swift = false
"""


def test_tempest_plugin_passes(service: Production, keystone: Keystone, tmp_path: Path) -> None:
    keystone.role("member")
    python = programs_of("freezer-tempest", REQUIREMENTS) / "python"
    (tmp_path / "tempest.conf").write_text(
        _CONFIGURATION.format(directory=tmp_path, keystone=keystone, password=PASSWORD)
    )
    find = "import freezer_tempest_plugin as plugin; print(plugin.__path__[0])"
    plugin = Path(subprocess.check_output([python, "-c", find], text=True).strip())
    done = subprocess.run(
        [python, "-m", "unittest", "discover", "--top", plugin.parent, "--start", plugin / "tests/freezer_api"],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
            "TEMPEST_CONFIG_DIR": str(tmp_path),
            "TEMPEST_CONFIG": "tempest.conf",
            "PYTHONWARNINGS": "ignore",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    ran = re.search(r"^Ran (\d+) tests in", done.stderr, re.MULTILINE)
    assert ran, done.stderr
    assert (done.returncode, int(ran[1])) == (0, TESTS), done.stderr
    assert done.stderr.endswith("\nOK\n"), "tests were skipped:\n" + done.stderr
