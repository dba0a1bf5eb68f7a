"""Where the log goes, by the options and by the files of deployers."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployers import DEPLOYERS

# What every way of serving does first, and a line as the access log writes it.
PROGRAM = """
import logging, sys
from oslo_config import cfg
from freezer_api.cmd import start
start.configure(cfg.CONF, sys.argv[1:])
start.begin(cfg.CONF)
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
        "freezer_api.errors.StartFailed: cannot log as configured"
    )
