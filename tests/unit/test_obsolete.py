"""Options of older releases: one line for each that is in use."""

from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.conf import obsolete, opts, reading


@pytest.fixture
def told(tmp_path: Path):  # type: ignore[no-untyped-def]
    """What is said of a file with this text."""

    def _told(text: str) -> list[str]:
        file = tmp_path / "freezer.conf"
        file.write_text(text)
        conf = cfg.ConfigOpts()
        opts.register(conf)
        reading.read(conf, ["--config-file", str(file)], [], files=[], directories=[], project="freezer")
        return [line.replace(f" in {file}", "") for line in obsolete.find_obsolete(conf)]

    return _told


def test_one_line_for_each_and_no_value(told) -> None:  # type: ignore[no-untyped-def]
    text = "".join(f"[{option.group}]\n{option.name} = 1\n" for option in obsolete.OPTIONS)
    lines = told(text)
    assert len(lines) == len(obsolete.OPTIONS)
    for option, line in zip(obsolete.OPTIONS, lines, strict=True):
        ending = f"is an old name; write {option.today}" if option.today else "is ignored"
        assert line == f"[{option.group}] {option.name} {ending}"


def test_the_file_is_named(tmp_path: Path, told) -> None:  # type: ignore[no-untyped-def]
    told("[DEFAULT]\nhost_href = x\n")
    conf = cfg.ConfigOpts()
    opts.register(conf)
    files = [str(tmp_path / "freezer.conf")]
    reading.read(conf, [], [], files=files, directories=[], project="freezer")
    assert list(obsolete.find_obsolete(conf)) == [f"[DEFAULT] host_href in {files[0]} is ignored"]


def test_the_group_that_has_the_options_of_the_store(told) -> None:  # type: ignore[no-untyped-def]
    assert told("[storage]\nbackend = other\n[other]\nhost = 0.0.0.0\n") == ["[other] host is ignored"]


def test_nothing_is_said_of_what_is_empty_unknown_or_of_today(told) -> None:  # type: ignore[no-untyped-def]
    assert told("[storage]\nendpoint =\n[oslo_policy]\nenforce_scope = true\n") == []
    assert told("[oslo_concurrency]\nlock_path = /var/lock\n[no_group]\nno_option = 1\n") == []
