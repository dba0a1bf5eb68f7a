"""Old names in ``[keystone_authtoken]``."""

import sys
import warnings
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.errors import StartFailed
from tests.deployers import DEPLOYERS

with warnings.catch_warnings():
    # WebOb, which keystonemiddleware is made of, needs a module that Python means to drop.
    warnings.simplefilter("ignore", DeprecationWarning)
    from freezer_api import keystone


def _uri(conf: cfg.ConfigOpts, made: dict[str, str]) -> str:
    """Where a caller is sent. Some releases of the middleware take it from the old name themselves."""
    return made.pop("www_authenticate_uri", conf.keystone_authtoken.www_authenticate_uri)


def _conf(tmp_path: Path, section: str) -> cfg.ConfigOpts:
    file = tmp_path / "freezer.conf"
    file.write_text(f"[keystone_authtoken]\n{section}\n")
    return _read(file)


def _read(file: Path) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(file)], project="freezer")
    return conf


def test_a_file_of_the_first_era() -> None:
    conf = _read(DEPLOYERS / "e1-freezer-api.conf")
    made = keystone.options(conf)
    assert _uri(conf, made) == "http://127.0.0.1:5000/v3"
    assert made == {
        "auth_type": "password",
        "auth_url": "http://127.0.0.1:35357",
        "username": "freezer",
        "password": "placeholder",
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }


def test_without_a_url_host_port_and_protocol_make_one(tmp_path: Path) -> None:
    conf = _conf(tmp_path, "admin_user = a\nauth_protocol = http\nauth_host = keystone\nauth_port = 5000")
    made = keystone.options(conf)
    assert (made["auth_url"], made["password"], made["project_name"]) == ("http://keystone:5000", "", "admin")
    made = keystone.options(_conf(tmp_path, "admin_user = a"))
    assert made["auth_url"] == "https://127.0.0.1:35357"


def test_todays_names_win(tmp_path: Path) -> None:
    conf = _conf(tmp_path, "auth_uri = old\nwww_authenticate_uri = new\nadmin_user = a\nauth_type = password")
    assert keystone.options(conf) == {}
    conf = _conf(tmp_path, "auth_uri = old")
    made = keystone.options(conf)
    assert (_uri(conf, made), made) == ("old", {})
    assert keystone.options(_conf(tmp_path, "www_authenticate_uri = new\nauth_type = password")) == {}


def test_a_request_waits_no_longer_than_its_caller(tmp_path: Path) -> None:
    conf = _conf(tmp_path, "")
    keystone.register(conf)
    seconds, tries = conf.keystone_authtoken.http_connect_timeout, conf.keystone_authtoken.http_request_max_retries
    assert seconds * (tries + 1) < 10
    assert conf.keystone_authtoken.service_token_roles_required
    conf = _conf(tmp_path, "http_connect_timeout = 30")
    keystone.register(conf)
    assert conf.keystone_authtoken.http_connect_timeout == 30


@pytest.mark.parametrize(
    ("option", "of_the_file", "module", "package"),
    [
        ("memcached_servers = 127.0.0.1", {}, "memcache", "python-memcached"),
        ("memcached_servers = 127.0.0.1", {"memcache_tls_enabled": "no"}, "memcache", "python-memcached"),
        ("memcached_servers = ::1", {"memcache_tls_enabled": "true"}, "bmemcached", "python-binary-memcached"),
        ("memcache_security_strategy = ENCRYPT", {}, "cryptography", "cryptography"),
    ],
)
def test_a_package_that_every_request_needs_is_named_at_the_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    of_the_file: dict[str, str],
    module: str,
    package: str,
) -> None:
    # As where it is not installed.
    monkeypatch.setitem(sys.modules, module, None)
    conf = _conf(tmp_path, f"{option}\nauth_type = password\nauth_url = http://127.0.0.1:1")
    name = option.partition(" ")[0]
    with pytest.raises(StartFailed) as refused:
        keystone.auth_filter(conf, of_the_file)
    assert str(refused.value) == (
        f"[keystone_authtoken] {name} in {tmp_path}/freezer.conf: "
        f"needs the package {package}, which is not installed"
    )
