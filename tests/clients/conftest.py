"""The service as operators run it, in Keystone's catalog, and the environments of clients."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.keystone import Keystone, Missing, environment
from tests.servers.service import Production

OURS = Path(__file__).parents[2] / "etc/freezer/freezer-paste.ini"
# The newest that speaks v1; it wants pkg_resources.
V1_CLIENT = ("python-freezerclient==6.3.0", "setuptools<81")


@pytest.fixture(scope="session")
def service(keystone: Keystone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    directory = tmp_path_factory.mktemp("production")
    configuration = directory / "freezer-api.conf"
    configuration.write_text(
        f"[DEFAULT]\ndebug = true\n[paste_deploy]\nconfig_file = {OURS}\n{keystone.section()}"
    )
    arguments = ("--config-file", str(configuration), "--workers", "2")
    started = Production(directory / "data", *arguments).start()
    keystone.register("backup", started.url)
    yield started
    started.end()


@pytest.fixture(scope="session")
def v1_client() -> Path:
    """The ``bin`` of the client's environment."""
    try:
        return environment("freezerclient-v1", V1_CLIENT) / "bin"
    except Missing as missing:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"under CI the client may not be missing: {missing}", pytrace=False)
        pytest.skip(f"no client: {missing}")
