# SPDX-License-Identifier: Apache-2.0
"""The certificate and the user of a server with security."""

import base64
import hashlib
import secrets
import subprocess
from pathlib import Path

from tests.support.search import Failed
from tests.support.search.jdk import Jdk
from tests.support.search.server import Access

_STORE, _STORE_PASSWORD = "http.p12", "changeit"
_CERTIFICATE = (
    "-genkeypair -storetype PKCS12 -keyalg EC -groupname secp256r1 -dname CN=localhost"
    " -ext san=dns:localhost,ip:127.0.0.1 -ext bc:c -validity 3650"
)
SETTINGS = {
    "xpack.security.enabled": "true",
    "xpack.security.http.ssl.enabled": "true",
    "xpack.security.http.ssl.keystore.path": _STORE,
    "xpack.security.http.ssl.keystore.password": _STORE_PASSWORD,
}


def make_access(folder: Path, jdk: Jdk) -> Access:
    """Create a self-signed certificate for loopback, which is its own CA, and a superuser."""
    ca = folder / "ca.pem"
    _keytool(folder, jdk, *_CERTIFICATE.split())
    _keytool(folder, jdk, "-exportcert", "-rfc", "-file", str(ca))
    return Access("freezer", secrets.token_urlsafe(12), ca)


def _keytool(folder: Path, jdk: Jdk, *arguments: str) -> None:
    store = ["-keystore", str(folder / _STORE), "-storepass", _STORE_PASSWORD, "-alias", "http"]
    done = subprocess.run([jdk.tool("keytool"), *store, *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"keytool failed: {(done.stdout + done.stderr).strip()[:300]}")


def configure(conf: Path, folder: Path, access: Access) -> None:
    """Write the certificate and the user to the configuration of a node."""
    (conf / _STORE).write_bytes((folder / _STORE).read_bytes())
    (conf / "users").write_text(f"{access.user}:{_hashed(access.password)}\n")
    (conf / "users_roles").write_text(f"superuser:{access.user}\n")


def _hashed(password: str) -> str:
    """Hash it in the format of the server: HMAC-SHA512, 10000 rounds, 32 bytes of salt and of key."""
    salt = secrets.token_bytes(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 10000, 32)
    return "{PBKDF2}10000$" + "$".join(base64.b64encode(part).decode() for part in (salt, key))
