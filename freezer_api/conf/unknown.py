"""Groups and options in the configuration files that nobody knows: misspelt ones, mostly.

oslo.config ignores them without a word. Whoever starts is told of each by one line, which names it and the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points

from oslo_config import cfg

from freezer_api.conf import obsolete, opts, reading

NAMESPACES = frozenset({"freezer-api", "oslo.db", "oslo.log"})
"""Where the options are listed of the groups in which each that is unknown is told."""

LIBRARIES = {
    "cors": "oslo.middleware",
    "healthcheck": "oslo.middleware",
    "keystone_authtoken": "keystonemiddleware.auth_token",
    "oslo_middleware": "oslo.middleware",
    "oslo_middleware_tracing": "oslo.middleware",
    "oslo_policy": "oslo.policy",
}
"""Further groups, and where theirs are. Files have options for libraries of all ages: only what looks like one of
today is told.
"""

_ACCOUNTS = (("centralized_scheduler", "auth_section"), ("keystone_authtoken", "auth_section"))
"""Options that name a group, in which a plugin of Keystone's finds its options."""

Sections = Mapping[str, Mapping[str, list[str]]]

_NEAR = 0.8
"""How alike two words are of which one is taken for the other, of 1."""


def in_use(conf: cfg.ConfigOpts, *, libraries: bool = True) -> Iterator[str]:
    """A line for each in each of the files; those in groups of ``libraries`` are for who reads such groups."""
    files = [(path, reading.sections(path)) for path in reading.files_read(conf)]
    known = _known([sections for _, sections in files], conf.storage.backend, libraries=libraries)
    accounts = {
        sections.get(group, {}).get(name, [""])[-1].lower() for _, sections in files for group, name in _ACCOUNTS
    }
    for path, sections in files:
        for group, names in sections.items():
            if group in known:
                yield from _options(path, group, names, known[group])
            elif group not in {*accounts, *LIBRARIES} and (near := _near(group, {*known, *LIBRARIES})):
                yield f"[{group}] in {path} is unknown and ignored, with all that is in it; is it [{near}]?"


def _options(path: object, group: str, names: Iterable[str], known: set[str]) -> Iterator[str]:
    for name in names:
        if name in known:
            continue
        if near := _near(name, known):
            yield f"[{group}] {name} in {path} is unknown and ignored; is it {near}?"
        elif group not in LIBRARIES:
            yield f"[{group}] {name} in {path} is unknown and ignored"


def _near(name: str, known: Iterable[str]) -> str | None:
    by_letters = {word.lower(): word for word in known}
    near = get_close_matches(name.lower(), by_letters, 1, _NEAR)
    return by_letters[near[0]] if near else None


def _known(files: list[Sections], backend: str | None, *, libraries: bool) -> dict[str, set[str]]:
    """The names of all options of the groups that are looked into, those of older releases among them."""
    there = {group for sections in files for group in sections}
    of_libraries = LIBRARIES.keys() & there if libraries else set()
    found: dict[str, set[str]] = {}
    for namespace in {*NAMESPACES, *(LIBRARIES[group] for group in of_libraries)}:
        for group, name in _listed(namespace):
            if libraries or group not in LIBRARIES:
                found.setdefault(group, set()).add(name)
    for option in obsolete.OPTIONS:
        if option.group in found:
            found[option.group].add(option.name)
    found["database"].add(opts.IDLE_TIMEOUT.dest)
    found["DEFAULT"] |= {option.dest for option in opts.STANDALONE} | {"config_source"}
    if "gunicorn" in there:
        found["gunicorn"] |= _of_gunicorn()
    if "keystone_authtoken" in of_libraries:
        found["keystone_authtoken"] |= _of_accounts(sections.get("keystone_authtoken", {}) for sections in files)
    if backend:
        found[backend.lower()] = found["elasticsearch"]
    return found


@cache
def _listed(namespace: str) -> set[tuple[str, str]]:
    """Group and name of each option of a library, and those that it once had."""
    (listing,) = entry_points(group="oslo.config.opts", name=namespace)
    return {
        place
        for group, options in listing.load()()
        for option in options
        for place in _places(str(group or "DEFAULT"), option)
    }


def _places(group: str, option: cfg.Opt) -> Iterator[tuple[str, str]]:
    yield group, option.dest
    for old in option.deprecated_opts:
        yield old.group or group, old.name or option.dest


def _of_gunicorn() -> set[str]:
    from gunicorn.config import KNOWN_SETTINGS

    return {setting.name for setting in KNOWN_SETTINGS}


def _of_accounts(sections: Iterable[Mapping[str, list[str]]]) -> set[str]:
    """Of the plugin that the group names, and of the usual one; one that there is not is refused elsewhere."""
    from keystoneauth1 import loading

    named = {
        value for options in sections for name in ("auth_type", "auth_plugin") for value in options.get(name, ())
    }
    plugins = {"password", *named} & entry_points(group=loading.PLUGIN_NAMESPACE).names
    options = (option for plugin in plugins for option in loading.get_auth_plugin_conf_options(plugin))
    return {name for option in options for _, name in _places("", option)}
