"""Where the log goes, by the options and by the files of deployers."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.compat.deployers import DEPLOYERS
from tests.support.service import MANAGE

# What every way of serving does first, and a line as the access log writes it.
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
    """What a program that is not ours by name writes to stdout and stderr."""
    configuration = tmp_path / "freezer.conf"
    configuration.write_text(f"[DEFAULT]\n{text}\n")
    command = [sys.executable, "-c", PROGRAM, "--config-file", str(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, done.stderr


def test_stderr_where_nothing_is_said(tmp_path: Path) -> None:
    out, err = logged(tmp_path, "")
    assert not out
    assert "INFO freezer_api.access [-] a line for the operator" in err


@pytest.mark.parametrize("options", ["log_dir = {}", "log_file = {}/freezer-api.log"])
def test_a_file_alone(tmp_path: Path, options: str) -> None:
    (tmp_path / "log").mkdir()
    assert logged(tmp_path, options.format(tmp_path / "log")) == ("", "")
    # The name is the service's, whatever program loads it.
    (file,) = (tmp_path / "log").iterdir()
    assert file.name == "freezer-api.log"
    assert "a line for the operator" in file.read_text()


def test_a_file_of_deployers_that_knows_us_by_a_shorter_name(tmp_path: Path) -> None:
    out, err = logged(tmp_path, f"log_config_append = {DEPLOYERS / 'helm-logging.conf'}")
    assert "INFO freezer_api.access [-] a line for the operator" in out
    assert "ERROR freezer_api.api.errors [-] an error" in out
    assert "a line of a library" not in out + err


def test_a_file_that_knows_us_by_our_name(tmp_path: Path) -> None:
    text = (DEPLOYERS / "helm-logging.conf").read_text()
    file = tmp_path / "logging.conf"
    file.write_text(
        text.replace("logger_freezer]", "logger_freezer_api]").replace("root,freezer", "root,freezer_api")
    )
    file.write_text(file.read_text().replace("qualname = freezer", "qualname = freezer_api"))
    assert "a line for the operator" in logged(tmp_path, f"log_config_append = {file}")[0]


def test_a_journal_without_its_library_is_warned_of(tmp_path: Path) -> None:
    said = "".join(logged(tmp_path, "use_journal = true"))
    assert "use_journal needs the package systemd-python" in said
    assert "a line for the operator" in said


def test_a_directory_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
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
def test_logging_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, before: str, after: str, reason: str
) -> None:
    file, configuration = tmp_path / "logging.conf", tmp_path / "freezer.conf"
    assert before in LOGGING_FILE
    file.write_text(LOGGING_FILE.replace(before, after))
    configuration.write_text(f"[DEFAULT]\nlog_config_append = {file}\n")
    command = [*MANAGE, "--config-file", str(configuration), "db", "show"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"freezer-manage: cannot log as configured: {file}: {reason}\n"
