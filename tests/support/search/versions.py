"""Which servers there are, and what each is made of. The exact versions are in pom.xml."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.support.search import Failed

POM = Path(__file__).with_name("pom.xml")
_MAVEN = {"m": "http://maven.apache.org/POM/4.0.0"}


@dataclass(frozen=True)
class Module:
    """A module of the server that the node loads; these jars get a class loader of its own."""

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


def _from(major: int, below: int = 100) -> range:
    return range(major, below)


_ELASTICSEARCH = (
    Module("transport-netty4", "org.elasticsearch.transport.netty4.Netty4Plugin", ("transport-netty4",)),
)

# The security module brings the transport itself, so the transport's jar lies beside its own.
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
    Version("elasticsearch", "8", _from(17), _ELASTICSEARCH, "RootPlugin8"),
    Version("elasticsearch", "9", _from(21), _ELASTICSEARCH, "RootPlugin9"),
    Version("elasticsearch", "8", _from(17), _SECURITY, "RootPlugin8", secure=True),
    Version("opensearch", "2", _from(11, 24), _opensearch("Plugin")),
    Version("opensearch", "3", _from(21), _opensearch("ModulePlugin")),
)
ENGINES = tuple(sorted({version.engine for version in VERSIONS}))


def choose(engine: str, version: str = "", *, secure: bool = False) -> Version:
    """The server for a major or exact version; without one, the engine's first."""
    for known in VERSIONS:
        if (known.engine, known.secure) == (engine, secure) and version in ("", known.major, known.exact):
            return known
    there_are = ", ".join(f"{known} ({known.exact})" for known in VERSIONS)
    asked = f"{engine} {version}" + (" with security" if secure else "")
    raise Failed(f"there is no {asked}; there are {there_are}")
