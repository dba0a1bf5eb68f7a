# SPDX-License-Identifier: Apache-2.0
"""Destinations of the log: options, deployers' logging files, and invalid logging files."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.compat.deployers import DEPLOYERS
from tests.support.service import MANAGE

# A program that sets up logging as the service does, and logs lines.
PROGRAM = """
import logging, sys
from oslo_config import cfg
from freezer_api import bootstrap
bootstrap.configure(cfg.CONF, sys.argv[1:])
bootstrap.set_up(cfg.CONF)
logging.getLogger("freezer_api.access").info("a line for the operator")
logging.getLogger("freezer_api.api.errors").error("an error")
logging.getLogger("elsewhere").info("a line of a library")
"""


def logged(tmp_path: Path, text: str) -> tuple[str, str]:
    """Return stdout and stderr of a program with another name than freezer-api."""
    configuration = tmp_path / "freezer.conf"
    configuration.write_text(f"[DEFAULT]\n{text}\n")
    command = [sys.executable, "-c", PROGRAM, "--config-file", str(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout, done.stderr


def test_log_is_written_to_stderr_by_default(tmp_path: Path) -> None:
    out, err = logged(tmp_path, "")
    assert not out
    assert "INFO freezer_api.access [-] a line for the operator" in err


@pytest.mark.parametrize("options", ["log_dir = {}", "log_file = {}/freezer-api.log"])
def test_configured_log_file_replaces_stderr(tmp_path: Path, options: str) -> None:
    (tmp_path / "log").mkdir()
    assert logged(tmp_path, options.format(tmp_path / "log")) == ("", "")
    # The file has the name of the service, not of the program.
    (file,) = (tmp_path / "log").iterdir()
    assert file.name == "freezer-api.log"
    assert "a line for the operator" in file.read_text()


@pytest.mark.parametrize("name", ["freezer", "freezer_api"])
def test_logging_file_of_deployers_applies_to_both_logger_names(tmp_path: Path, name: str) -> None:
    file = tmp_path / "logging.conf"
    text = (DEPLOYERS / "helm-logging.conf").read_text()
    for line in ("[logger_freezer]", "root,freezer", "qualname = freezer"):
        assert line in text
        text = text.replace(line, line.replace("freezer", name))
    file.write_text(text)
    out, err = logged(tmp_path, f"log_config_append = {file}")
    assert "INFO freezer_api.access [-] a line for the operator" in out
    assert "ERROR freezer_api.api.errors [-] an error" in out
    assert "a line of a library" not in out + err


def test_journal_without_its_package_is_a_warning(tmp_path: Path) -> None:
    text = "".join(logged(tmp_path, "use_journal = true"))
    assert "use_journal needs the package systemd-python" in text
    assert "a line for the operator" in text


def test_missing_log_directory_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        logged(tmp_path, f"log_dir = {tmp_path}/nowhere")
    assert failed.value.stderr.splitlines()[-1].startswith(
        "freezer_api.errors.ConfigurationError: cannot log as configured"
    )


LOGGING_FILE = """
[loggers]
keys = root
[handlers]
keys = stderr
[formatters]
keys = plain
[logger_root]
level = INFO
handlers = stderr
[handler_stderr]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(message)s
"""
BROKEN = [
    ("class = StreamHandler", "class = no.such.Handler", "No module named 'no'"),
    ("class = StreamHandler", "class = logging.NoSuch", "No module named 'logging.NoSuch'"),
    ("format = %(message)s", "class = no.such.Formatter", "No module named 'no'"),
    ("handlers = stderr\n[h", "handlers = other\n[h", "'other' is missing"),
    ("formatter = plain", "formatter = other", "'other' is missing"),
    ("[formatters]", "[others]", "'formatters' is missing"),
    ("level = INFO", "level = LOUD", "Unknown level: 'LOUD'"),
    ("(sys.stderr,)", "(sys.no_such,)", "module 'sys' has no attribute 'no_such'"),
    ("(sys.stderr,)", "(", "'(' was never closed (<string>, line 1)"),
    ("(sys.stderr,)", "(1 / 0,)", "division by zero"),
    (
        "StreamHandler\nargs = (sys.stderr,)",
        "FileHandler\nargs = ('/no/such',)",
        "/no/such: No such file or directory",
    ),
    ("[loggers]", "tulip", "it is empty, or a line is neither [section] nor name = value"),
    (LOGGING_FILE, "", "it is empty, or a line is neither [section] nor name = value"),
    ("format = %(message)s", "format = %(", "Invalid format '%(' for '%' style"),
]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [BROKEN[0], *(pytest.param(*broken, marks=pytest.mark.slow) for broken in BROKEN[1:])],
)
def test_invalid_logging_file_is_reported_in_one_line(
    tmp_path: Path, before: str, after: str, reason: str
) -> None:
    file, configuration = tmp_path / "logging.conf", tmp_path / "freezer.conf"
    assert before in LOGGING_FILE
    file.write_text(LOGGING_FILE.replace(before, after))
    configuration.write_text(f"[DEFAULT]\nlog_config_append = {file}\n")
    command = [*MANAGE, "--config-file", str(configuration), "db", "show"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"freezer-manage: cannot log as configured: {file}: {reason}\n"
