# SPDX-License-Identifier: Apache-2.0
"""TLS and passwords of a search server."""

import contextlib
import re

import pytest

from freezer_api.errors import ConfigurationError, Unavailable
from freezer_api.repository.elastic.dialect import UnsupportedServer
from tests.unit.conftest import read_config
from tests.unit.test_stores import CLIENT, SECRET, elastic, store

__all__ = ["read_config", "store"]

pytestmark = pytest.mark.store("elasticsearch8")


@pytest.fixture(scope="module")
def secure(search_servers):
    return search_servers.server("elasticsearch", "8", secure=True)


@pytest.fixture
def reached(secure, store):
    """Open the store with these options on the server with TLS and a password."""
    with contextlib.ExitStack() as at_end:

        def _reached(options, *, password=None):
            access = secure.access
            text = f"hosts = {secure.url}\nhttp_auth = {access.user}:{password or access.password}\n"
            found = store(elastic(f"{text}index = tls\ndeadline = 30\n{options}"))
            found.prepare()
            repository = found.open(1)
            at_end.callback(repository.close)
            return repository

        yield _reached


def assert_reached(repository, caplog):
    """Check that the repository reaches the server: the error is that no index exists."""
    with pytest.raises(Unavailable):
        repository.check()
    assert "run 'freezer-manage db sync'" in caplog.text


def test_server_with_a_known_ca_is_accepted(secure, reached, caplog):
    assert_reached(reached(f"ca_certs = {secure.access.ca}"), caplog)


@pytest.mark.parametrize("form", [str.lower, str.upper, lambda text: bytes.fromhex(text).hex(":")])
def test_server_with_the_fingerprint_is_accepted(secure, reached, caplog, form):
    assert_reached(reached(f"fingerprint = {form(secure.access.fingerprint)}"), caplog)


@pytest.mark.parametrize("key", ["", f"client_key = {CLIENT}"])
def test_client_certificate_is_accepted(secure, reached, caplog, key):
    assert_reached(reached(f"ca_certs = {secure.access.ca}\nclient_cert = {CLIENT}\n{key}"), caplog)


@pytest.mark.parametrize("ca", ["", "ca_certs = {}"])
def test_without_verify_certs_any_certificate_is_accepted(secure, reached, caplog, ca):
    assert_reached(reached(f"verify_certs = false\n{ca.format(secure.access.ca)}"), caplog)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("", "certificate verify failed|self-signed certificate|unable to get local issuer"),
        (f"fingerprint = {'00' * 32}", "Fingerprints did not match"),
    ],
)
def test_unverified_server_gets_no_password(secure, reached, store, caplog, wrong, words):
    expected = rf"the store's certificate cannot be verified: TlsError at {secure.url}: .*({words})"
    with pytest.raises(ConfigurationError, match=rf"^\[elasticsearch\] hosts in \S+: {expected}"):
        reached(wrong)
    repository = store(elastic(f"hosts = {secure.url}\nhttp_auth = alice:{SECRET}\n{wrong}")).open(1)
    with pytest.raises(UnsupportedServer):
        repository.check()
    repository.close()
    assert re.search(f"The store cannot be used: {expected}", caplog.text)


def test_wrong_password_ends_the_start_in_one_line(secure, reached, store):
    with pytest.raises(ConfigurationError) as refusal:
        reached(f"ca_certs = {secure.access.ca}", password=SECRET)
    where, _, reason = str(refusal.value).partition(": ")
    assert where.startswith("[elasticsearch] hosts in /")
    assert reason == "the store refuses the service's credentials (it answers GET / with 401)"


def test_wrong_password_at_a_request_is_unavailable(secure, store, caplog):
    text = f"hosts = {secure.url}\nhttp_auth = alice:{SECRET}\nca_certs = {secure.access.ca}"
    repository = store(elastic(text)).open(1)
    with pytest.raises(UnsupportedServer):
        repository.check()
    repository.close()
    (record,) = caplog.records
    assert "refuses the service's credentials" in record.message
    assert SECRET not in record.message


def test_indices_are_created_shown_and_removed_over_tls(secure, store):
    text = (
        f"hosts = {secure.url}\nhttp_auth = {secure.access.user}:{secure.access.password}\n"
        f"ca_certs = {secure.access.ca}\nindex = tls-admin"
    )
    admin = store(elastic(text)).admin()
    assert admin.show() is None
    admin.close()
