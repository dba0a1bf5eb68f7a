# SPDX-License-Identifier: Apache-2.0
"""Obsolete options: one line for each that a configuration file sets."""

from collections.abc import Callable

import pytest

from freezer_api.conf import obsolete, opts
from tests.unit.conftest import ReadConfig

Find = Callable[[str], list[str]]


@pytest.fixture
def find(read_config: ReadConfig) -> Find:
    """Return a function that returns the lines reported for a file of this text, without the name of the file."""

    def _find(text: str) -> list[str]:
        conf = read_config(text, opts.register)
        return [line.replace(conf.config_file[0], "FILE") for line in obsolete.find_obsolete(conf)]

    return _find


def test_every_obsolete_option_is_reported_without_its_value(find: Find) -> None:
    text = "".join(f"[{option.group}]\n{option.name} = 1\n" for option in obsolete.OPTIONS)
    effects = [
        f"is an old name; write {option.today}" if option.today else "is ignored" for option in obsolete.OPTIONS
    ]
    expected = [
        f"[{o.group}] {o.name} in FILE {effect}" for o, effect in zip(obsolete.OPTIONS, effects, strict=True)
    ]
    assert find(text) == expected


def test_group_that_backend_names_is_inspected(find: Find) -> None:
    text = "[storage]\nbackend = Other\n[other]\nhost = 0.0.0.0\n"
    assert find(text) == ["[other] host in FILE is ignored"]


@pytest.mark.parametrize(
    "text",
    [
        "[storage]\nendpoint =\n[oslo_policy]\nenforce_scope = true\n",
        "[oslo_concurrency]\nlock_path = /var/lock\n[no_group]\nno_option = 1\n",
    ],
)
def test_empty_unknown_and_current_options_are_not_reported(find: Find, text: str) -> None:
    assert find(text) == []
