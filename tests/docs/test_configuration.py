# SPDX-License-Identifier: Apache-2.0
"""The reference lists all options, and options that pages mention exist."""

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

from tests.docs import console

SOURCE = console.ROOT / "doc" / "source"
OPTIONS = SOURCE / "configuration" / "options.rst"
GENERATOR = console.ROOT / "etc" / "freezer" / "freezer-config-generator.conf"
SAMPLE = GENERATOR.with_name("freezer-api.conf.sample")

_BLOCK = re.compile(r"\.\. code-block:: ini\n\n((?:   .*\n|\n)+)")
_PLUGIN_OPTIONS = {"auth_url", "username", "password", "project_name", "user_domain_name", "project_domain_name"}
"""Options of ``auth_type = password``, which the sample does not list."""
_MENTION = re.compile(r"``\[(\w+)\]\s+(\w+)")


def _options() -> dict[str, set[str]]:
    """Return the names of options by group from the sample file."""
    found: dict[str, set[str]] = {"keystone_authtoken": set(_PLUGIN_OPTIONS)}
    names = found.setdefault("DEFAULT", set())
    for line in SAMPLE.read_text().splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            names = found.setdefault(match[1], set())
        elif match := re.match(r"#(\w+) =", line):
            names.add(match[1])
    return found


def _namespaces() -> list[str]:
    return re.findall(r"^namespace = (\S+)$", GENERATOR.read_text(), re.MULTILINE)


def test_reference_has_namespaces_of_sample() -> None:
    listed = re.findall(r"^   ([a-z_.-]+)$", OPTIONS.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(_namespaces())


def test_options_in_pages_exist() -> None:
    known, mentioned = _options(), set()
    for page in console.PAGES:
        # Messages on this page may quote other options.
        text = re.sub(r"^``.*``$", "", page.read_text(), flags=re.MULTILINE)
        mentioned |= {(group, option) for group, option in _MENTION.findall(text)}
    assert {(group, option) for group, option in mentioned if option not in known.get(group, ())} == set()
    assert len(mentioned) > 10


def _blocks() -> Iterator[tuple[Path, str]]:
    for page in console.PAGES:
        for block in _BLOCK.findall(page.read_text()):
            yield page, block


def test_options_in_ini_blocks_exist() -> None:
    known, examples = _options(), 0
    for page, block in _blocks():
        file = ConfigParser(delimiters="=", interpolation=None, default_section="")
        file.read_string("\n".join(line[3:] for line in block.splitlines()))
        if any(":" in section for section in file.sections()):
            continue  # The block is part of a paste file.
        examples += 1
        for section in file.sections():
            assert set(file[section]) <= known[section], (page.name, section)
    assert examples
