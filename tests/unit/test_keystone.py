"""Old names in ``[keystone_authtoken]``."""

import sys
import warnings
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.errors import ConfigurationError
from tests.compat.deployers import DEPLOYERS

with warnings.catch_warnings():
    # WebOb, which keystonemiddleware is made of, needs a module that Python means to drop.
    warnings.simplefilter("ignore", DeprecationWarning)
    from freezer_api.keystone import options as keystone
    from freezer_api.middleware.auth_token import auth_filter


def _conf(tmp_path: Path, section: str) -> cfg.ConfigOpts:
    file = tmp_path / "freezer.conf"
    file.write_text(f"[keystone_authtoken]\n{section}\n")
    return _read(file)


def _read(file: Path) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(file)], project="freezer")
    return conf


ACCOUNT = ("auth_type", "auth_url", "username", "password", "project_name")
DOMAINS = ("user_domain_name", "project_domain_name")


def _account(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    keystone.register(conf)
    group = conf.keystone_authtoken
    assert {group[name] for name in DOMAINS} == {"Default"}
    return tuple(group[name] for name in ACCOUNT)


def test_a_file_of_the_first_era() -> None:
    conf = _read(DEPLOYERS / "e1-freezer-api.conf")
    assert _account(conf) == ("password", "http://127.0.0.1:35357", "freezer", "placeholder", "service")
    assert conf.keystone_authtoken.www_authenticate_uri == "http://127.0.0.1:5000/v3"


def test_without_a_url_host_port_and_protocol_make_one(tmp_path: Path) -> None:
    conf = _conf(tmp_path, "admin_user = a\nauth_protocol = http\nauth_host = keystone\nauth_port = 5000")
    assert _account(conf) == ("password", "http://keystone:5000", "a", "", "admin")
    assert _account(_conf(tmp_path, "admin_user = a"))[1] == "https://127.0.0.1:35357"


def test_a_password_is_taken_as_it_is(tmp_path: Path) -> None:
    assert _account(_conf(tmp_path, "admin_user = a\nadmin_password = a$$b"))[3] == "a$b"


def test_todays_names_win(tmp_path: Path) -> None:
    section = "auth_uri = old\nwww_authenticate_uri = new\nadmin_user = a\nauth_type = password"
    for lines, uri in ((section, "new"), ("auth_uri = old", "old"), ("www_authenticate_uri = new", "new")):
        conf = _conf(tmp_path, lines)
        keystone.register(conf)
        assert conf.keystone_authtoken.www_authenticate_uri == uri
        assert "username" not in conf.keystone_authtoken


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
    with pytest.raises(ConfigurationError) as refused:
        auth_filter(conf, of_the_file)
    assert str(refused.value) == (
        f"[keystone_authtoken] {name} in {tmp_path}/freezer.conf: "
        f"needs the package {package}, which is not installed"
    )


@pytest.mark.parametrize(
    ("text", "settings", "refused"),
    [
        ("", {}, "keystone_authtoken"),
        ("www_authenticate_uri = http://127.0.0.1:1", {}, "keystone_authtoken"),
        ("admin_token = secret", {}, "keystone_authtoken"),
        ("auth_section = account", {}, "account"),
        ("", {"auth_section": "account"}, "account"),
        ("auth_type = password", {}, None),
        ("auth_plugin = password", {}, None),
        ("admin_user = freezer", {}, None),
        ("auth_section = account\n[account]\nauth_type = password", {}, None),
        ("[account]\nauth_type = password", {"auth_section": "account"}, None),
        ("", {"auth_type": "password"}, None),
        ("", {"auth_plugin": "password"}, None),
    ],
)
def test_authtoken_without_auth_type_is_refused(
    tmp_path: Path, text: str, settings: dict[str, str], refused: str | None
) -> None:
    conf = _conf(tmp_path, text)
    if refused is None:
        auth_filter(conf, settings)
        return
    with pytest.raises(ConfigurationError) as error:
        auth_filter(conf, settings)
    assert str(error.value) == (
        f"[{refused}] auth_type: must be set, usually to password: the authtoken filter needs an account"
    )


@pytest.mark.parametrize("file", sorted(DEPLOYERS.glob("*freezer*.conf")))
def test_no_file_of_a_deployer_lacks_auth_type(file: Path) -> None:
    auth_filter(_read(file), {})
