# SPDX-License-Identifier: Apache-2.0
"""The contents of the source archive and the wheel, and the metadata of the wheel."""

import configparser
import re
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from tests.packaging import DEVELOPERS, OPERATORS
from tests.packaging.built import ROOT, Built, files

PROMISED = {
    "console_scripts": {"freezer-api", "freezer-manage", "freezer-manager-status", "freezer-status"},
    "oslo.config.opts": {"freezer-api"},
    "oslo.middleware.healthcheck": {"freezer_store"},
    "oslo.policy.enforcer": {"freezer-api"},
    "oslo.policy.policies": {"freezer-api"},
    "paste.app_factory": {"service_v1"},
}
"""The entry points of the package by group."""


@pytest.fixture(scope="module")
def information(built: Built) -> str:
    """The directory in the wheel with its metadata."""
    name, version, *_ = built.wheel.name.split("-")
    return f"{name}-{version}.dist-info"


@pytest.fixture(scope="module")
def metadata(built: Built, information: str) -> Message:
    with ZipFile(built.wheel) as wheel:
        return HeaderParser().parsestr(wheel.read(f"{information}/METADATA").decode())


def test_archive_contains_all_files_of_the_source(built: Built) -> None:
    archived = {name for name in built.archived() if not name.startswith("freezer_api.egg-info/")}
    assert archived == {*files(), "AUTHORS", "ChangeLog", "PKG-INFO"} - {".gitignore"}
    # kolla copies this file from the archive unchanged.
    assert "etc/freezer/freezer-paste.ini" in archived


def test_wheel_contains_the_package_and_its_files(built: Built, information: str) -> None:
    data = information.replace(".dist-info", ".data")
    packed = [name for name in built.packed() if not name.startswith(f"{information}/")]
    package = [name for name in files() if name.startswith("freezer_api/")]
    laid = [name for name in packed if name.startswith(f"{data}/data/")]
    assert packed == sorted([*package, *laid, f"{data}/scripts/freezer-api-wsgi"])
    assert f"{data}/data/etc/freezer/freezer-paste.ini" in laid
    assert {Path(name).name for name in laid} <= {Path(name).name for name in files() if name.startswith("etc/")}
    assert {"freezer_api/py.typed", "freezer_api/repository/sql/migrations/script.py.mako"} <= set(packed)
    assert f"{information}/licenses/LICENSE" in built.packed()


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated")  # by WebOb, a dependency of oslo.middleware
def test_entry_points_exist_and_can_be_imported(built: Built, information: str) -> None:
    config = configparser.ConfigParser(delimiters="=")
    config.optionxform = str  # type: ignore[assignment,method-assign]
    with ZipFile(built.wheel) as wheel:
        config.read_string(wheel.read(f"{information}/entry_points.txt").decode())
    found = EntryPoints(
        EntryPoint(name, value, group) for group in config for name, value in config[group].items()
    )
    assert {group: names & found.select(group=group).names for group, names in PROMISED.items()} == PROMISED
    for entry in found:
        assert callable(entry.load())


def test_version_is_a_dev_version_of_the_one_in_setup_cfg(built: Built, metadata: Message) -> None:
    named = re.search(r"^version = (\S+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert named
    assert re.fullmatch(rf"{re.escape(named[1])}\.dev[1-9]\d*", metadata["Version"])
    assert built.archive.name == f"freezer_api-{metadata['Version']}.tar.gz"


def test_metadata_of_the_wheel_has_name_python_licence_and_extras(metadata: Message) -> None:
    assert metadata["Name"] == "freezer-api"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License"] == "Apache-2.0"
    assert metadata.get_payload().lstrip().startswith("===========\nFreezer API\n")
    assert set(metadata.get_all("Provides-Extra")) == {*OPERATORS, *DEVELOPERS}


def test_every_dependency_has_one_lower_bound(metadata: Message) -> None:
    required = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    named = {one.name.lower() for one in required} - {"freezer-api"}  # an extra may name other extras
    bounded = [one.name.lower() for one in required if any(part.operator == ">=" for part in one.specifier)]
    assert sorted(bounded) == sorted(named)
