"""Old names in ``[keystone_authtoken]``."""

import logging
import warnings
from pathlib import Path

import pytest
from oslo_config import cfg

from tests.deployers import DEPLOYERS

with warnings.catch_warnings():
    # WebOb, which keystonemiddleware is made of, needs a module that Python means to drop.
    warnings.simplefilter("ignore", DeprecationWarning)
    from freezer_api import keystone


def _conf(tmp_path: Path, section: str) -> cfg.ConfigOpts:
    file = tmp_path / "freezer.conf"
    file.write_text(f"[keystone_authtoken]\n{section}\n")
    return _read(file)


def _read(file: Path) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(file)], project="freezer")
    return conf


def test_a_file_of_the_first_era(caplog: pytest.LogCaptureFixture) -> None:
    assert keystone.options(_read(DEPLOYERS / "old-names.conf")) == {
        "www_authenticate_uri": "http://127.0.0.1:5000/v3",
        "auth_type": "password",
        "auth_url": "http://127.0.0.1:35357",
        "username": "freezer",
        "password": "placeholder",
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "admin_user" in record.getMessage()
    # The names, not what they are set to.
    assert "placeholder" not in record.getMessage()


def test_without_a_url_host_port_and_protocol_make_one(tmp_path: Path) -> None:
    conf = _conf(tmp_path, "admin_user = a\nauth_protocol = http\nauth_host = keystone\nauth_port = 5000")
    made = keystone.options(conf)
    assert (made["auth_url"], made["password"], made["project_name"]) == ("http://keystone:5000", "", "admin")
    made = keystone.options(_conf(tmp_path, "admin_user = a"))
    assert made["auth_url"] == "https://127.0.0.1:35357"


def test_todays_names_win(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    conf = _conf(tmp_path, "auth_uri = old\nwww_authenticate_uri = new\nadmin_user = a\nauth_type = password")
    assert keystone.options(conf) == {}
    assert keystone.options(_conf(tmp_path, "auth_uri = old")) == {"www_authenticate_uri": "old"}
    caplog.clear()
    assert keystone.options(_conf(tmp_path, "www_authenticate_uri = new\nauth_type = password")) == {}
    assert not caplog.records


def test_a_request_waits_no_longer_than_its_caller(tmp_path: Path) -> None:
    conf = _conf(tmp_path, "")
    keystone.register(conf)
    seconds, tries = conf.keystone_authtoken.http_connect_timeout, conf.keystone_authtoken.http_request_max_retries
    assert seconds * (tries + 1) < 10
    conf = _conf(tmp_path, "http_connect_timeout = 30")
    keystone.register(conf)
    assert conf.keystone_authtoken.http_connect_timeout == 30
