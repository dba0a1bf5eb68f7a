# SPDX-License-Identifier: Apache-2.0
"""The sample configuration file shows the defaults that the service uses."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1 import loading
from oslo_config import cfg

from freezer_api import app, bootstrap, stores
from freezer_api.conf import opts
from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql.sqlite import SQLiteRepository
from freezer_api.server.settings import server_settings

SAMPLE = Path(__file__).parents[2] / "etc/freezer/freezer-api.conf.sample"

ACCOUNT = "[keystone_authtoken]\nauth_type = password\nauth_url = http://127.0.0.1:1\n"
SQL = f"{ACCOUNT}[storage]\ndriver = sqlalchemy\n[database]\nconnection = postgresql://freezer@127.0.0.1/freezer\n"
ELASTICSEARCH = f"{ACCOUNT}[storage]\ndriver = elasticsearch\n"

REGISTERED_WHEN_USED = {
    ("DEFAULT", "fatal_deprecations"),
    ("oslo_middleware_tracing", "service_name"),
    *(("keystone_authtoken", option.dest) for option in loading.get_auth_plugin_conf_options("password")),
}
"""Options that a library registers when it uses them: for a deprecated feature, a filter, or ``auth_type``."""


@pytest.fixture
def repository(store_file: Path) -> Iterator[Repository]:
    repository = SQLiteRepository(store_file)
    yield repository
    repository.close()


def wired(file: Path, text: str, repository: Repository) -> tuple[cfg.ConfigOpts, dict[str, Any]]:
    """Return the configuration and gunicorn's settings of a service that is started with a file of this text."""
    file.write_text(text)
    conf = cfg.ConfigOpts()
    bootstrap.configure(conf, ["--config-file", str(file)])
    bootstrap.set_log_defaults(conf)
    app.build(conf, repository)
    return conf, server_settings(conf)


def uncommented() -> str:
    """Return the sample with every option set to the default that it shows."""
    return re.sub(r"^#([\w-]+ =(?! <None>).*)", r"\1", SAMPLE.read_text(), flags=re.MULTILINE)


def names(text: str) -> Iterator[tuple[str, str]]:
    """Yield the group and the name of each option of the sample."""
    group = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            group = match[1]
        elif match := re.match(r"#?([\w-]+) =", line):
            yield group, match[1].replace("-", "_")


@pytest.mark.parametrize("store", [SQL, ELASTICSEARCH], ids=["sql", "elasticsearch"])
def test_setting_every_default_of_the_sample_changes_nothing(
    tmp_path: Path, repository: Repository, store: str
) -> None:
    unset, settings = wired(tmp_path / "unset.conf", store, repository)
    explicit, explicit_settings = wired(tmp_path / "set.conf", f"{uncommented()}{store}", repository)
    options = list(names(SAMPLE.read_text()))
    assert len(options) > 150
    for group, name in options:
        if group != "DEFAULT" and group not in unset:
            # This release of a library does not have the group.
            continue
        one, other = (conf if group == "DEFAULT" else conf[group] for conf in (unset, explicit))
        if name == "default_log_levels":
            # Of these options, releases of oslo.log register different ones.
            assert {*opts.QUIET} <= {*one[name]} & {*other[name]}
        elif name in one or (group, name) not in REGISTERED_WHEN_USED:
            assert (group, name, one[name]) == (group, name, other[name])
    assert settings == explicit_settings
    named, by_default = (stores.find_store(conf) for conf in (explicit, unset))
    assert not isinstance(named, stores.SQLiteStore)
    assert not isinstance(by_default, stores.SQLiteStore)
    assert replace(named.options, source="") == replace(by_default.options, source="")  # type: ignore[type-var]
