# SPDX-License-Identifier: Apache-2.0
"""TLS to a server, with the parameters that deployers write in the URL."""

import datetime as dt
import ipaddress
import os
import shutil
from contextlib import closing

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from freezer_api.errors import CommandError
from tests.contract import databases
from tests.support.needs import SQL, on

pytestmark = pytest.mark.slow


def _certificate(folder, address):
    """Create a self-signed certificate for the address, and return its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "database")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
    )
    certificate, private = folder / f"{address}.pem", folder / f"{address}.key"
    certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private.touch(0o600)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, private


@pytest.fixture(scope="module", params=on(*SQL))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def opened(name, sql_servers, tmp_path_factory):
    """Return a function that starts a server with a certificate for this address. It returns both."""
    servers = []

    def _open(address):
        folder = tmp_path_factory.mktemp("certificates")
        certificate, key = _certificate(folder, address)
        server = sql_servers.own(name, quick=True)
        if name == "mariadb":
            options = [f"--ssl-cert={certificate}", f"--ssl-key={key}", "--require-secure-transport=ON"]
        else:
            inside = [shutil.copy(file, server._data) for file in (certificate, key)]
            os.chmod(inside[1], 0o600)
            if os.geteuid() == 0:
                for file in inside:
                    shutil.chown(file, "nobody", "nogroup")
            settings = {"ssl": "on", "ssl_cert_file": inside[0], "ssl_key_file": inside[1]}
            options = [part for option, value in settings.items() for part in ("-c", f"{option}={value}")]
        server.tls = True
        servers.append(server.start(*options))
        return server.create_database("freezer"), certificate

    yield _open
    for server in servers:
        server.end()


@pytest.fixture(scope="module")
def right(opened):
    return opened("127.0.0.1")


@pytest.fixture(scope="module")
def wrong(opened):
    """A server whose certificate is for another host."""
    return opened("127.0.0.2")


def _verifying(name, url, certificate, *, host=True):
    """Return the URL with parameters that require a certificate of this authority for the host of the URL."""
    if name == "mariadb":
        return f"{url}&ssl_ca={certificate}{'' if host else '&ssl_check_hostname=false'}"
    return f"{url}?sslmode={'verify-full' if host else 'verify-ca'}&sslrootcert={certificate}"


def _show(url):
    with closing(databases.admin(url)) as admin:
        return admin.show()


def test_certificate_is_verified(name, right):
    address = _verifying(name, *right)
    databases.sync(address)
    assert _show(address)


def test_certificate_of_another_host_is_refused_unless_that_is_allowed(name, wrong):
    with pytest.raises(CommandError, match=r"(?i)certificate.*127\.0\.0\.1"):
        _show(_verifying(name, *wrong))
    _show(_verifying(name, *wrong, host=False))


def test_certificate_of_an_unknown_authority_is_refused(name, right, wrong):
    with pytest.raises(CommandError, match=r"(?i)certificate verify failed"):
        _show(_verifying(name, right[0], wrong[1], host=False))


@pytest.mark.parametrize("name", on("mariadb"), indirect=True, scope="module")
def test_host_is_verified_if_the_authority_is_well_known(name, wrong, monkeypatch):
    url, certificate = wrong
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for parameter in ("ssl_verify_cert", "ssl_verify_identity"):
        with pytest.raises(CommandError, match=r"(?i)certificate.*127\.0\.0\.1"):
            _show(f"{url}&{parameter}=true")
    _show(f"{url}&ssl_verify_cert=true&ssl_check_hostname=false")


def test_tls_is_used_by_default_if_the_server_offers_it(right):
    url, _ = right
    _show(url)
