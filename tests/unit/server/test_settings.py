# SPDX-License-Identifier: Apache-2.0
"""Options of the server that are refused, with the reason."""

from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.conf import opts
from freezer_api.errors import ConfigurationError
from freezer_api.server.settings import server_settings
from tests.hosting.certificates import make_certificates


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[gunicorn]\nbind = 0.0.0.0:1",
            "[gunicorn] bind in {}/freezer.conf: it cannot be set: set bind_host and bind_port instead",
        ),
        (
            "[gunicorn]\nworker_class = sync",
            "[gunicorn] worker_class in {}/freezer.conf: it cannot be set: the service sets it",
        ),
        (
            "[gunicorn]\nmax_requests_jitter = x",
            "[gunicorn] max_requests_jitter in {}/freezer.conf: invalid literal",
        ),
        ("[gunicorn]\nchdir = /no/such", "[gunicorn] chdir in {}/freezer.conf: can't chdir to"),
        ("[ssl]\nkey_file = a.key", "[ssl] key_file in {}/freezer.conf: has no effect without cert_file"),
        (
            "[ssl]\ncert_file = {}/none.pem",
            "[ssl] cert_file in {}/freezer.conf: {}/none.pem cannot be read, No such file or directory",
        ),
        ("[ssl]\ncert_file = {}/ca.pem", "[ssl] cert_file in {}/freezer.conf: cannot be used, "),
        (
            "[ssl]\ncert_file = {}/server.pem\nkey_file = {}/client.key",
            "[ssl] cert_file in {}/freezer.conf: cannot be used, key values mismatch",
        ),
        (
            "[ssl]\ncert_file = {}/server.pem\nkey_file = {}/secret.key",
            "[ssl] cert_file in {}/freezer.conf: cannot be used, ",
        ),
        (
            "[ssl]\ncert_file = {}/server.pem\nkey_file = {}/server.key\nca_file = {}/server.key",
            "[ssl] ca_file in {}/freezer.conf: cannot be used, ",
        ),
        (
            "[ssl]\ncert_file = {}/server.pem\nkey_file = {}/server.key\nciphers = NONE-SUCH",
            "[ssl] ciphers in {}/freezer.conf: cannot be used, no cipher can be selected",
        ),
    ],
)
def test_unusable_setting_is_refused(tmp_path: Path, text: str, message: str) -> None:
    make_certificates(tmp_path)
    conf = cfg.ConfigOpts()
    opts.register(conf)
    (tmp_path / "freezer.conf").write_text(text.replace("{}", str(tmp_path)))
    conf(["--config-file", str(tmp_path / "freezer.conf")], project="freezer")
    with pytest.raises(ConfigurationError) as refused:
        server_settings(conf)
    assert str(refused.value).startswith(message.replace("{}", str(tmp_path)))
