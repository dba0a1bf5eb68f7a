# SPDX-License-Identifier: Apache-2.0
"""The options of ``[keystone_authtoken]``: old names, defaults and required options."""

import sys
import warnings

import pytest
from oslo_config import cfg

from freezer_api.errors import ConfigurationError
from tests.compat.deployers import DEPLOYERS
from tests.unit.conftest import ReadConfig

with warnings.catch_warnings():
    # WebOb, which keystonemiddleware imports, uses a module that Python 3.13 removed.
    warnings.simplefilter("ignore", DeprecationWarning)
    from freezer_api.keystone import options as keystone
    from freezer_api.middleware.auth_token import auth_filter

ACCOUNT = ("auth_type", "auth_url", "username", "password", "project_name")
DOMAINS = ("user_domain_name", "project_domain_name")


def _register(conf: cfg.ConfigOpts) -> cfg.ConfigOpts.GroupAttr:
    keystone.register(conf)
    return conf.keystone_authtoken


@pytest.mark.parametrize(
    ("section", "account"),
    [
        (
            (DEPLOYERS / "e1-freezer-api.conf").read_text(),
            ("password", "http://127.0.0.1:35357", "freezer", "placeholder", "service"),
        ),
        (
            "[keystone_authtoken]\nadmin_user = a\nauth_protocol = http\nauth_host = keystone\nauth_port = 5000",
            ("password", "http://keystone:5000", "a", "", "admin"),
        ),
        (
            "[keystone_authtoken]\nadmin_user = a\nadmin_password = a$$b",
            ("password", "https://127.0.0.1:35357", "a", "a$b", "admin"),
        ),
    ],
    ids=["e1", "host and port", "defaults"],
)
def test_old_names_are_translated(read_config: ReadConfig, section: str, account: tuple[str, ...]) -> None:
    group = _register(read_config(section))
    assert tuple(group[name] for name in ACCOUNT) == account
    assert {group[name] for name in DOMAINS} == {"Default"}


@pytest.mark.parametrize(
    ("lines", "uri"),
    [
        ("auth_uri = old\nwww_authenticate_uri = new\nadmin_user = a\nauth_type = password", "new"),
        ("auth_uri = old", "old"),
        ("www_authenticate_uri = new", "new"),
    ],
)
def test_current_names_take_precedence(read_config: ReadConfig, lines: str, uri: str) -> None:
    group = _register(read_config(f"[keystone_authtoken]\n{lines}\n"))
    assert group.www_authenticate_uri == uri
    assert "username" not in group


def test_defaults_limit_the_wait_for_keystone(read_config: ReadConfig) -> None:
    group = _register(read_config(""))
    assert group.http_connect_timeout * (group.http_request_max_retries + 1) < 10
    assert group.service_token_roles_required
    group = _register(read_config("[keystone_authtoken]\nhttp_connect_timeout = 30\n"))
    assert group.http_connect_timeout == 30


@pytest.mark.parametrize(
    ("option", "settings", "module", "package"),
    [
        ("memcached_servers = 127.0.0.1", {}, "memcache", "python-memcached"),
        ("memcached_servers = 127.0.0.1", {"memcache_tls_enabled": "no"}, "memcache", "python-memcached"),
        ("memcached_servers = ::1", {"memcache_tls_enabled": "true"}, "bmemcached", "python-binary-memcached"),
        ("memcache_security_strategy = ENCRYPT", {}, "cryptography", "cryptography"),
    ],
)
def test_missing_package_is_refused_at_start(
    read_config: ReadConfig,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    settings: dict[str, str],
    module: str,
    package: str,
) -> None:
    # Simulate a missing package.
    monkeypatch.setitem(sys.modules, module, None)
    account = "auth_type = password\nauth_url = http://127.0.0.1:1"
    conf = read_config(f"[keystone_authtoken]\n{option}\n{account}\n")
    with pytest.raises(ConfigurationError) as refused:
        auth_filter(conf, settings)
    assert str(refused.value) == (
        f"[keystone_authtoken] {option.partition(' ')[0]} in {conf.config_file[0]}: "
        f"needs the package {package}, which is not installed"
    )


@pytest.mark.parametrize(
    ("text", "settings", "group"),
    [
        ("", {}, "keystone_authtoken"),
        ("www_authenticate_uri = http://127.0.0.1:1", {}, "keystone_authtoken"),
        ("admin_token = secret", {}, "keystone_authtoken"),
        ("auth_section = account", {}, "account"),
        ("", {"auth_section": "account"}, "account"),
    ],
)
def test_missing_auth_type_is_refused(
    read_config: ReadConfig, text: str, settings: dict[str, str], group: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        auth_filter(read_config(f"[keystone_authtoken]\n{text}\n"), settings)
    assert str(error.value) == (
        f"[{group}] auth_type: must be set, usually to password: the authtoken filter needs an account"
    )


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("auth_type = password", {}),
        ("auth_plugin = password", {}),
        ("admin_user = freezer", {}),
        ("auth_section = account\n[account]\nauth_type = password", {}),
        ("[account]\nauth_type = password", {"auth_section": "account"}),
        ("", {"auth_type": "password"}),
        ("", {"auth_plugin": "password"}),
        *((file.read_text(), {}) for file in sorted(DEPLOYERS.glob("*freezer*.conf"))),
    ],
)
def test_auth_type_in_either_section_is_accepted(
    read_config: ReadConfig, text: str, settings: dict[str, str]
) -> None:
    auth_filter(read_config(text if "[keystone" in text else f"[keystone_authtoken]\n{text}\n"), settings)
