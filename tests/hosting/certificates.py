# SPDX-License-Identifier: Apache-2.0
"""A certificate authority, and certificates of a service on loopback and of a client."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make_certificates(directory: Path) -> None:
    """Write ca.pem, server.pem, server.key, client.pem, client.key, and secret.key with a passphrase."""
    authority = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    (directory / "ca.pem").write_bytes(
        _signed(authority, name, authority, name, x509.BasicConstraints(True, None))
    )
    for subject in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        (directory / f"{subject}.pem").write_bytes(_signed(key, own, authority, name, loopback))
        (directory / f"{subject}.key").write_bytes(_text(key, serialization.NoEncryption()))
        if subject == "server":
            (directory / "secret.key").write_bytes(_text(key, serialization.BestAvailableEncryption(b"secret")))


def _signed(
    key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    authority: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    extension: x509.ExtensionType,
) -> bytes:
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(extension, critical=False)
    )
    return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _text(key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
