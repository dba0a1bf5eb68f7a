# SPDX-License-Identifier: Apache-2.0
"""The sample configuration file is complete, and is what ``make samples`` generates from the current options.

For options of libraries only the names are compared, because their descriptions differ between releases.
"""

import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import cfg, generator
from oslo_db.options import database_opts

from freezer_api.conf import catalog, obsolete, opts

with warnings.catch_warnings():
    # WebOb, which oslo.middleware imports, uses a module that Python 3.13 removed.
    warnings.simplefilter("ignore", DeprecationWarning)
    from freezer_api import pipeline

ETC = Path(__file__).parents[3] / "etc/freezer"
SAMPLE = ETC / "freezer-api.conf.sample"
COMMAND_LINE = {option.dest for option in opts.STANDALONE} | {
    "config_file",
    "config_dir",
    "config_source",
    "shell_completion",
}
OPTION = re.compile(r"^#([\w-]+) =", re.MULTILINE)


def generate(*arguments: str) -> str:
    """Return the output of ``oslo-config-generator``."""
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(arguments, default_config_files=[])
    text = io.StringIO()
    with warnings.catch_warnings():
        # Older releases of the generator use deprecated functions of another library.
        warnings.simplefilter("ignore", DeprecationWarning)
        generator.generate(conf, text)
    return text.getvalue()


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the group of each option, and the option with its comment."""
    group = ""
    for block in map(str.strip, text.split("\n\n")):
        if match := re.fullmatch(r"\[(\S+)\]", block):
            group = match[1]
        elif OPTION.search(block):
            yield group, block


def names(text: str) -> set[tuple[str, str]]:
    return {(group, name) for group, block in blocks(text) for name in OPTION.findall(block)}


@pytest.fixture(scope="module")
def shipped() -> str:
    return SAMPLE.read_text()


def test_every_line_is_commented_out(shipped: str) -> None:
    assert all(not line or line.startswith(("#", "[")) for line in shipped.splitlines())


def test_own_options_are_up_to_date(shipped: str) -> None:
    there = set(blocks(shipped))
    ours = blocks(generate("--namespace", "freezer-api", "--wrap-width", "79"))
    # Libraries describe the options in these groups.
    described = {("keystone_authtoken", ""), *_options_of_libraries()}
    changed = [
        (group, block)
        for group, block in ours
        if (group, block) not in there and not {(group, name) for name in ["", *OPTION.findall(block)]} & described
    ]
    assert changed == [], "run make samples"


def _options_of_libraries() -> Iterator[tuple[str, str]]:
    for namespace in ("oslo.log", "oslo.db", "oslo.policy"):
        for group, option in catalog.options(namespace):
            yield group, option.dest


@pytest.fixture(scope="module")
def generated() -> str:
    return generate("--config-file", str(ETC / "freezer-config-generator.conf"))


def test_options_of_libraries_are_in_the_sample(shipped: str, generated: str) -> None:
    # Deprecated options may be missing in the release with which the sample was generated.
    kept = "\n\n".join(block for block in generated.split("\n\n") if "deprecated for removal" not in block)
    assert names(kept) - names(shipped) == set(), "run make samples"


def test_every_option_of_oslo_db_is_listed_or_obsolete() -> None:
    without_effect = {option.name for option in obsolete.OPTIONS if option.group == "database"}
    listed = {option.dest for option in opts.DATABASE}
    # Deprecated options are missing in later releases.
    library = {option.dest for option in database_opts if not option.deprecated_for_removal}
    assert library - without_effect == listed
    assert listed & without_effect == set()


def test_every_option_that_is_read_is_listed(generated: str) -> None:
    conf = cfg.ConfigOpts()
    opts.register(conf)
    pipeline.register(conf)
    conf([], default_config_files=[], default_config_dirs=[])
    read = {("DEFAULT", name) for name in conf if not isinstance(conf[name], cfg.ConfigOpts.GroupAttr)}
    groups = {name for name in conf if isinstance(conf[name], cfg.ConfigOpts.GroupAttr)}
    read |= {(group, name) for group in groups for name in conf[group]}
    old = {(option.group, option.name) for option in obsolete.OPTIONS}
    # This option affects deprecated rules, and the service has none.
    old.add(("oslo_policy", "enforce_new_defaults"))
    read = {(group, name) for group, name in read - old if name not in COMMAND_LINE}
    # Plugins register their options with dashes in the names.
    assert read - {(group, name.replace("-", "_")) for group, name in names(generated)} == set()
