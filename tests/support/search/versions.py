# SPDX-License-Identifier: Apache-2.0
"""The servers that can be assembled, and their modules. The exact versions are in pom.xml."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.support.search import Failed

POM = Path(__file__).with_name("pom.xml")
_MAVEN = {"m": "http://maven.apache.org/POM/4.0.0"}


@dataclass(frozen=True)
class Module:
    """A module of the server; its jars have their own class loader."""

    name: str
    plugin: str
    jars: tuple[str, ...]
    extends: str = ""


@dataclass(frozen=True)
class Version:
    """A server that can be assembled."""

    engine: str
    major: str
    java: range
    modules: tuple[Module, ...]
    root_plugin: str = ""
    secure: bool = False

    @property
    def profiles(self) -> list[str]:
        return [self.engine, f"{self.engine}-{self.major}", *(["security"] if self.secure else [])]

    @property
    def exact(self) -> str:
        profiles = ET.parse(POM).getroot().findall("m:profiles/m:profile", _MAVEN)
        (profile,) = (found for found in profiles if found.findtext("m:id", "", _MAVEN) == self.profiles[1])
        return profile.findtext("m:properties/m:engine.version", "", _MAVEN)

    @property
    def name(self) -> str:
        return f"{self.engine}-{self.exact}" + ("-secure" if self.secure else "")

    def __str__(self) -> str:
        return f"{self.engine} {self.major}" + (" with security" if self.secure else "")


_ELASTICSEARCH = (
    Module("transport-netty4", "org.elasticsearch.transport.netty4.Netty4Plugin", ("transport-netty4",)),
)

# The security module also contains the transport, so both jars are in one directory.
_SECURITY = (
    Module("x-pack-core", "org.elasticsearch.xpack.core.XPackPlugin", ("x-pack-core",)),
    Module(
        "x-pack-security",
        "org.elasticsearch.xpack.security.Security",
        ("x-pack-security", "transport-netty4"),
        extends="x-pack-core",
    ),
)


def _opensearch(suffix: str) -> tuple[Module, ...]:
    return (
        Module("transport-netty4", f"org.opensearch.transport.Netty4{suffix}", ("transport-netty4-client",)),
        Module("reindex", f"org.opensearch.index.reindex.Reindex{suffix}", ("reindex-client",)),
        Module(
            "lang-painless",
            f"org.opensearch.painless.Painless{suffix}",
            ("lang-painless", "opensearch-scripting-painless-spi"),
        ),
        Module("analysis-common", f"org.opensearch.analysis.common.CommonAnalysis{suffix}", ("analysis-common",)),
        Module("mapper-extras", f"org.opensearch.index.mapper.MapperExtras{suffix}", ("mapper-extras-client",)),
    )


VERSIONS = (
    Version("elasticsearch", "8", range(17, 100), _ELASTICSEARCH, "RootPlugin8"),
    Version("elasticsearch", "9", range(21, 100), _ELASTICSEARCH, "RootPlugin9"),
    Version("elasticsearch", "8", range(17, 100), _SECURITY, "RootPlugin8", secure=True),
    Version("opensearch", "2", range(11, 24), _opensearch("Plugin")),
    Version("opensearch", "3", range(21, 100), _opensearch("ModulePlugin")),
)


def choose(engine: str, version: str, *, secure: bool = False) -> Version:
    """Return the server for a major or exact version."""
    for known in VERSIONS:
        if (known.engine, known.secure) == (engine, secure) and version in (known.major, known.exact):
            return known
    raise Failed(f"no {engine} {version} (secure: {secure}); known are {', '.join(map(str, VERSIONS))}")
