# SPDX-License-Identifier: Apache-2.0
"""Groups and options in the configuration files that no library and no part of this service knows.

oslo.config ignores them silently. ``oslo_config.validator`` is not used: see ADR 0032.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path

from oslo_config import cfg

from freezer_api.conf import catalog, obsolete, opts, reading
from freezer_api.conf.catalog import LIBRARIES

NAMESPACES = frozenset({catalog.SERVICE, "oslo.db", "oslo.log"})
"""The namespaces of the groups in which every unknown option is reported.

In the groups of ``LIBRARIES`` only options that resemble a known one are reported: deployers' files contain
options of many releases of those libraries.
"""

_ACCOUNTS = (("centralized_scheduler", "auth_section"), ("keystone_authtoken", "auth_section"))
"""Options that name a group in which an auth plugin finds its options."""

Sections = Mapping[str, Mapping[str, list[str]]]

_MIN_SIMILARITY = 0.8
"""The minimum similarity (0 to 1) of a suggested name: the ``cutoff`` of ``difflib.get_close_matches``."""


def find_unknown(conf: cfg.ConfigOpts, *, libraries: bool = True) -> Iterator[str]:
    """Return a line for each unknown group or option in each file. ``libraries``: look into their groups, too."""
    files = {path: reading.sections(path) for path in reading.files_read(conf)}
    known = _known_options(list(files.values()), conf.storage.backend, libraries=libraries)
    accounts = {
        sections.get(group, {}).get(name, [""])[-1].lower()
        for sections in files.values()
        for group, name in _ACCOUNTS
    }
    for path, sections in files.items():
        for group, names in sections.items():
            if group in known:
                yield from _find_options(path, group, names, known[group])
            elif group not in {*accounts, *LIBRARIES} and (near := _nearest(group, {*known, *LIBRARIES})):
                yield f"[{group}] in {path} is unknown and ignored, with all that is in it; is it [{near}]?"


def _find_options(path: Path, group: str, names: Iterable[str], known: set[str]) -> Iterator[str]:
    for name in names:
        if name in known:
            continue
        if near := _nearest(name, known):
            yield f"[{group}] {name} in {path} is unknown and ignored; is it {near}?"
        elif group not in LIBRARIES:
            yield f"[{group}] {name} in {path} is unknown and ignored"


def _nearest(name: str, known: Iterable[str]) -> str | None:
    by_lower = {word.lower(): word for word in known}
    near = get_close_matches(name.lower(), by_lower, 1, _MIN_SIMILARITY)
    return by_lower[near[0]] if near else None


def _known_options(files: list[Sections], backend: str | None, *, libraries: bool) -> dict[str, set[str]]:
    """Return the names of options by group, with those of older releases."""
    there = {group for sections in files for group in sections}
    namespaces = {LIBRARIES[group] for group in LIBRARIES.keys() & there} if libraries else set()
    listed = [pair for namespace in NAMESPACES | namespaces for pair in catalog.options(namespace)]
    places = {place for group, option in listed for place in catalog.option_names(group, option)}
    places |= {("DEFAULT", option.dest) for option in opts.STANDALONE}
    places.add(("DEFAULT", "config_source"))
    if "gunicorn" in there:
        from gunicorn.config import KNOWN_SETTINGS

        places |= {("gunicorn", setting.name) for setting in KNOWN_SETTINGS}
    places |= {place for sections in files for place in _plugin_options(sections.get("keystone_authtoken", {}))}
    known: dict[str, set[str]] = {}
    for group, name in places:
        if libraries or group not in LIBRARIES:
            known.setdefault(group, set()).add(name)
    for option in obsolete.OPTIONS:
        if option.group in known:
            known[option.group].add(option.name)
    if backend:
        known[backend.lower()] = known["elasticsearch"]
    return known


def _plugin_options(section: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Return the options of the auth plugin that ``[keystone_authtoken]`` names; an unknown plugin has none."""
    from keystoneauth1 import loading

    named = {value for name in ("auth_type", "auth_plugin") for value in section.get(name, ())}
    for plugin in named & entry_points(group=loading.PLUGIN_NAMESPACE).names:
        for option in loading.get_auth_plugin_conf_options(plugin):
            yield from catalog.option_names("keystone_authtoken", option)
