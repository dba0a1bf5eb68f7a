# SPDX-License-Identifier: Apache-2.0
"""Every command reports an invalid option with its file in one line, and warns of obsolete options."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import MANAGE, OPEN_PASTE, PRODUCTION

WSGI = (sys.executable, "-c", "import freezer_api.wsgi")
STARTS = {"freezer-api": PRODUCTION, "freezer-manage": (*MANAGE, "db", "show"), "wsgi": WSGI}
WRONG = [
    ("[elasticsearch]\nhosts = http://127.0.0.1:1\nnumber_of_replicas = -1", "[elasticsearch] number_of_replicas"),
    pytest.param("[storage]\ndriver = sqlachemy", "[storage] driver", marks=pytest.mark.slow),
    pytest.param("[DEFAULT]\ndebug = maybe", "[DEFAULT] debug", marks=pytest.mark.slow),
    pytest.param("[DEFAULT]\nhost_href = x\n[api", "", marks=pytest.mark.slow),
]


def _started(how: str, file: Path) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "OS_FREEZER_CONFIG_FILES": str(file), "HOME": str(file.parent)}
    return subprocess.run(STARTS[how], capture_output=True, text=True, timeout=300, check=False, env=variables)


@pytest.mark.parametrize("how", STARTS)
@pytest.mark.parametrize(("text", "option"), WRONG)
def test_invalid_value_is_reported_in_one_line(tmp_path: Path, how: str, text: str, option: str) -> None:
    file = tmp_path / "freezer.conf"
    file.write_text(f"{text}\n")
    done = _started(how, file)
    assert (done.returncode, done.stdout) == (1, "")
    if option:
        reason = f"{option} in {file}: "
    else:
        reason = f"the configuration file {file} cannot be used: line 3: Invalid section (must end with ])"
    who = "freezer-api" if how == "wsgi" else how
    line, *traceback = done.stderr.splitlines()
    assert line.startswith(f"{who}: {reason}")
    assert bool(traceback) == (how == "wsgi")


LIBRARIES = [
    ("[keystone_authtoken]\ntoken_cache_time = x", "[keystone_authtoken] token_cache_time in {}: invalid literal"),
    ("[healthcheck]\ndetailed = x", "[healthcheck] detailed in {}: Unexpected boolean value 'x'"),
    ("[healthcheck]\nbackends = no_such", "[healthcheck] cannot be used: unknown backend no_such"),
    ("[healthcheck]\nallowed_source_ranges = x", "[healthcheck] cannot be used: 'x' does not appear"),
    ("[healthcheck]\nbackends = disable_by_file,enable_by_files", "[healthcheck] cannot be used: "),
    ("[oslo_policy]\nenforce_new_defaults = x", "[oslo_policy] enforce_new_defaults in {}: Unexpected boolean"),
    ("[oslo_middleware]\nenable_proxy_headers_parsing = x", "[oslo_middleware] enable_proxy"),
    ("[DEFAULT]\ndefault_log_levels = x", "cannot log as configured: "),
    ("[DEFAULT]\nuse_syslog = true\nsyslog_log_facility = x", "cannot log as configured: syslog facility must be"),
    ("[DEFAULT]\nlog_config_append = /no/such", "cannot log as configured: "),
]


@pytest.mark.parametrize(("text", "reason"), LIBRARIES)
@pytest.mark.slow
def test_invalid_option_of_a_library_is_reported_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "freezer.conf"
    file.write_text(f"{text}\n")
    done = _started("freezer-api", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(f"freezer-api: {reason.format(file)}")


@pytest.mark.parametrize("how", ["freezer-manage", pytest.param("wsgi", marks=pytest.mark.slow)])
def test_obsolete_options_are_reported_as_warnings(tmp_path: Path, how: str) -> None:
    paste = tmp_path / "paste.ini"
    paste.write_text(OPEN_PASTE)
    file = tmp_path / "freezer.conf"
    file.write_text(
        "[DEFAULT]\nhost_href = http://user:secret@h\nverbose = true\nwatch_log_file = true\n"
        f"publish_errors = true\n[paste_deploy]\nconfig_file = {paste}\n"
        f"[database]\nmin_pool_size = secret\nconnection = sqlite:///{tmp_path}/f.sqlite\n"
    )
    done = _started(how, file)
    assert done.returncode == 0, done.stderr
    old = ("[DEFAULT] host_href", "[DEFAULT] verbose", "[DEFAULT] watch_log_file", "[database] min_pool_size")
    for name in old:
        assert done.stderr.count(f"{name} in {file} is ignored") == 1
    assert "publish_errors needs the package oslo.messaging" in done.stderr
    assert "secret" not in done.stderr
