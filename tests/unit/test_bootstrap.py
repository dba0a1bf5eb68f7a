# SPDX-License-Identifier: Apache-2.0
"""Options that exist only on the command line, the store in ``--data-dir``, and the first log line."""

import logging
import warnings
from pathlib import Path

import pytest
from oslo_config import cfg

import freezer_api
from freezer_api import bootstrap, stores
from freezer_api.errors import ConfigurationError

with warnings.catch_warnings():
    # WebOb, which keystonemiddleware imports, uses a module that Python 3.13 removed.
    warnings.simplefilter("ignore", DeprecationWarning)
    from freezer_api import app, pipeline


@pytest.mark.parametrize("line", ["standalone = true", "data_dir = /tmp", "port = 1"])
def test_command_line_options_in_a_file_are_refused(tmp_path: Path, line: str) -> None:
    """A reload reads the files again, while the service may listen on a public address."""
    file = tmp_path / "freezer.conf"
    file.write_text(f"[DEFAULT]\n{line}\n")
    name = line.partition(" ")[0]
    with pytest.raises(ConfigurationError) as refusal:
        bootstrap.configure(cfg.ConfigOpts(), ["--config-file", str(file)])
    argument = f"--{name.replace('_', '-')}"
    assert str(refusal.value) == f"[DEFAULT] {name} in {file}: it is only valid on the command line, as {argument}"


def test_command_line_options_take_effect() -> None:
    conf = cfg.ConfigOpts()
    bootstrap.configure(conf, ["--config-file", "/dev/null", "--standalone", "--data-dir", "/tmp", "--port", "1"])
    assert (conf.standalone, conf.data_dir, conf.port) == (True, "/tmp", 1)


def test_store_in_data_dir_has_the_configured_number_of_values(tmp_path: Path) -> None:
    conf, file = cfg.ConfigOpts(), tmp_path / "freezer.conf"
    file.write_text("[api]\nmax_searchable_values = 7\n")
    bootstrap.configure(conf, ["--config-file", str(file), "--standalone", "--data-dir", str(tmp_path)])
    store = bootstrap.find_store(conf)
    assert isinstance(store, stores.SQLiteStore)
    assert (store.path.parent, store.embedded, store.max_values) == (tmp_path, True, 7)


@pytest.mark.parametrize(
    ("text", "store"),
    [
        ("[database]\nconnection = mysql+pymysql://freezer:hunter2@db1/freezer", "mysql://db1/freezer"),
        ("[elasticsearch]\nhosts = http://freezer:hunter2@es1:9200", "http://es1:9200, index freezer"),
    ],
)
def test_start_line_has_version_files_store_and_address_without_password(
    tmp_path: Path, text: str, store: str, caplog: pytest.LogCaptureFixture
) -> None:
    conf, file = cfg.ConfigOpts(), tmp_path / "freezer.conf"
    (tmp_path / "paste.ini").touch()
    (tmp_path / "policy.yaml").touch()
    file.write_text(f"{text}\n[paste_deploy]\nconfig_file = paste.ini\n")
    bootstrap.configure(conf, ["--config-file", str(file)])
    pipeline.register(conf)
    caplog.set_level(logging.INFO)
    app.log_start(conf, bootstrap.find_store(conf), "127.0.0.1:9090")
    (line,) = caplog.messages
    assert line == (
        f"freezer-api {freezer_api.__version__} started: configuration {file}; paste file {tmp_path}/paste.ini; "
        f"policy {tmp_path}/policy.yaml; store {store}; address 127.0.0.1:9090"
    )
