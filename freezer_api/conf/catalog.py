# SPDX-License-Identifier: Apache-2.0
"""The options that this service and its libraries list for the sample configuration, from their entry points."""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points

from oslo_config import cfg

SERVICE = "freezer-api"
"""The namespace of this service, which also lists options of oslo.db, oslo.log and oslo.policy."""

LIBRARIES = {
    "cors": "oslo.middleware",
    "healthcheck": "oslo.middleware",
    "keystone_authtoken": "keystonemiddleware.auth_token",
    "oslo_middleware": "oslo.middleware",
    "oslo_middleware_tracing": "oslo.middleware",
    "oslo_policy": "oslo.policy",
}
"""The namespaces that list the options of libraries, by group."""


@cache
def options(namespace: str) -> tuple[tuple[str, cfg.Opt], ...]:
    """Return the group and the option, for each option that a namespace lists."""
    (listing,) = entry_points(group="oslo.config.opts", name=namespace)
    return tuple((str(group or "DEFAULT"), option) for group, options in listing.load()() for option in options)


def option_names(group: str, option: cfg.Opt) -> Iterator[tuple[str, str]]:
    """Return group and name of an option, followed by its old ones."""
    yield group, option.dest
    for old in option.deprecated_opts:
        yield old.group or group, old.name or option.dest


def find_names(group: str, name: str) -> Iterator[tuple[str, str]]:
    """Return group and name of an option, followed by its old ones."""
    yield group, name
    listed = [*options(SERVICE), *(options(LIBRARIES[group]) if group in LIBRARIES else ())]
    # The options of the Elasticsearch store may be in a group with any name.
    listed_group = group if group in dict(listed) else "elasticsearch"
    for where, option in listed:
        if (where, option.dest) == (listed_group, name):
            yield from option_names(group, option)
