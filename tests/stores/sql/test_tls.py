"""TLS to a server, by the parameters that deployers put into the URL."""

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
    """A certificate for the address, that vouches for itself; the files of it and of its key."""
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
    """Starts a server with a certificate for this address; gives its URL and the file that vouches for it."""
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
    """The certificate is another machine's."""
    return opened("127.0.0.2")


def _with(name, url, certificate, *, on_mariadb, on_postgresql):
    parameters = on_mariadb if name == "mariadb" else on_postgresql
    address = url.partition("?")[0]
    return f"{address}?charset=utf8&{parameters}" if name == "mariadb" else f"{address}?{parameters}"


def _connected(url):
    with closing(databases.admin(url)) as admin:
        return admin.show()


def test_a_server_that_can_prove_who_it_is(name, right):
    url, certificate = right
    for more in ("", "&ssl_verify_cert=true"):
        address = _with(
            name,
            url,
            certificate,
            on_mariadb=f"ssl_ca={certificate}{more}",
            on_postgresql=f"sslmode=verify-full&sslrootcert={certificate}",
        )
        databases.sync(address)
        assert _connected(address)


def test_a_server_that_is_another(name, wrong):
    url, certificate = wrong
    address = _with(
        name,
        url,
        certificate,
        on_mariadb=f"ssl_ca={certificate}&ssl_verify_cert=true",
        on_postgresql=f"sslmode=verify-full&sslrootcert={certificate}",
    )
    with pytest.raises(CommandError, match=r"(?i)certificate.*127\.0\.0\.1"):
        _connected(address)
    _connected(
        _with(
            name,
            url,
            certificate,
            on_mariadb=f"ssl_ca={certificate}&ssl_check_hostname=false",
            on_postgresql=f"sslmode=verify-ca&sslrootcert={certificate}",
        )
    )


def test_a_server_for_which_nobody_vouches(name, right, wrong):
    url, _ = right
    _, other = wrong
    address = _with(
        name,
        url,
        other,
        on_mariadb=f"ssl_ca={other}",
        on_postgresql=f"sslmode=verify-ca&sslrootcert={other}",
    )
    with pytest.raises(CommandError, match=r"(?i)certificate verify failed"):
        _connected(address)


@pytest.mark.parametrize("name", on("mariadb"), indirect=True, scope="module")
def test_a_server_that_is_another_and_has_a_certificate_of_a_well_known_authority(name, wrong, monkeypatch):
    url, certificate = wrong
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for parameter in ("ssl_verify_cert", "ssl_verify_identity"):
        with pytest.raises(CommandError, match=r"(?i)certificate.*127\.0\.0\.1"):
            _connected(f"{url}&{parameter}=true")
    _connected(f"{url}&ssl_verify_cert=true&ssl_check_hostname=false")


def test_without_a_word_of_it_tls_is_spoken_when_the_server_does(right):
    url, _ = right
    _connected(url)
